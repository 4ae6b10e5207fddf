<?php

namespace App\Work;

use GuzzleHttp\Psr7\Utils;
use Psr\Http\Message\StreamInterface;

/** The relay of a streamed chat completion: each chunk of `upstream` through the parser, and on as a server-sent event. */
class Relay
{
    private const PREFIX = 'data: ';

    private const DONE = '[DONE]';

    /** Sends an event for each line, as soon as it comes (PHP's own fgets would wait for 8 KB of a chunked body). */
    public static function send(StreamInterface $source): void
    {
        while (! $source->eof()) {
            $data = substr(trim(Utils::readLine($source)), strlen(self::PREFIX));
            if ($data !== '') {
                echo self::PREFIX, $data === self::DONE ? self::DONE : self::throughParser($data), "\n\n";
                flush();
            }
        }
    }

    private static function throughParser(string $data): string
    {
        $delta = Parser::decode($data)->choices[0]->delta;

        return json_encode(Parser::answer(Parser::textOf($delta)), JSON_THROW_ON_ERROR);
    }
}
