<?php

namespace App\Exceptions;

use GuzzleHttp\Exception\TransferException;
use Illuminate\Foundation\Exceptions\Handler as ExceptionHandler;
use Illuminate\Http\Client\ConnectionException;
use Throwable;

/** Every error is JSON with one sentence; never a stack trace. */
class Handler extends ExceptionHandler
{
    public function register(): void
    {
        // Calls at once that had no answer give Guzzle's own exception, a single call Laravel's.
        foreach ([ConnectionException::class, TransferException::class] as $failure) {
            $this->map($failure, fn () => new UpstreamFailed('upstream did not answer'));
        }
    }

    protected function shouldReturnJson($request, Throwable $e): bool
    {
        return true;
    }

    protected function convertExceptionToArray(Throwable $e): array
    {
        return ['error' => $this->isHttpException($e) ? $e->getMessage() : 'Internal Server Error'];
    }
}
