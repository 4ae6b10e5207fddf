"""Every stack of docker-compose.yml, running, compared with the contract: by the lab's own check, and by schemathesis."""

import contextlib
import json
import os
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import psutil
import pytest
import requests
import schemathesis
from hypothesis import assume

from lab import contract
from lab.config.openapi import OPENAPI_FILE, parameters
from lab.config.project import Project
from lab.contract.ask import PATIENCE_S, Check, ask
from lab.model.stack import Stack, Target
from lab.run.servers import UPSTREAM
from lab.settings import labels
from lab.settings.reading import known
from tests.conftest import ENGINE_MISSING, PORTS, all_started, until

pytestmark = pytest.mark.slow
PROJECT = Project.here()
STACKS = PROJECT.stacks
DISTINCT = list({(one.framework, one.server, one.handlers): name for name, one in reversed([*STACKS.items()])}.values())
"""The first stack of each framework, server and kind of handlers: what is asked of others would be answered by the same code."""
BOUNDS = {"ms": 2, "n": 10, "chunks": 20, "rounds": 1_000}
"""What a valid parameter is lowered to, so that an example takes milliseconds; the lab's own check has the high values."""
LONGEST_TARGET = 3_000
RANGES = {(path, each.name): each for path, several in parameters().items() for each in several}


def settings() -> schemathesis.Config:
    """The same examples in every run."""
    return schemathesis.Config.from_dict(
        {
            "generation": {"deterministic": True, "max-examples": 10, "database": "none"},
            # What stacks answered before must not change what they are asked.
            "phases": {"fuzzing": {"extra-data-sources": {"responses": False}, "error-feedback": {"enabled": False}}},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ["200", "502"]},
                "negative_data_rejection": {"expected-statuses": ["422"]},
                # A failed call to upstream is 502, by the contract.
                "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "502"]},
                # The contract lets a framework answer 404 to another method; lab.contract checks what it says.
                "unsupported_method": {"enabled": False},
            },
        }
    )


DOCUMENT = schemathesis.openapi.from_path(OPENAPI_FILE, config=settings())


@pytest.fixture(scope="module")
def stands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stack]]:
    """Name -> stack, of all that can be started here, all running, from a copy of this checkout: no other copy runs meanwhile."""
    with all_started(tmp_path_factory.mktemp("stacks") / "checkout", "auto") as stacks:
        yield stacks


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest, stands: dict[str, Stack]) -> Stack:
    """Each stack in turn."""
    return started(stands, request.param)


def started(stands: dict[str, Stack], name: str) -> Stack:
    """The stack of that name; only as plain processes may one lack its toolchain."""
    found = stands.get(name)
    if found is None and ENGINE_MISSING:
        pytest.skip(f"{name} needs a program that is not on this machine: see `make doctor`")
    assert found, f"{name} was not started"
    return found


def test_a_stack_conforms_to_the_contract(stack: Stack) -> None:
    assert contract.verify(f"http://127.0.0.1:{stack.port}", stack) == []


def test_the_running_server_is_what_the_labels_say(stack: Stack) -> None:
    """Also after the contract's checks, which leave connections of several kinds behind."""
    here = Target(pid=os.getpid(), contained=False)
    assert labels.untrue(stack, known(PROJECT.services[stack.name], here, stack.port)) == []


@pytest.mark.parametrize("stack", DISTINCT, indirect=True)
@DOCUMENT.parametrize()
def test_requests_made_from_the_document_are_answered_as_it_says(case: schemathesis.Case[Any], stack: Stack) -> None:
    address = f"http://127.0.0.1:{stack.port}"
    if stack.why_omitted(case.operation.path):
        refused = (404, 501) if case.method == case.operation.method.upper() else (404, 405, 501)
        assert stack.serves or case.call(base_url=address, timeout=30).status_code in refused
        return
    assume(not left_open(case, address))
    for name, value in case.query.items():
        if valid(case, name, value) and name in BOUNDS:
            case.query[name] = type(value)(min(int(value), BOUNDS[name]))
    case.call_and_validate(base_url=address, timeout=30)


def left_open(case: schemathesis.Case[Any], address: str) -> bool:
    """Whether the contract lets stacks differ: a query beyond 3 KB, a parameter given twice of which one is valid."""
    sent = case.as_transport_kwargs(base_url=address)
    target = requests.Request(sent["method"], sent["url"], params=sent["params"]).prepare().url or ""
    twice = [(name, value) for name, value in case.query.items() if isinstance(value, list) and len(value) > 1]
    some_valid = any(valid(case, name, item) for name, items in twice for item in items)
    return some_valid or len(target) > LONGEST_TARGET


def valid(case: schemathesis.Case[Any], name: str, value: object) -> bool:
    """Whether it is in the parameter's range, as a number or as the text of one."""
    known = RANGES.get((case.operation.path, name))
    text = str(value)
    return known is not None and text.isascii() and text.isdecimal() and known.low <= int(text) <= known.high


@pytest.fixture(scope="module")
def without_upstream(stands: dict[str, Stack]) -> dict[str, Stack]:
    """The same stacks after `upstream` was stopped: the last tests of this file."""
    port = PORTS * 100 + (PROJECT.services[UPSTREAM].port or 0) % 100

    def listening() -> list[int]:
        connections = psutil.net_connections("tcp")
        return [c.pid for c in connections if c.status == "LISTEN" and c.laddr[1] == port and c.pid]  # type: ignore[misc]

    assert listening()
    for pid in set(listening()):
        psutil.Process(pid).terminate()
    until(lambda: not listening())
    return stands


@pytest.mark.parametrize("path", ["/http/one", "/http/sequential", "/http/concurrent", "/http/bounded", "/stream"])
@pytest.mark.parametrize("name", DISTINCT)
def test_a_call_that_fails_because_upstream_is_down_is_502(
    name: str, path: str, without_upstream: dict[str, Stack]
) -> None:
    stack = started(without_upstream, name)
    connection = HTTPConnection("127.0.0.1", stack.port, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        status, media_type, body = ask(connection, Check(path, "ms=1"))
        if stack.why_omitted(path):
            assert stack.serves or status in (404, 501)
            return
        assert (status, media_type.partition(";")[0]) == (502, "application/json")
        assert list(json.loads(body)) == ["error"]
        assert ask(connection, Check("/health"))[0] == 200
