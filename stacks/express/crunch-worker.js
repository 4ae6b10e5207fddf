// Computes digests off the event loop, as a worker thread or as a child process.

import { parentPort } from 'node:worker_threads';

import { digest } from './crunch.js';

if (parentPort) {
  parentPort.on('message', (rounds) => parentPort.postMessage(digest(rounds)));
} else {
  process.on('message', (rounds) => process.send(digest(rounds)));
}
