// A wait that holds its thread, which in Node.js is the event loop's.

const never = new Int32Array(new SharedArrayBuffer(4));

export function sleepBlocking(ms) {
  Atomics.wait(never, 0, 0, ms);
}
