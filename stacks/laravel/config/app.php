<?php

use Illuminate\Support\ServiceProvider;

return [
    'name' => 'lab',
    'env' => 'production',
    'debug' => false,
    'url' => 'http://127.0.0.1',
    'timezone' => 'UTC',
    'locale' => 'en',
    'fallback_locale' => 'en',
    'maintenance' => ['driver' => 'file'],
    'providers' => ServiceProvider::defaultProviders()->merge([App\Providers\RouteServiceProvider::class])->toArray(),
    'aliases' => [],
];
