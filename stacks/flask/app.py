"""Flask on a WSGI server: synchronous handlers; what runs side by side runs on one pool of threads.

stacks/README.md says what each path takes and answers.
"""

import atexit
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from flask import Blueprint, Flask, request
from werkzeug.exceptions import HTTPException

from stacks.shared import crunch, files, params, parser
from stacks.shared.database import seeded_ids
from stacks.shared.database_sync import Database
from stacks.shared.processes import Processes
from stacks.shared.settings import Settings
from stacks.shared.upstream import UpstreamError, delay_path
from stacks.shared.upstream_sync import Upstream

Answer = dict[str, object]

settings = Settings.from_environment()
# Opened once per worker process (the server forks before it imports this) and closed when it ends.
resources = ExitStack()
atexit.register(resources.close)
threads = resources.enter_context(ThreadPoolExecutor(settings.slots))
processes = resources.enter_context(Processes())
fixtures = resources.enter_context(files.Fixtures())
database = resources.enter_context(Database(settings.database_url, settings.db_pool))
upstream = resources.enter_context(Upstream(settings.upstream_url, settings.upstream_connections, threads))

app = Flask(__name__, static_folder=None)
parse_routes = Blueprint("parse", __name__, url_prefix="/parse")
crunch_routes = Blueprint("crunch", __name__, url_prefix="/crunch")
db_routes = Blueprint("db", __name__, url_prefix="/db")
http_routes = Blueprint("http", __name__, url_prefix="/http")
file_routes = Blueprint("file", __name__, url_prefix="/file")


@app.get("/health")
def health() -> Answer:
    return {"status": "ok", "stack": settings.stack}


@app.get("/json")
def hello() -> Answer:
    return {"message": "Hello, World!"}


@parse_routes.post("/plain")
def parse_plain() -> Answer:
    return parser.answer(parser.text_of(parser.decode(request.data)))


@parse_routes.post("/threadpool")
def parse_threadpool() -> Answer:
    return parser.answer(threads.submit(parser.text_of, parser.decode(request.data)).result())


@crunch_routes.get("/inline")
def crunch_inline() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, crunch.digest(rounds))


@crunch_routes.get("/thread")
def crunch_thread() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, threads.submit(crunch.digest, rounds).result())


@crunch_routes.get("/process")
def crunch_process() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, processes.submit(crunch.digest, rounds).result())


@db_routes.get("/one")
def db_one() -> Answer:
    query = request.args
    return database.sequential(seeded_ids(params.seed(query), 1), params.milliseconds(query, 0))


@db_routes.get("/sequential")
def db_sequential() -> Answer:
    query = request.args
    return database.sequential(seeded_ids(params.seed(query), params.count(query)), params.milliseconds(query, 0))


@db_routes.get("/batched")
def db_batched() -> Answer:
    query = request.args
    return database.batched(seeded_ids(params.seed(query), params.count(query)), params.milliseconds(query, 0))


@http_routes.get("/one")
def http_one() -> Answer:
    return upstream.sequential(upstream_path(), 1)


@http_routes.get("/sequential")
def http_sequential() -> Answer:
    return upstream.sequential(upstream_path(), params.count(request.args))


@http_routes.get("/concurrent")
def http_concurrent() -> Answer:
    return upstream.concurrent(upstream_path(), params.count(request.args))


@http_routes.get("/bounded")
def http_bounded() -> Answer:
    return upstream.bounded(upstream_path(), params.count(request.args), params.limit(request.args))


def upstream_path() -> str:
    return delay_path(params.milliseconds(request.args, 20), params.capacity(request.args))


@file_routes.get("/blocking")
def file_blocking() -> Answer:
    path = fixtures.path(params.kilobytes(request.args))
    return files.answer(files.read(path, params.milliseconds(request.args, 0)))


@file_routes.get("/thread")
def file_thread() -> Answer:
    path = fixtures.path(params.kilobytes(request.args))
    return files.answer(threads.submit(files.read, path, params.milliseconds(request.args, 0)).result())


@app.get("/wait")
def wait() -> Answer:
    ms = params.milliseconds(request.args, 50)
    time.sleep(ms / 1000)
    return {"waited_ms": ms}


@app.get("/mixed")
def mixed() -> Answer:
    ms, rounds = params.milliseconds(request.args, 5), params.rounds(request.args)
    time.sleep(ms / 1000)
    return {"waited_ms": ms, **crunch.answer(rounds, crunch.digest(rounds))}


@app.errorhandler(params.BadRequestError)
def bad_request(error: params.BadRequestError) -> tuple[Answer, int]:
    return {"error": str(error)}, 422


@app.errorhandler(UpstreamError)
def bad_gateway(error: UpstreamError) -> tuple[Answer, int]:
    return {"error": str(error)}, 502


@app.errorhandler(HTTPException)
def http_error(error: HTTPException) -> tuple[Answer, int]:
    return {"error": error.name}, error.code or 500


for routes in (parse_routes, crunch_routes, db_routes, http_routes, file_routes):
    app.register_blueprint(routes)
