// CPU work off the event loop: on one worker thread, or in one child process.
//
// One of each, since a worker thread is an engine of its own (about 10 MB), not a cheap thread of this one: its users
// have one per core, and so has the process pool of the Python stacks.

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

const CODE = new URL('./crunch-worker.js', import.meta.url);

class Offload {
  #send;
  #waiting = [];

  constructor(worker, send) {
    this.#send = send;
    // One worker answers in the order in which it was asked.
    worker.on('message', (digest) => this.#waiting.shift()(digest));
  }

  digest(rounds) {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#send(rounds);
    });
  }
}

// Both are up before they are handed out: no request pays for their start.
export async function startThread() {
  const worker = new Worker(CODE);
  return started(new Offload(worker, (rounds) => worker.postMessage(rounds)));
}

export async function startProcess() {
  const child = fork(fileURLToPath(CODE));
  return started(new Offload(child, (rounds) => child.send(rounds)));
}

async function started(offload) {
  await offload.digest(1);
  return offload;
}
