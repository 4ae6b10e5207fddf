// Long CPU work: a deterministic digest in a plain loop.

export const DEFAULT_ROUNDS = 14_000;
export const MOST_ROUNDS = 10_000_000;

// Every intermediate value is below 2^53, so that doubles compute the same as integers.
export function digest(rounds) {
  let state = 1;
  for (let step = 0; step < rounds; step++) {
    state = (state * 48_271 + step) % 2_147_483_647;
  }
  return state.toString(16).padStart(8, '0');
}

export const answer = (rounds, digest) => ({ rounds, digest });
