<?php

namespace App\Work;

/** Long CPU work: a deterministic digest in a plain loop. */
class Crunch
{
    public const DEFAULT_ROUNDS = 14_000;

    public const MOST_ROUNDS = 10_000_000;

    public static function answer(int $rounds): array
    {
        return ['rounds' => $rounds, 'digest' => self::digest($rounds)];
    }

    private static function digest(int $rounds): string
    {
        $state = 1;
        for ($step = 0; $step < $rounds; $step++) {
            $state = ($state * 48_271 + $step) % 2_147_483_647;
        }

        return sprintf('%08x', $state);
    }
}
