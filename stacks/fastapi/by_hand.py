"""The application of app.py with a few handlers that read the query by hand, as Starlette's do: what it costs to declare it.

Each takes the place of its route in the table, which is searched from the top.
"""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import Request
from fastapi.routing import APIRoute

from stacks.fastapi.app import Answer, app, database, upstream
from stacks.shared import params
from stacks.shared.database import seeded_ids
from stacks.shared.upstream import delay_path

Handler = Callable[[Request], Awaitable[Answer]]


def instead(path: str) -> Callable[[Handler], Handler]:
    """Return a decorator that serves `path` by a handler instead of the one in app.py."""

    def put(handler: Handler) -> Handler:
        routes = app.router.routes
        (index,) = (index for index, route in enumerate(routes) if isinstance(route, APIRoute) and route.path == path)
        routes[index] = APIRoute(path, handler)
        return handler

    return put


@instead("/db/one")
async def db_one(request: Request) -> Answer:
    ids = seeded_ids(params.seed(request.query_params), 1)
    return await database.sequential(ids, params.milliseconds(request.query_params, 0))


@instead("/http/one")
async def http_one(request: Request) -> Answer:
    ms, capacity = params.milliseconds(request.query_params, 20), params.capacity(request.query_params)
    return await upstream.sequential(delay_path(ms, capacity), 1)


@instead("/wait")
async def wait(request: Request) -> Answer:
    ms = params.milliseconds(request.query_params, 50)
    await asyncio.sleep(ms / 1000)
    return {"waited_ms": ms}
