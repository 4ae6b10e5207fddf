<?php

namespace App\Http\Controllers;

use App\Http\Params;
use App\Work\Relay;
use App\Work\Upstream;
use Symfony\Component\HttpFoundation\StreamedResponse;

class StreamController
{
    public function relay(Params $params): StreamedResponse
    {
        $source = Upstream::stream(Upstream::streamUrl($params->chunks(), $params->milliseconds(20)));

        return new StreamedResponse(fn () => Relay::send($source), headers: ['Content-Type' => 'text/event-stream']);
    }
}
