<?php

namespace App\Http;

use App\Exceptions\BadRequest;
use App\Work\Crunch;
use App\Work\Files;
use Illuminate\Http\Request;

/** Query parameters of the contract: read, bounded, and refused with one sentence. */
class Params
{
    public function __construct(private Request $request)
    {
    }

    public function count(): int
    {
        return $this->integer('n', 10, 1, 100);
    }

    public function limit(): int
    {
        return $this->integer('limit', 10, 1, 100);
    }

    public function chunks(): int
    {
        return $this->integer('chunks', 10, 1, 1_000);
    }

    public function milliseconds(int $default): int
    {
        return $this->integer('ms', $default, 0, 60_000);
    }

    public function rounds(): int
    {
        return $this->integer('rounds', Crunch::DEFAULT_ROUNDS, 1, Crunch::MOST_ROUNDS);
    }

    public function seed(): int
    {
        return $this->integer('seed', 1, 0, 2 ** 31 - 1);
    }

    public function capacity(): int
    {
        return $this->integer('capacity', 0, 0, 100_000);
    }

    public function kilobytes(): int
    {
        $text = $this->text('kb', '64');
        if (! in_array($text, array_map(strval(...), Files::SIZES_KB), true)) {
            throw new BadRequest('kb must be one of '.implode(', ', Files::SIZES_KB));
        }

        return (int) $text;
    }

    private function integer(string $name, int $default, int $low, int $high): int
    {
        $text = $this->text($name, (string) $default);
        // A cast takes more than the contract promises: '', ' 1', '1x'.
        if (! preg_match('/^[0-9]{1,10}$/D', $text) || $text < $low || $text > $high) {
            throw new BadRequest("$name must be a whole number from $low to $high");
        }

        return (int) $text;
    }

    /** PHP makes a list named `ms` of `ms[]=1`; in the contract that is another parameter, which is ignored. */
    private function text(string $name, string $default): string
    {
        $text = $this->request->query($name, $default);

        return is_string($text) ? $text : $default;
    }
}
