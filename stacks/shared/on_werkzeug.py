"""What Werkzeug's applications share, Flask's and Quart's: how errors are answered."""

from collections.abc import Callable
from typing import Any

from werkzeug.exceptions import HTTPException

from stacks.shared.params import BadRequestError
from stacks.shared.upstream import UpstreamError

Refusal = tuple[dict[str, str], int]


def bad_request(error: BadRequestError) -> Refusal:
    return {"error": str(error)}, 422


def bad_gateway(error: UpstreamError) -> Refusal:
    return {"error": str(error)}, 502


def http_error(error: HTTPException) -> Refusal:
    return {"error": error.name}, error.code or 500


ERROR_HANDLERS: dict[type[Exception], Callable[[Any], Refusal]] = {
    BadRequestError: bad_request,
    UpstreamError: bad_gateway,
    HTTPException: http_error,
}
