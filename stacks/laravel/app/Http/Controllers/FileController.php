<?php

namespace App\Http\Controllers;

use App\Http\Params;
use App\Work\Files;

class FileController
{
    public function blocking(Params $params): array
    {
        return Files::answer($params->kilobytes(), $params->milliseconds(0));
    }
}
