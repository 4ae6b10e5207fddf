<?php

return [
    'default' => 'pgsql',
    'connections' => [
        'pgsql' => [
            'driver' => 'pgsql',
            'url' => env('LAB_DATABASE_URL'),
            'prefix' => '',
            'options' => [
                // The nearest that PHP has to a pool: each process keeps its connection from request to request.
                PDO::ATTR_PERSISTENT => true,
                // A query is one round trip, not three (prepare, execute, deallocate).
                PDO::PGSQL_ATTR_DISABLE_PREPARES => true,
            ],
        ],
    ],
];
