// What this process really runs with, read from its live objects, never from the environment.

import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('express/package.json');
const TASKS = '/proc/self/task';

export const answer = (server, databasePool, upstreamConnections) => ({
  slots: threads(),
  db_pool: databasePool,
  upstream_connections: upstreamConnections,
  keep_alive_s: server.keepAliveTimeout / 1000,
  loop: 'libuv',
  parser: 'llhttp',
  language: `node ${process.versions.node}`,
  server: `node ${process.versions.node}`,
  framework: `express ${version}`,
});

// libuv's threads, counted; null before libuv 1.50, which gave them no name to know them by.
function threads() {
  const names = readdirSync(TASKS).map((task) => readFileSync(`${TASKS}/${task}/comm`, 'utf8').trim());
  return names.filter((name) => name === 'libuv-worker').length || null;
}
