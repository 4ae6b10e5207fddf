<?php

namespace App\Http;

use Illuminate\Foundation\Http\Kernel as HttpKernel;
use Illuminate\Foundation\Http\Middleware\PreventRequestsDuringMaintenance;
use Illuminate\Foundation\Http\Middleware\ValidatePostSize;
use Illuminate\Routing\Middleware\SubstituteBindings;

/**
 * The middleware of a new Laravel application's API, but for what would change the contract: TrimStrings and
 * ConvertEmptyStringsToNull rewrite parameters, the throttle refuses load. There is no proxy to trust and no other origin.
 */
class Kernel extends HttpKernel
{
    protected $middleware = [PreventRequestsDuringMaintenance::class, ValidatePostSize::class];

    protected $middlewareGroups = ['api' => [SubstituteBindings::class]];
}
