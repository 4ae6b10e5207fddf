// File work: fixture files of known content, read and summed up.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';

import { Places } from './places.js';
import { fileThreads } from './settings.js';
import { sleepBlocking } from './waits.js';

export const SIZES_KB = [1, 64, 1024];

// `kb` kilobytes of numbered lines, 16 bytes each.
const content = (kb) => Array.from({ length: kb * 64 }, (_, line) => `${String(line).padStart(15, '0')}\n`).join('');

// A folder with one file of each size, until this process ends.
export class Fixtures {
  #folder = mkdtempSync(join(tmpdir(), 'lab-files-'));

  constructor() {
    for (const kb of SIZES_KB) writeFileSync(this.path(kb), content(kb));
    process.once('exit', () => rmSync(this.#folder, { recursive: true, force: true }));
  }

  path(kb) {
    return join(this.#folder, `${kb}.txt`);
  }
}

// The whole file; a slow (networked) file system takes `ms` milliseconds to open it, and this thread with it.
export function readBlocking(path, ms) {
  if (ms) sleepBlocking(ms);
  return readFileSync(path);
}

// JavaScript cannot make a thread of libuv wait as a slow file system would: the wait holds a place instead, of as
// many as there are threads.
const places = new Places(fileThreads);

export function read(path, ms) {
  if (!ms) return readFile(path);
  return places.run(async () => {
    await sleep(ms);
    return readFile(path);
  });
}

export const answer = (content) => ({ size: content.length, crc32: crc32(content).toString(16).padStart(8, '0') });
