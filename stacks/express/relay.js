// The relay of a streamed chat completion: each chunk of `upstream` through the parser, and on as a server-sent event.

import * as parser from './parser.js';

const PREFIX = 'data: ';
const DONE = '[DONE]';

export async function* relay(texts) {
  for await (const line of lines(texts)) {
    const data = line.trim().slice(PREFIX.length);
    if (data) yield `${PREFIX}${data === DONE ? DONE : throughParser(data)}\n\n`;
  }
}

async function* lines(texts) {
  let rest = '';
  for await (const text of texts) {
    const found = (rest + text).split('\n');
    rest = found.pop();
    yield* found;
  }
}

function throughParser(data) {
  const [{ delta }] = JSON.parse(data).choices;
  return JSON.stringify(parser.answer(parser.textOf(delta)));
}
