// What the environment says about this stack: the equal budgets of docker-compose.yml.

const environment = process.env;

export const stack = environment.LAB_STACK ?? 'unnamed';
// Connections to PostgreSQL, opened at start and kept.
export const databasePool = Number(environment.LAB_DB_POOL ?? 20);
export const databaseUrl = environment.LAB_DATABASE_URL ?? 'postgresql://lab@127.0.0.1:8191/postgres';
export const upstreamUrl = environment.LAB_UPSTREAM_URL ?? 'http://127.0.0.1:8192';
// Connections to `upstream` at most.
export const upstreamConnections = Number(environment.LAB_UPSTREAM_CONNECTIONS ?? 100);
// Threads of libuv, which read files.
export const fileThreads = Number(environment.UV_THREADPOOL_SIZE ?? 4);
