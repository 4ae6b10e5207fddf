"""Flask on a WSGI server: synchronous handlers; what runs side by side runs on one pool of threads.

stacks/README.md says what each path takes and answers.
"""

import atexit
from contextlib import ExitStack

from flask import Flask, Response, request

from stacks.shared import relay
from stacks.shared.on_werkzeug import ERROR_HANDLERS
from stacks.shared.settings import Settings
from stacks.shared.work_sync import Answer, Get, Post, Work

# Opened once per worker process (the server forks before it imports this) and closed when it ends.
resources = ExitStack()
atexit.register(resources.close)
work = resources.enter_context(Work(Settings.from_environment()))

app = Flask(__name__, static_folder=None)


def add_get(path: str, get: Get) -> None:
    @app.get(path, endpoint=path)
    def handler() -> Answer:
        return get(request.args)


def add_post(path: str, post: Post) -> None:
    @app.post(path, endpoint=path)
    def handler() -> Answer:
        return post(request.data)


@app.get("/stream")
def stream() -> Response:
    return Response(work.stream(request.args), mimetype=relay.MEDIA_TYPE)


for path, get in work.gets().items():
    add_get(path, get)
for path, post in work.posts().items():
    add_post(path, post)
for kind, answer in ERROR_HANDLERS.items():
    app.register_error_handler(kind, answer)
