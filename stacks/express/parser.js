// Quick CPU work: the text of a chat message chunk.

import { BadRequestError } from './params.js';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// The chunk in a request's body; BadRequestError for what is no JSON object in UTF-8.
export function decode(body) {
  let chunk;
  try {
    chunk = JSON.parse(UTF8.decode(body));
  } catch {
    throw new BadRequestError('the body must be JSON');
  }
  if (!isObject(chunk)) throw new BadRequestError('the body must be a JSON object');
  return chunk;
}

// Joins the `text` of the parts in `content`: parts that are no object or have no text are skipped, content that is
// no list has no parts, a text that is no string (or holds half a surrogate pair) is a BadRequestError.
export function textOf({ content }) {
  if (!Array.isArray(content)) return '';
  let joined = '';
  for (const part of content) {
    if (!isObject(part) || !('text' in part)) continue;
    if (typeof part.text !== 'string') throw new BadRequestError('text must be a string of Unicode characters');
    joined += part.text;
  }
  if (!joined.isWellFormed()) throw new BadRequestError('text must be a string of Unicode characters');
  return joined;
}

// `textOf` as an async function: it never waits.
export async function textOfAsync(chunk) {
  return textOf(chunk);
}

export const answer = (text) => ({ text });

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
