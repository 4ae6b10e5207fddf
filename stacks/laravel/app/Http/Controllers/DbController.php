<?php

namespace App\Http\Controllers;

use App\Http\Params;
use App\Work\Database;

class DbController
{
    public function one(Params $params): array
    {
        return Database::sequential(Database::seededIds($params->seed(), 1), $params->milliseconds(0));
    }

    public function sequential(Params $params): array
    {
        $ids = Database::seededIds($params->seed(), $params->count());

        return Database::sequential($ids, $params->milliseconds(0));
    }

    public function batched(Params $params): array
    {
        $ids = Database::seededIds($params->seed(), $params->count());

        return Database::batched($ids, $params->milliseconds(0));
    }
}
