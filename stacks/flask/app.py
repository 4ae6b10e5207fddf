"""Flask on a WSGI server: synchronous handlers; what runs side by side runs on one pool of threads.

stacks/README.md says what each path takes and answers.
"""

import time
from contextlib import ExitStack
from multiprocessing.util import Finalize

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from stacks.shared import crunch, effective, files, params, parser, relay
from stacks.shared.database import seeded_ids
from stacks.shared.database_sync import Database
from stacks.shared.processes import Processes
from stacks.shared.settings import Settings
from stacks.shared.threads import pools, size
from stacks.shared.upstream import UpstreamError, delay_path, stream_path
from stacks.shared.upstream_sync import Upstream

Answer = dict[str, object]
Headers = list[tuple[str, str]]

settings = Settings.from_environment()
# Opened once per worker process (the server forks before it imports this) and closed when it ends. Granian's worker is
# a process of multiprocessing, which ends without calling what atexit has.
resources = ExitStack()
Finalize(None, resources.close, exitpriority=0)
threads, callers = map(resources.enter_context, pools(settings.slots))
processes = resources.enter_context(Processes())
fixtures = resources.enter_context(files.Fixtures())
database = resources.enter_context(Database(settings.database_url, settings.db_pool))
upstream = resources.enter_context(Upstream(settings.upstream_url, settings.upstream_connections, callers))

app = Flask(__name__, static_folder=None)


@app.get("/health")
def health() -> Answer:
    return {"status": "ok", "stack": settings.stack}


@app.get("/settings")
def running_with() -> Answer:
    return effective.answer("flask", size(threads), database.connections, upstream.connections)


@app.get("/json")
def hello() -> Answer:
    return {"message": "Hello, World!"}


@app.post("/parse/plain")
def parse_plain() -> Answer:
    return parser.answer(parser.text_of(parser.decode(request.data)))


@app.post("/parse/threadpool")
def parse_threadpool() -> Answer:
    return parser.answer(threads.submit(parser.text_of, parser.decode(request.data)).result())


@app.get("/crunch/inline")
def crunch_inline() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, crunch.digest(rounds))


@app.get("/crunch/thread")
def crunch_thread() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, threads.submit(crunch.digest, rounds).result())


@app.get("/crunch/process")
def crunch_process() -> Answer:
    rounds = params.rounds(request.args)
    return crunch.answer(rounds, processes.submit(crunch.digest, rounds).result())


@app.get("/db/one")
def db_one() -> Answer:
    ids = seeded_ids(params.seed(request.args), 1)
    return database.sequential(ids, params.milliseconds(request.args, 0))


@app.get("/db/sequential")
def db_sequential() -> Answer:
    ids = seeded_ids(params.seed(request.args), params.count(request.args))
    return database.sequential(ids, params.milliseconds(request.args, 0))


@app.get("/db/batched")
def db_batched() -> Answer:
    ids = seeded_ids(params.seed(request.args), params.count(request.args))
    return database.batched(ids, params.milliseconds(request.args, 0))


@app.get("/http/one")
def http_one() -> Answer:
    return upstream.sequential(upstream_path(), 1)


@app.get("/http/sequential")
def http_sequential() -> Answer:
    return upstream.sequential(upstream_path(), params.count(request.args))


@app.get("/http/concurrent")
def http_concurrent() -> Answer:
    return upstream.concurrent(upstream_path(), params.count(request.args))


@app.get("/http/bounded")
def http_bounded() -> Answer:
    n, limit = params.count(request.args), params.limit(request.args)
    return upstream.bounded(upstream_path(), n, limit)


def upstream_path() -> str:
    return delay_path(params.milliseconds(request.args, 20), params.capacity(request.args))


@app.get("/file/blocking")
def file_blocking() -> Answer:
    path, ms = fixtures.path(params.kilobytes(request.args)), params.milliseconds(request.args, 0)
    return files.answer(files.read(path, ms))


@app.get("/file/thread")
def file_thread() -> Answer:
    path, ms = fixtures.path(params.kilobytes(request.args)), params.milliseconds(request.args, 0)
    return files.answer(threads.submit(files.read, path, ms).result())


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


@app.get("/stream")
def stream() -> Response:
    chunks, ms = params.chunks(request.args), params.milliseconds(request.args, 20)
    lines = upstream.stream(stream_path(chunks, ms))
    return Response(relay.events(lines), mimetype=relay.MEDIA_TYPE)


@app.errorhandler(params.BadRequestError)
def bad_request(error: params.BadRequestError) -> tuple[Answer, int]:
    return {"error": str(error)}, 422


@app.errorhandler(UpstreamError)
def bad_gateway(error: UpstreamError) -> tuple[Answer, int]:
    return {"error": str(error)}, 502


@app.errorhandler(HTTPException)
def http_error(error: HTTPException) -> tuple[Answer, int, Headers]:
    return {"error": error.name}, error.code or 500, [each for each in error.get_headers() if each[0] == "Allow"]
