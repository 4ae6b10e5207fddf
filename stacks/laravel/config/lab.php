<?php

// What the environment says about this stack; `serve` caches it at start.
return [
    'stack' => env('LAB_STACK', 'unnamed'),
    'upstream_url' => env('LAB_UPSTREAM_URL'),
    'files' => env('LAB_FILES'),
];
