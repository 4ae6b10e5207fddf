// Query parameters of the contract: read, bounded, and refused with one sentence.

import { DEFAULT_ROUNDS, MOST_ROUNDS } from './crunch.js';
import { SIZES_KB } from './files.js';

// The request breaks the contract; the message says which part of it and why, and is shown to the client.
export class BadRequestError extends Error {}

export const count = (query) => integer(query, 'n', 10, 1, 100);
export const limit = (query) => integer(query, 'limit', 10, 1, 100);
export const chunks = (query) => integer(query, 'chunks', 10, 1, 1_000);
export const milliseconds = (query, fallback) => integer(query, 'ms', fallback, 0, 60_000);
export const rounds = (query) => integer(query, 'rounds', DEFAULT_ROUNDS, 1, MOST_ROUNDS);
export const seed = (query) => integer(query, 'seed', 1, 0, 2 ** 31 - 1);
export const capacity = (query) => integer(query, 'capacity', 0, 0, 100_000);

export function kilobytes(query) {
  const text = query.kb ?? '64';
  if (!SIZES_KB.map(String).includes(text)) {
    throw new BadRequestError(`kb must be one of ${SIZES_KB.join(', ')}`);
  }
  return Number(text);
}

function integer(query, name, fallback, low, high) {
  const text = query[name];
  if (text === undefined) return fallback;
  // Number() takes more than the contract promises: '', ' 1', '0x1', '1e1'.
  if (!/^[0-9]{1,10}$/.test(text) || Number(text) < low || Number(text) > high) {
    throw new BadRequestError(`${name} must be a whole number from ${low} to ${high}`);
  }
  return Number(text);
}
