"""Flask with `async def` views: each request runs on an event loop of its own, which ends with it.

No pool of connections can outlive a loop, so each request makes its own. Threads belong to no loop and are shared.
stacks/README.md says what each path takes and answers.
"""

import asyncio
import atexit
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import aiofiles
from flask import Flask, request
from werkzeug.exceptions import HTTPException

from stacks.shared import crunch, effective, files, params, parser
from stacks.shared.database import seeded_ids
from stacks.shared.database_async import DatabasePerRequest
from stacks.shared.processes import Processes
from stacks.shared.settings import Settings
from stacks.shared.threads import size
from stacks.shared.upstream import UpstreamError, delay_path
from stacks.shared.upstream_async import UpstreamPerRequest

Answer = dict[str, object]
Headers = list[tuple[str, str]]

settings = Settings.from_environment()
# Opened once per worker process (the server forks before it imports this) and closed when it ends.
resources = ExitStack()
atexit.register(resources.close)
threads = resources.enter_context(ThreadPoolExecutor(settings.slots))
processes = resources.enter_context(Processes())
fixtures = resources.enter_context(files.Fixtures())
database = DatabasePerRequest(settings.database_url)
upstream = UpstreamPerRequest(settings.upstream_url, settings.upstream_connections)

app = Flask(__name__, static_folder=None)


@app.get("/health")
async def health() -> Answer:
    return {"status": "ok", "stack": settings.stack}


@app.get("/settings")
async def running_with() -> Answer:
    return effective.answer("flask", size(threads), None, None)


@app.get("/json")
async def hello() -> Answer:
    return {"message": "Hello, World!"}


@app.post("/parse/plain")
async def parse_plain() -> Answer:
    return parser.answer(parser.text_of(parser.decode(request.data)))


@app.post("/parse/coroutine")
async def parse_coroutine() -> Answer:
    return parser.answer(await parser.text_of_coroutine(parser.decode(request.data)))


@app.post("/parse/threadpool")
async def parse_threadpool() -> Answer:
    chunk = parser.decode(request.data)
    return parser.answer(await asyncio.get_running_loop().run_in_executor(threads, parser.text_of, chunk))


@app.get("/crunch/inline")
async def crunch_inline() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, crunch.digest(rounds))


@app.get("/crunch/thread")
async def crunch_thread() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, await asyncio.get_running_loop().run_in_executor(threads, crunch.digest, rounds))


@app.get("/crunch/process")
async def crunch_process() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, await asyncio.wrap_future(processes.submit(crunch.digest, rounds)))


@app.get("/db/one")
async def db_one() -> Answer:
    ids = seeded_ids(params.seed(request.args), 1)
    return await database.sequential(ids, params.milliseconds(request.args, 0))


@app.get("/db/sequential")
async def db_sequential() -> Answer:
    ids = seeded_ids(params.seed(request.args), params.count(request.args))
    return await database.sequential(ids, params.milliseconds(request.args, 0))


@app.get("/db/batched")
async def db_batched() -> Answer:
    ids = seeded_ids(params.seed(request.args), params.count(request.args))
    return await database.batched(ids, params.milliseconds(request.args, 0))


@app.get("/http/one")
async def http_one() -> Answer:
    return await upstream.sequential(upstream_path(), 1)


@app.get("/http/sequential")
async def http_sequential() -> Answer:
    return await upstream.sequential(upstream_path(), params.count(request.args))


@app.get("/http/concurrent")
async def http_concurrent() -> Answer:
    return await upstream.concurrent(upstream_path(), params.count(request.args))


@app.get("/http/bounded")
async def http_bounded() -> Answer:
    n, limit = params.count(request.args), params.limit(request.args)
    return await upstream.bounded(upstream_path(), n, limit)


def upstream_path() -> str:
    return delay_path(params.milliseconds(request.args, 20), params.capacity(request.args))


@app.get("/file/blocking")
async def file_blocking() -> Answer:
    path, ms = fixtures.path(params.kilobytes(request.args)), params.milliseconds(request.args, 0)
    return files.answer(files.read(path, ms))


@app.get("/file/thread")
async def file_thread() -> Answer:
    path, ms = fixtures.path(params.kilobytes(request.args)), params.milliseconds(request.args, 0)
    return files.answer(await asyncio.get_running_loop().run_in_executor(threads, files.read, path, ms))


@app.get("/file/async")
async def file_async() -> Answer:
    path, ms = fixtures.path(params.kilobytes(request.args)), params.milliseconds(request.args, 0)
    async with aiofiles.open(path, "rb", opener=files.opener(ms), executor=threads) as file:
        return files.answer(await file.read())


@app.get("/wait")
async def wait() -> Answer:
    ms = params.milliseconds(request.args, 50)
    await asyncio.sleep(ms / 1000)
    return {"waited_ms": ms}


@app.get("/mixed")
async def mixed() -> Answer:
    ms, rounds = params.milliseconds(request.args, 5), params.rounds(request.args)
    await asyncio.sleep(ms / 1000)
    return {"waited_ms": ms, **crunch.answer(rounds, crunch.digest(rounds))}


@app.get("/hazard/blocking-wait")
async def hazard_blocking_wait() -> Answer:
    """Block on purpose, by a sleep in a coroutine: everything that shares its event loop waits too."""
    ms = params.milliseconds(request.args, 50)
    time.sleep(ms / 1000)
    return {"waited_ms": ms}


@app.errorhandler(params.BadRequestError)
def bad_request(error: params.BadRequestError) -> tuple[Answer, int]:
    return {"error": str(error)}, 422


@app.errorhandler(UpstreamError)
def bad_gateway(error: UpstreamError) -> tuple[Answer, int]:
    return {"error": str(error)}, 502


@app.errorhandler(HTTPException)
def http_error(error: HTTPException) -> tuple[Answer, int, Headers]:
    return {"error": error.name}, error.code or 500, [each for each in error.get_headers() if each[0] == "Allow"]
