<?php

namespace App\Exceptions;

use Symfony\Component\HttpKernel\Exception\HttpException;

/** The request breaks the contract; the message says which part of it and why, and is shown to the client. */
class BadRequest extends HttpException
{
    public function __construct(string $message)
    {
        parent::__construct(422, $message);
    }
}
