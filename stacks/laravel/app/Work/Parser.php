<?php

namespace App\Work;

use App\Exceptions\BadRequest;
use JsonException;
use stdClass;

/** Quick CPU work: the text of a chat message chunk. */
class Parser
{
    /** The first character of a key that begins with NUL; PHP's objects have no property of such a name. */
    private const NUL_OF_KEY = '/(?<!\\\\)"\\\\u0000(?=(?:[^"\\\\]|\\\\.)*+"\s*+:)/s';

    public static function answer(string $text): array
    {
        return ['text' => $text];
    }

    /** The chunk in a request's body; BadRequest for what is no JSON object in UTF-8. */
    public static function decode(string $body): stdClass
    {
        try {
            $chunk = json_decode($body);
            if (json_last_error() === JSON_ERROR_INVALID_PROPERTY_NAME) {
                $body = preg_replace(self::NUL_OF_KEY, '"_', $body); // no such key is read
            }
            $chunk ??= json_decode($body, flags: JSON_THROW_ON_ERROR);
        } catch (JsonException) {
            throw new BadRequest('the body must be JSON');
        }
        if (! $chunk instanceof stdClass) {
            throw new BadRequest('the body must be a JSON object');
        }

        return $chunk;
    }

    /**
     * Joins the `text` of the parts in `content`: parts that are no object or have no text are skipped, content that
     * is no list has no parts, a text that is no string is a BadRequest (half a surrogate pair already was, to `decode`).
     */
    public static function textOf(stdClass $chunk): string
    {
        $content = $chunk->content ?? null;
        if (! is_array($content)) {
            return '';
        }
        $joined = '';
        foreach ($content as $part) {
            if (! $part instanceof stdClass || ! property_exists($part, 'text')) {
                continue;
            }
            if (! is_string($part->text)) {
                throw new BadRequest('text must be a string of Unicode characters');
            }
            $joined .= $part->text;
        }

        return $joined;
    }
}
