<?php

namespace App\Exceptions;

use Symfony\Component\HttpKernel\Exception\HttpException;

/** `upstream` refused or could not be reached; the message is shown to the client. */
class UpstreamFailed extends HttpException
{
    public function __construct(string $message)
    {
        parent::__construct(502, $message);
    }
}
