<?php

namespace App\Http\Controllers;

use App\Http\Params;
use App\Work\Crunch;

class BaselineController
{
    public function health(): array
    {
        return ['status' => 'ok', 'stack' => config('lab.stack')];
    }

    public function hello(): array
    {
        return ['message' => 'Hello, World!'];
    }

    public function wait(Params $params): array
    {
        $ms = $params->milliseconds(50);
        usleep($ms * 1000);

        return ['waited_ms' => $ms];
    }

    public function mixed(Params $params): array
    {
        [$ms, $rounds] = [$params->milliseconds(5), $params->rounds()];
        usleep($ms * 1000);

        return ['waited_ms' => $ms, ...Crunch::answer($rounds)];
    }
}
