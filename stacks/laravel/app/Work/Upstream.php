<?php

namespace App\Work;

use App\Exceptions\UpstreamFailed;
use Generator;
use GuzzleHttp\Promise\Each;
use GuzzleHttp\Utils;
use Illuminate\Http\Client\Pool;
use Illuminate\Http\Client\Response;
use Illuminate\Support\Facades\Http;
use Psr\Http\Message\StreamInterface;
use Throwable;

/** Calls to another service by Laravel's HTTP client. Its connections live as long as the request that makes them. */
class Upstream
{
    /** Longer than the longest delay that can be asked for. */
    private const READ_TIMEOUT_S = 90;

    public static function delayUrl(int $ms, int $capacity): string
    {
        return config('lab.upstream_url')."/delay?ms=$ms".($capacity ? "&capacity=$capacity" : '');
    }

    public static function streamUrl(int $chunks, int $ms): string
    {
        return config('lab.upstream_url')."/stream?chunks=$chunks&ms=$ms";
    }

    /** `n` calls, one after the other, on one connection. */
    public static function sequential(string $url, int $n): array
    {
        $http = Http::setHandler(Utils::chooseHandler())->timeout(self::READ_TIMEOUT_S);
        $answers = [];
        for ($call = 0; $call < $n; $call++) {
            $answers[] = self::read($http->get($url));
        }

        return ['answers' => $answers];
    }

    /** `n` calls at once. */
    public static function concurrent(string $url, int $n): array
    {
        $outcomes = Http::pool(function (Pool $pool) use ($url, $n) {
            for ($call = 0; $call < $n; $call++) {
                $pool->timeout(self::READ_TIMEOUT_S)->get($url);
            }
        });

        return ['answers' => array_map(self::read(...), $outcomes)];
    }

    /** `n` calls, at most `limit` at once. */
    public static function bounded(string $url, int $n, int $limit): array
    {
        $answers = [];
        $keep = function (Response|Throwable $outcome) use (&$answers) {
            $answers[] = self::read($outcome);
        };
        Each::ofLimit(self::calls($url, $n), $limit, $keep)->wait();

        return ['answers' => $answers];
    }

    /** A streamed answer, to be read as it comes. */
    public static function stream(string $url): StreamInterface
    {
        $response = Http::withOptions(['stream' => true])->timeout(self::READ_TIMEOUT_S)->get($url);

        return self::checked($response)->toPsrResponse()->getBody();
    }

    private static function calls(string $url, int $n): Generator
    {
        $http = Http::setHandler(Utils::chooseHandler())->timeout(self::READ_TIMEOUT_S)->async();
        for ($call = 0; $call < $n; $call++) {
            yield $http->get($url);
        }
    }

    /** Of calls at once, those that had no response give the reason as a value. */
    private static function read(Response|Throwable $outcome): array
    {
        if ($outcome instanceof Throwable) {
            throw $outcome;
        }

        return self::checked($outcome)->json();
    }

    private static function checked(Response $response): Response
    {
        if (! $response->ok()) {
            throw new UpstreamFailed("upstream answered {$response->status()}");
        }

        return $response;
    }
}
