<?php

namespace App\Work;

/** File work: the files that `serve` writes at start, read and summed up. */
class Files
{
    public const SIZES_KB = [1, 64, 1024];

    /** Reads a whole file; a slow (networked) file system takes `ms` milliseconds to open it. */
    public static function answer(int $kb, int $ms): array
    {
        usleep($ms * 1000);
        $content = file_get_contents(config('lab.files')."/$kb.txt");

        return ['size' => strlen($content), 'crc32' => hash('crc32b', $content)];
    }
}
