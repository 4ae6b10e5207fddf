<?php

namespace App\Http\Controllers;

use Illuminate\Http\Request;

/** What PHP-FPM and Apache really run with, as they tell a script; never from the environment. */
class SettingsController
{
    public function answer(Request $request): array
    {
        $processes = fpm_get_status()['total-processes'];

        return [
            'slots' => $processes,
            'db_pool' => $processes,
            'upstream_connections' => null,
            'keep_alive_s' => null,
            'loop' => null,
            'parser' => 'apache',
            'language' => 'php '.PHP_VERSION,
            'server' => self::server($request->server('SERVER_SOFTWARE')),
            'framework' => 'laravel '.app()->version(),
        ];
    }

    /** `Apache/2.4.65 (Debian)` as `apache 2.4.65`. */
    private static function server(string $software): string
    {
        return strtolower(str_replace('/', ' ', strtok($software, ' ')));
    }
}
