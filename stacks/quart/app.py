"""Quart on an ASGI server: Flask with `async def` handlers; what would block the event loop goes to its threads.

stacks/README.md says what each path takes and answers.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

import aiofiles
from quart import Quart, Response, request, websocket
from quart.utils import run_sync
from werkzeug.exceptions import HTTPException

from stacks.shared import crunch, effective, files, params, parser, relay
from stacks.shared.database import seeded_ids
from stacks.shared.database_async import Database
from stacks.shared.processes import Processes
from stacks.shared.settings import Settings
from stacks.shared.threads import size_here
from stacks.shared.upstream import UpstreamError, delay_path, stream_path
from stacks.shared.upstream_async import Upstream

Answer = dict[str, object]
Headers = list[tuple[str, str]]

settings = Settings.from_environment()
threads = ThreadPoolExecutor(settings.slots)
processes = Processes()
fixtures = files.Fixtures()
database = Database(settings.database_url, settings.db_pool)
upstream = Upstream(settings.upstream_url, settings.upstream_connections)


app = Quart(__name__, static_folder=None)
app.config["MAX_CONTENT_LENGTH"] = None  # as Flask and FastAPI have it
app.config["RESPONSE_TIMEOUT"] = None


@app.while_serving
async def lifespan() -> AsyncGenerator[None, None]:
    """Open what the handlers share, close it when the server stops."""
    asyncio.get_running_loop().set_default_executor(threads)
    with processes, fixtures:
        async with database, upstream:
            yield


@app.get("/health")
async def health() -> Answer:
    return {"status": "ok", "stack": settings.stack}


@app.get("/settings")
async def running_with() -> Answer:
    slots = await run_sync(size_here)()
    return effective.answer("quart", slots, database.connections, upstream.connections)


@app.get("/json")
async def hello() -> Answer:
    return {"message": "Hello, World!"}


@app.post("/parse/plain")
async def parse_plain() -> Answer:
    return parser.answer(parser.text_of(parser.decode(await request.data)))


@app.post("/parse/coroutine")
async def parse_coroutine() -> Answer:
    return parser.answer(await parser.text_of_coroutine(parser.decode(await request.data)))


@app.post("/parse/threadpool")
async def parse_threadpool() -> Answer:
    return parser.answer(await run_sync(parser.text_of)(parser.decode(await request.data)))


@app.get("/crunch/inline")
async def crunch_inline() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, crunch.digest(rounds))


@app.get("/crunch/thread")
async def crunch_thread() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, await run_sync(crunch.digest)(rounds))


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
    return files.answer(await run_sync(files.read)(path, ms))


@app.get("/file/async")
async def file_async() -> Answer:
    path, ms = fixtures.path(params.kilobytes(request.args)), params.milliseconds(request.args, 0)
    async with aiofiles.open(path, "rb", opener=files.opener(ms)) as file:
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


@app.get("/stream")
async def stream() -> Response:
    chunks, ms = params.chunks(request.args), params.milliseconds(request.args, 20)
    lines = await upstream.stream(stream_path(chunks, ms))
    return Response(relay.events_async(lines), mimetype=relay.MEDIA_TYPE)


@app.websocket("/ws")
async def echo() -> None:
    while True:
        await websocket.send(await websocket.receive())


@app.errorhandler(params.BadRequestError)
async def bad_request(error: params.BadRequestError) -> tuple[Answer, int]:
    return {"error": str(error)}, 422


@app.errorhandler(UpstreamError)
async def bad_gateway(error: UpstreamError) -> tuple[Answer, int]:
    return {"error": str(error)}, 502


@app.errorhandler(HTTPException)
async def http_error(error: HTTPException) -> tuple[Answer, int, Headers]:
    return {"error": error.name}, error.code or 500, [each for each in error.get_headers() if each[0] == "Allow"]
