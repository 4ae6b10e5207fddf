// Calls to another service: undici, the client behind Node.js's own `fetch`, without the cost of fetch's web streams.

import { Pool } from 'undici';

import { Places } from './places.js';

// Kept connections are given up before `upstream` closes them (75 s).
const IDLE_MS = 60_000;
// Longer than the longest delay that can be asked for.
const READ_TIMEOUT_MS = 90_000;

// `upstream` refused or could not be reached; the message is shown to the client.
export class UpstreamError extends Error {}

export const delayPath = (ms, capacity) => `/delay?ms=${ms}${capacity ? `&capacity=${capacity}` : ''}`;

export const streamPath = (chunks, ms) => `/stream?chunks=${chunks}&ms=${ms}`;

export class Upstream {
  #pool;

  constructor(url, connections) {
    this.#pool = new Pool(url, {
      connections,
      keepAliveTimeout: IDLE_MS,
      headersTimeout: READ_TIMEOUT_MS,
      bodyTimeout: READ_TIMEOUT_MS,
    });
  }

  // Connections at most, as the pool has it; undici has no public name for it.
  get connections() {
    const symbol = Object.getOwnPropertySymbols(this.#pool).find(({ description }) => description === 'connections');
    return this.#pool[symbol];
  }

  // `n` calls, one after the other.
  async sequential(path, n) {
    const answers = [];
    for (let call = 0; call < n; call++) answers.push(await this.#get(path));
    return { answers };
  }

  // `n` calls at once, as far as connections reach.
  async concurrent(path, n) {
    return { answers: await Promise.all(Array.from({ length: n }, () => this.#get(path))) };
  }

  // `n` calls, at most `limit` at once.
  async bounded(path, n, limit) {
    const places = new Places(limit);
    return { answers: await Promise.all(Array.from({ length: n }, () => places.run(() => this.#get(path)))) };
  }

  // The text of a streamed answer as it comes; it holds a connection until its end.
  async stream(path) {
    return (await this.#body(path)).setEncoding('utf8');
  }

  async #get(path) {
    return (await this.#body(path)).json();
  }

  async #body(path) {
    const { statusCode, body } = await this.#answered(path);
    if (statusCode === 200) return body;
    await body.dump();
    throw new UpstreamError(`upstream answered ${statusCode}`);
  }

  async #answered(path) {
    try {
      return await this.#pool.request({ path, method: 'GET' });
    } catch (error) {
      throw new UpstreamError(`upstream did not answer (${error.code ?? error.name})`);
    }
  }
}
