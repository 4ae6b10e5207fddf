// Database work: a pool of connections to PostgreSQL (pg).

import pg from 'pg';

const FIRST_ID = 10_000;
const IDS = 10_000;
const LONGEST_WAIT_MS = 60_000;

// `n` ids out of 10000-19999 by a linear congruence; no value reaches 2^53.
export function seededIds(seed, n) {
  let state = seed;
  return Array.from({ length: n }, () => {
    state = (state * 48_271 + 11) % 2_147_483_647;
    return FIRST_ID + (state % IDS);
  });
}

export class Database {
  #pool;

  constructor(url, connections) {
    this.#pool = new pg.Pool({
      connectionString: url,
      max: connections,
      idleTimeoutMillis: 0,
      connectionTimeoutMillis: LONGEST_WAIT_MS,
    });
    this.#pool.on('error', (error) => console.error(`a connection to PostgreSQL ended: ${error.message}`));
  }

  // Connections at most, as the pool has it.
  get connections() {
    return this.#pool.options.max;
  }

  // Opens all connections, so that no request waits for one to be made.
  async open() {
    const clients = await Promise.all(Array.from({ length: this.#pool.options.max }, () => this.#pool.connect()));
    for (const client of clients) client.release();
  }

  // One query after the other on one connection; each takes the database `ms` milliseconds longer.
  async sequential(ids, ms) {
    const client = await this.#pool.connect();
    try {
      const rows = [];
      for (const id of ids) rows.push(...(await client.query(...selectOne(id, ms))).rows);
      return answer(ids, rows);
    } finally {
      client.release();
    }
  }

  // All rows in one round trip, which takes the database `ms` milliseconds longer.
  async batched(ids, ms) {
    const { rows } = await this.#pool.query(...selectMany(ids, ms));
    return answer(ids, rows);
  }
}

function selectOne(id, ms) {
  if (!ms) return ['SELECT id, value FROM items WHERE id = $1', [id]];
  return ['SELECT id, value FROM pg_sleep($1), items WHERE id = $2', [ms / 1000, id]];
}

function selectMany(ids, ms) {
  if (!ms) return ['SELECT id, value FROM items WHERE id = ANY($1)', [ids]];
  return ['SELECT id, value FROM pg_sleep($1), items WHERE id = ANY($2)', [ms / 1000, ids]];
}

// The rows in the order of `ids`, which may hold an id twice.
function answer(ids, rows) {
  const values = new Map(rows.map(({ id, value }) => [id, value]));
  return { rows: ids.map((id) => ({ id, value: values.get(id) })) };
}
