<?php

namespace App\Http\Controllers;

use App\Http\Params;
use App\Work\Crunch;

class CrunchController
{
    public function inline(Params $params): array
    {
        return Crunch::answer($params->rounds());
    }
}
