<?php

namespace App\Http\Controllers;

use App\Http\Params;
use App\Work\Upstream;

class HttpController
{
    public function one(Params $params): array
    {
        return Upstream::sequential($this->url($params), 1);
    }

    public function sequential(Params $params): array
    {
        return Upstream::sequential($this->url($params), $params->count());
    }

    public function concurrent(Params $params): array
    {
        return Upstream::concurrent($this->url($params), $params->count());
    }

    public function bounded(Params $params): array
    {
        return Upstream::bounded($this->url($params), $params->count(), $params->limit());
    }

    private function url(Params $params): string
    {
        return Upstream::delayUrl($params->milliseconds(20), $params->capacity());
    }
}
