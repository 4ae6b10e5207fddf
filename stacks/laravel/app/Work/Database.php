<?php

namespace App\Work;

use Illuminate\Support\Facades\DB;

/** Database work on this process's one connection. */
class Database
{
    private const FIRST_ID = 10_000;

    private const IDS = 10_000;

    /** `n` ids out of 10000-19999 by a linear congruence. */
    public static function seededIds(int $seed, int $n): array
    {
        $ids = [];
        for ($row = 0; $row < $n; $row++) {
            $seed = ($seed * 48_271 + 11) % 2_147_483_647;
            $ids[] = self::FIRST_ID + $seed % self::IDS;
        }

        return $ids;
    }

    /** One query after the other; each takes the database `ms` milliseconds longer. */
    public static function sequential(array $ids, int $ms): array
    {
        $rows = array_map(fn (int $id) => self::select('id = ?', $id, $ms)[0], $ids);

        return self::answer($ids, $rows);
    }

    /** All rows in one round trip, which takes the database `ms` milliseconds longer. */
    public static function batched(array $ids, int $ms): array
    {
        return self::answer($ids, self::select('id = ANY(?)', '{'.implode(',', $ids).'}', $ms));
    }

    private static function select(string $condition, int|string $value, int $ms): array
    {
        if ($ms === 0) {
            return DB::select("SELECT id, value FROM items WHERE $condition", [$value]);
        }

        return DB::select("SELECT id, value FROM pg_sleep(?), items WHERE $condition", [$ms / 1000, $value]);
    }

    /** The rows in the order of `ids`, which may hold an id twice. */
    private static function answer(array $ids, array $rows): array
    {
        $values = array_column($rows, 'value', 'id');

        return ['rows' => array_map(fn (int $id) => ['id' => $id, 'value' => $values[$id]], $ids)];
    }
}
