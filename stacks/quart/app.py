"""Quart on an ASGI server: Flask with `async def` handlers; what would block the event loop goes to its threads.

stacks/README.md says what each path takes and answers.
"""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

import aiofiles
from quart import Blueprint, Quart, request
from quart.utils import run_sync
from werkzeug.exceptions import HTTPException

from stacks.shared import crunch, files, params, parser
from stacks.shared.database import seeded_ids
from stacks.shared.database_async import Database
from stacks.shared.processes import Processes
from stacks.shared.settings import Settings
from stacks.shared.upstream import UpstreamError, delay_path
from stacks.shared.upstream_async import Upstream

Answer = dict[str, object]

settings = Settings.from_environment()
processes = Processes()
fixtures = files.Fixtures()
database = Database(settings.database_url, settings.db_pool)
upstream = Upstream(settings.upstream_url, settings.upstream_connections)

app = Quart(__name__, static_folder=None)
app.config["MAX_CONTENT_LENGTH"] = None  # as Flask and FastAPI have it
app.config["RESPONSE_TIMEOUT"] = None
parse_routes = Blueprint("parse", __name__, url_prefix="/parse")
crunch_routes = Blueprint("crunch", __name__, url_prefix="/crunch")
db_routes = Blueprint("db", __name__, url_prefix="/db")
http_routes = Blueprint("http", __name__, url_prefix="/http")
file_routes = Blueprint("file", __name__, url_prefix="/file")


@app.while_serving
async def lifespan() -> AsyncGenerator[None, None]:
    """Open what the handlers share, close it when the server stops."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(settings.slots))
    with processes, fixtures:
        async with database, upstream:
            yield


@app.get("/health")
async def health() -> Answer:
    return {"status": "ok", "stack": settings.stack}


@app.get("/json")
async def hello() -> Answer:
    return {"message": "Hello, World!"}


@parse_routes.post("/plain")
async def parse_plain() -> Answer:
    return parser.answer(parser.text_of(parser.decode(await request.data)))


@parse_routes.post("/coroutine")
async def parse_coroutine() -> Answer:
    return parser.answer(await parser.text_of_coroutine(parser.decode(await request.data)))


@parse_routes.post("/threadpool")
async def parse_threadpool() -> Answer:
    return parser.answer(await run_sync(parser.text_of)(parser.decode(await request.data)))


@crunch_routes.get("/inline")
async def crunch_inline() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, crunch.digest(rounds))


@crunch_routes.get("/thread")
async def crunch_thread() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, await run_sync(crunch.digest)(rounds))


@crunch_routes.get("/process")
async def crunch_process() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, await asyncio.wrap_future(processes.submit(crunch.digest, rounds)))


@db_routes.get("/one")
async def db_one() -> Answer:
    query = request.args
    return await database.sequential(seeded_ids(params.seed(query), 1), params.milliseconds(query, 0))


@db_routes.get("/sequential")
async def db_sequential() -> Answer:
    query = request.args
    return await database.sequential(seeded_ids(params.seed(query), params.count(query)), params.milliseconds(query, 0))


@db_routes.get("/batched")
async def db_batched() -> Answer:
    query = request.args
    return await database.batched(seeded_ids(params.seed(query), params.count(query)), params.milliseconds(query, 0))


@http_routes.get("/one")
async def http_one() -> Answer:
    return await upstream.sequential(upstream_path(), 1)


@http_routes.get("/sequential")
async def http_sequential() -> Answer:
    return await upstream.sequential(upstream_path(), params.count(request.args))


@http_routes.get("/concurrent")
async def http_concurrent() -> Answer:
    return await upstream.concurrent(upstream_path(), params.count(request.args))


@http_routes.get("/bounded")
async def http_bounded() -> Answer:
    return await upstream.bounded(upstream_path(), params.count(request.args), params.limit(request.args))


def upstream_path() -> str:
    return delay_path(params.milliseconds(request.args, 20), params.capacity(request.args))


@file_routes.get("/blocking")
async def file_blocking() -> Answer:
    path = fixtures.path(params.kilobytes(request.args))
    return files.answer(files.read(path, params.milliseconds(request.args, 0)))


@file_routes.get("/thread")
async def file_thread() -> Answer:
    path = fixtures.path(params.kilobytes(request.args))
    return files.answer(await run_sync(files.read)(path, params.milliseconds(request.args, 0)))


@file_routes.get("/async")
async def file_async() -> Answer:
    path = fixtures.path(params.kilobytes(request.args))
    async with aiofiles.open(path, "rb", opener=files.opener(params.milliseconds(request.args, 0))) as file:
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


@app.errorhandler(params.BadRequestError)
async def bad_request(error: params.BadRequestError) -> tuple[Answer, int]:
    return {"error": str(error)}, 422


@app.errorhandler(UpstreamError)
async def bad_gateway(error: UpstreamError) -> tuple[Answer, int]:
    return {"error": str(error)}, 502


@app.errorhandler(HTTPException)
async def http_error(error: HTTPException) -> tuple[Answer, int]:
    return {"error": error.name}, error.code or 500


for routes in (parse_routes, crunch_routes, db_routes, http_routes, file_routes):
    app.register_blueprint(routes)
