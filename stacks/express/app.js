// Express on Node.js: one process, one event loop; what would block it is awaited, or sent to a worker.
//
// stacks/README.md says what each path takes and answers.

import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import express, { Router } from 'express';

import * as crunch from './crunch.js';
import { Database, seededIds } from './database.js';
import * as files from './files.js';
import * as effective from './effective.js';
import { startProcess, startThread } from './offload.js';
import * as params from './params.js';
import * as parser from './parser.js';
import { relay } from './relay.js';
import * as settings from './settings.js';
import { Upstream, UpstreamError, delayPath, streamPath } from './upstream.js';
import { sleepBlocking } from './waits.js';

const fixtures = new files.Fixtures();
const database = new Database(settings.databaseUrl, settings.databasePool);
const upstream = new Upstream(settings.upstreamUrl, settings.upstreamConnections);
const [thread, child] = await Promise.all([startThread(), startProcess(), database.open()]);

export const app = express();
// Headers that no other stack sends, one of them a hash of every body.
app.disable('x-powered-by');
app.disable('etag');

app.get('/health', (request, response) => {
  response.json({ status: 'ok', stack: settings.stack });
});

app.get('/settings', ({ socket }, response) => {
  response.json(effective.answer(socket.server, database.connections, upstream.connections));
});

app.get('/json', (request, response) => {
  response.json({ message: 'Hello, World!' });
});

const parseRoutes = Router();
parseRoutes.use(express.raw({ type: () => true, limit: Infinity }));

parseRoutes.post('/plain', ({ body }, response) => {
  response.json(parser.answer(parser.textOf(parser.decode(body))));
});

parseRoutes.post('/coroutine', async ({ body }, response) => {
  response.json(parser.answer(await parser.textOfAsync(parser.decode(body))));
});

const crunchRoutes = Router();

crunchRoutes.get('/inline', ({ query }, response) => {
  const rounds = params.rounds(query);
  response.json(crunch.answer(rounds, crunch.digest(rounds)));
});

crunchRoutes.get('/thread', async ({ query }, response) => {
  const rounds = params.rounds(query);
  response.json(crunch.answer(rounds, await thread.digest(rounds)));
});

crunchRoutes.get('/process', async ({ query }, response) => {
  const rounds = params.rounds(query);
  response.json(crunch.answer(rounds, await child.digest(rounds)));
});

const dbRoutes = Router();

dbRoutes.get('/one', async ({ query }, response) => {
  response.json(await database.sequential(seededIds(params.seed(query), 1), params.milliseconds(query, 0)));
});

dbRoutes.get('/sequential', async ({ query }, response) => {
  const ids = seededIds(params.seed(query), params.count(query));
  response.json(await database.sequential(ids, params.milliseconds(query, 0)));
});

dbRoutes.get('/batched', async ({ query }, response) => {
  const ids = seededIds(params.seed(query), params.count(query));
  response.json(await database.batched(ids, params.milliseconds(query, 0)));
});

const httpRoutes = Router();

httpRoutes.get('/one', async ({ query }, response) => {
  response.json(await upstream.sequential(upstreamPath(query), 1));
});

httpRoutes.get('/sequential', async ({ query }, response) => {
  response.json(await upstream.sequential(upstreamPath(query), params.count(query)));
});

httpRoutes.get('/concurrent', async ({ query }, response) => {
  response.json(await upstream.concurrent(upstreamPath(query), params.count(query)));
});

httpRoutes.get('/bounded', async ({ query }, response) => {
  response.json(await upstream.bounded(upstreamPath(query), params.count(query), params.limit(query)));
});

const upstreamPath = (query) => delayPath(params.milliseconds(query, 20), params.capacity(query));

const fileRoutes = Router();

fileRoutes.get('/blocking', ({ query }, response) => {
  const path = fixtures.path(params.kilobytes(query));
  response.json(files.answer(files.readBlocking(path, params.milliseconds(query, 0))));
});

fileRoutes.get('/async', async ({ query }, response) => {
  const path = fixtures.path(params.kilobytes(query));
  response.json(files.answer(await files.read(path, params.milliseconds(query, 0))));
});

app.use('/parse', parseRoutes);
app.use('/crunch', crunchRoutes);
app.use('/db', dbRoutes);
app.use('/http', httpRoutes);
app.use('/file', fileRoutes);

app.get('/wait', async ({ query }, response) => {
  const ms = params.milliseconds(query, 50);
  await sleep(ms);
  response.json({ waited_ms: ms });
});

app.get('/mixed', async ({ query }, response) => {
  const ms = params.milliseconds(query, 5);
  const rounds = params.rounds(query);
  await sleep(ms);
  response.json({ waited_ms: ms, ...crunch.answer(rounds, crunch.digest(rounds)) });
});

// The mistake: nothing else is served while it waits.
app.get('/hazard/blocking-wait', async ({ query }, response) => {
  const ms = params.milliseconds(query, 50);
  sleepBlocking(ms);
  response.json({ waited_ms: ms });
});

app.get('/stream', async ({ query }, response) => {
  const source = await upstream.stream(streamPath(params.chunks(query), params.milliseconds(query, 20)));
  response.type('text/event-stream');
  try {
    await pipeline(source, relay, response);
  } catch (error) {
    // Both ends are closed by now; a client that went is no error.
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') console.error(error);
  }
});

app.use((request, response) => {
  response.status(404).json({ error: 'Not Found' });
});

// Express knows an error handler by its four parameters.
app.use((error, request, response, next) => {
  const status = statusOf(error);
  if (status === 500) console.error(error);
  response.status(status).json({ error: status === 500 ? 'Internal Server Error' : error.message });
});

function statusOf(error) {
  if (error instanceof params.BadRequestError) return 422;
  if (error instanceof UpstreamError) return 502;
  return error.expose ? error.status : 500;
}
