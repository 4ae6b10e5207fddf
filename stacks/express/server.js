// Serves the application: node server.js --host= --port= --workers= --keep-alive=<seconds> --backlog=
//
// One worker is this process; several are processes of a cluster, to which this one hands connections in turn.
// Node.js's own limits on a connection are off, as they are on the other stacks: a client may take its time to send.

import cluster from 'node:cluster';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

import { WebSocketServer } from 'ws';

import { app } from './app.js';

const { values: options } = parseArgs({
  options: {
    host: { type: 'string' },
    port: { type: 'string' },
    workers: { type: 'string' },
    'keep-alive': { type: 'string' },
    backlog: { type: 'string' },
  },
});
const STOP_WITHIN_MS = 2000;

function serve() {
  const server = createServer({ headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: options['keep-alive'] * 1000 }, app);
  server.listen({ host: options.host, port: Number(options.port), backlog: Number(options.backlog) });

  new WebSocketServer({ server, path: '/ws' }).on('connection', (socket) => {
    socket.on('error', (error) => console.error(`a WebSocket ended: ${error.message}`));
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });

  process.once('SIGTERM', () => {
    server.close(() => process.exit());
    setTimeout(() => process.exit(), STOP_WITHIN_MS);
  });
}

function start(workers) {
  let stopping = false;
  for (let one = 0; one < workers; one += 1) cluster.fork();
  cluster.on('exit', () => {
    if (!stopping) cluster.fork();
    else if (Object.keys(cluster.workers).length === 0) process.exit();
  });
  process.once('SIGTERM', () => {
    stopping = true;
    for (const worker of Object.values(cluster.workers)) worker.kill('SIGTERM');
  });
}

if (cluster.isPrimary && Number(options.workers) > 1) start(Number(options.workers));
else serve();
