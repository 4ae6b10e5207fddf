<?php

namespace App\Exceptions;

use Illuminate\Foundation\Exceptions\Handler as ExceptionHandler;
use Illuminate\Http\Client\ConnectionException;
use Throwable;

/** Every error is JSON with one sentence; never a stack trace. */
class Handler extends ExceptionHandler
{
    public function register(): void
    {
        $this->map(ConnectionException::class, fn () => new UpstreamFailed('upstream did not answer'));
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
