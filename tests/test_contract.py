"""The contract check itself: does it see what is wrong?"""

import contextlib
import re
import socket
import threading
import time
from socketserver import TCPServer
from typing import ClassVar
from urllib.parse import parse_qsl

import pytest

from lab import contract
from lab.config.openapi import Parameter
from lab.contract.ask import Check, judged, unlike_200
from lab.contract.conform import BEHAVIOURS
from lab.contract.live import clients_that_go, events_at_once, long_lived
from lab.contract.methods import methods
from lab.contract.overlap import overlap
from lab.contract.requests import PARAMETERS, all_checks
from lab.model.stack import Exempt, Stack
from lab.paths import ROOT
from tests.obedient import Obedient, held, serving, stack


def test_a_stack_that_keeps_the_contract_has_no_findings() -> None:
    with serving(Obedient) as url:
        assert contract.verify(url, stack()) == []


def test_a_path_that_is_missing_without_a_declaration_is_found() -> None:
    with serving(Obedient) as url:
        findings = held(url, stack(omits={}))
    unserved = [finding for finding in findings if "/db/one" in finding or "/parse/plain" in finding]
    assert unserved == [
        f"{path}: 404, path not served: serve it, or name it with the reason in the label lab.omits"
        for path in ("/parse/plain", "/db/one")
    ], "one finding for each path, however many requests ask for it"


def test_findings_are_grouped_by_path_a_few_shown_and_the_others_counted() -> None:
    """An application without routes fails some hundred checks."""
    found = [contract.Finding(path, f"GET {path}: {number}") for number in range(9) for path in ("/db/one", "/wait")]
    assert list(contract.grouped(found)) == [
        *(f"GET /db/one: {number}" for number in range(3)), "/db/one: and 6 more findings",
        *(f"GET /wait: {number}" for number in range(3)), "/wait: and 6 more findings",
    ]  # fmt: skip


def test_the_checks_end_when_the_server_has() -> None:
    class Mortal(Obedient):
        def do_GET(self) -> None:
            if self.path == "/fatal":
                assert isinstance(self.server, TCPServer)
                self.server.socket.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            else:
                super().do_GET()

    def fatal(address: str, _stack: Stack) -> list[contract.Finding]:
        return judged("/fatal", "GET /fatal", unlike_200(address, Check("/fatal")))

    with serving(Mortal) as url:
        found = held(url, stack(), fatal, overlap)
    assert len(found) == 2, "none of overlap"
    assert found[0].startswith("GET /fatal: no answer")
    assert found[1] == "the server has ended: what it said last is in its log"


def test_a_path_that_is_declared_as_omitted_but_answers_is_found() -> None:
    with serving(Obedient) as url:
        findings = held(url, stack(omits={**stack().omits, "/wait": "cannot wait"}))
    assert findings[0] == "GET /wait: declared as omitted, but answered 200"


def test_a_server_may_close_after_it_answered_for_a_missing_path_without_reading_the_body() -> None:
    class Brief(Obedient):
        def do_POST(self) -> None:
            super().do_POST()
            self.close_connection = True

    with serving(Brief) as url:
        assert held(url, stack()) == []


def test_a_stack_that_says_what_it_serves_is_checked_on_that_alone() -> None:
    class Smallest(Obedient):
        def do_GET(self) -> None:
            if self.path in ("/health", "/json"):
                super().do_GET()
            else:
                self.headed(404, b"")  # without a reason, as a framework has it

        def do_POST(self) -> None:
            self.headed(404, b"")

        do_DELETE = do_TRACE = do_OPTIONS = do_PUT = do_POST  # noqa: N815

    with serving(Smallest) as url:
        assert held(url, stack(serves=("/json",)), *BEHAVIOURS) == []
        assert held(url, stack(serves=("/json", "/wait"))) == [
            "/wait: 404, path not served: serve it, or leave it out of the label lab.serves"
        ]


def test_settings_that_are_wrong_are_found_whatever_a_stack_says_that_it_serves() -> None:
    class Wrong(Obedient):
        settings: ClassVar[dict[str, object]] = {}

    with serving(Wrong) as url:
        (finding,) = held(url, stack(serves=("/wait",)))
    assert finding.startswith("GET /settings: {} instead of an object with slots")


def test_another_server_on_the_port_is_found() -> None:
    class Stranger(Obedient):
        name = "stranger"

    with serving(Stranger) as url:
        (finding,) = held(url, stack())
    assert '"stranger"' in finding


@pytest.mark.parametrize("wrong", [{"slots": "40"}, {"slots": True}, {"language": None}, {"more": 1}])
def test_settings_of_another_shape_are_found(wrong: dict[str, object]) -> None:
    class Vague(Obedient):
        settings: ClassVar[dict[str, object]] = {**Obedient.settings, **wrong}

    with serving(Vague) as url:
        assert len([finding for finding in held(url, stack()) if finding.startswith("GET /settings: ")]) == 1


def test_a_wait_that_is_too_short_is_found() -> None:
    class Hasty(Obedient):
        def wait(self, query: str) -> None:
            super().wait(query if query.partition("=")[2] != "" or query else "ms=0")

        def answer(self, status: int, value: object) -> None:
            super().answer(status, {"waited_ms": 50} if self.path == "/wait" else value)

    with serving(Hasty) as url:
        (finding,) = held(url, stack())
    assert finding.startswith("GET /wait: took 0.0")


def test_a_method_that_is_not_there_must_be_refused_with_what_is() -> None:
    class Careless(Obedient):
        def do_DELETE(self) -> None:
            self.answer(405, {"error": "Method Not Allowed"})

        def do_TRACE(self) -> None:
            self.answer(200, {"trace": "all that was sent"})

    with serving(Careless) as url:
        assert held(url, stack(), methods) == [
            "DELETE /json: 405 without Allow",
            "TRACE /json: 200, but it must be refused",
        ]


def test_a_server_that_ends_when_a_client_goes_is_found() -> None:
    class Fragile(Obedient):
        def answer(self, status: int, value: object) -> None:
            if self.path == "/wait?ms=50":
                self.close_connection = True
                return
            super().answer(status, value)

    with serving(Fragile) as url:
        (finding,) = held(url, stack(), clients_that_go)
    assert finding.startswith("GET /wait?ms=50 after 8 clients went in the middle of theirs: no answer")


class Streaming(Obedient):
    """Has streams too."""

    def do_GET(self) -> None:
        if not self.path.startswith("/stream"):
            super().do_GET()
            return
        asked = {"chunks": "10", "ms": "20"} | dict(parse_qsl(self.path.partition("?")[2], keep_blank_values=True))
        chunks, ms = asked["chunks"], asked["ms"]
        good = chunks.isascii() and chunks.isdigit() and 1 <= int(chunks) <= 1_000
        if not (good and ms.isascii() and ms.isdigit() and len(ms) <= 10 and int(ms) <= 60_000):
            self.answer(422, {"error": "chunks or ms is out of range"})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.send_events(int(chunks), int(ms))

    def send_events(self, chunks: int, ms: int) -> None:
        with contextlib.suppress(ConnectionError):
            for index in range(chunks):
                time.sleep(ms / 1000)
                self.wfile.write(b'data: {"text":"word %05d "}\n\n' % index)
            self.wfile.write(b"data: [DONE]\n\n")


def streaming_stack() -> Stack:
    """A fake stack that does not omit streams."""
    return stack(omits={path: why for path, why in stack().omits.items() if path != "/stream"})


def test_streams_that_keep_the_contract_have_no_findings() -> None:
    with serving(Streaming) as url:
        assert contract.verify(url, streaming_stack()) == []


def test_a_connection_that_ends_after_a_thousand_requests_is_found() -> None:
    class Thousand(Obedient):
        served = 0

        def do_GET(self) -> None:
            self.served += 1
            self.close_connection = self.served == 1_000
            super().do_GET()

        def end_headers(self) -> None:
            if self.close_connection:
                self.send_header("Connection", "close")
            super().end_headers()

    with serving(Thousand) as url:
        (finding,) = held(url, stack(), long_lived)
        assert finding == "GET /health: the connection was ended after 1000 requests, there must be no such limit"
        declared = stack().model_copy(update={"exceptions": {"keep_alive_s": Exempt(value=0, why="it keeps none")}})
        assert held(url, declared, long_lived) == []


@pytest.mark.parametrize(("at_once", "found"), [(1, 0), (2, 1)])
def test_a_blocking_wait_that_blocks_nobody_is_found(at_once: int, found: int) -> None:
    """The path is there to show the mistake: a handler that waits as it should would show nothing."""

    class Hazard(Obedient):
        free = threading.Semaphore(at_once)

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path != "/hazard/blocking-wait":
                super().do_GET()
                return
            with self.free:
                self.wait(query)

    omits = {path: why for path, why in stack().omits.items() if path != "/hazard/"}
    with serving(Hazard) as url:
        findings = held(url, stack(omits=omits), overlap)
    assert len(findings) == found, findings
    assert all("all were answered within" in finding for finding in findings)


def test_events_that_are_held_back_are_found() -> None:
    class Late(Streaming):
        def send_events(self, chunks: int, ms: int) -> None:
            time.sleep(chunks * ms / 1000)
            super().send_events(chunks, 0)

    with serving(Late) as url:
        (finding,) = held(url, streaming_stack(), events_at_once)
    assert finding.endswith("events are held back")


def test_a_stack_trace_instead_of_a_reason_is_found() -> None:
    class Talkative(Obedient):
        def answer(self, status: int, value: object) -> None:
            super().answer(status, value if status != 422 else "Traceback (most recent call last): …")

    with serving(Talkative) as url:
        findings = held(url, stack())
    assert findings
    assert all("has no reason under `error`" in finding for finding in findings)


def test_a_stack_that_is_not_there_is_found() -> None:
    findings = held("http://127.0.0.1:1", stack())
    assert findings
    assert all("no answer (ConnectionRefusedError" in finding for finding in findings)


def test_every_path_with_parameters_is_asked_with_good_and_bad_ones() -> None:
    checks = list(all_checks("any"))
    for path in [path for path, parameters in PARAMETERS.items() if parameters]:
        assert {200, 422} <= {check.status for check in checks if check.path == path}


def test_the_tables_of_the_readme_have_the_parameters_of_the_document() -> None:
    """Path -> (name, default of `ms`), and name -> (range, default), from the rows of stacks/README.md."""
    rows = [
        line.split("|")[1:-1] for line in (ROOT / "stacks" / "README.md").read_text().splitlines() if line[:1] == "|"
    ]
    paths = {path: written_parameters(row[1]) for row in rows for path in written_paths(row[0])}
    assert paths == {
        path: {each.name: str(each.default) if each.name == "ms" else "" for each in parameters}
        for path, parameters in PARAMETERS.items()
    }
    ranges = {
        name: (row[1].strip(), row[2].strip())
        for row in rows
        if len(row) == 4
        for name in re.findall(r"`(\w+)`", row[0])
    }
    assert ranges == {each.name: in_words(each) for parameters in PARAMETERS.values() for each in parameters}


def written_paths(cell: str) -> list[str]:
    """`GET /http/sequential` `/concurrent` -> both paths; what is no path of GET or POST has none."""
    found = re.findall(r"`(?:GET |POST )?(/[\w/-]+)`", cell)
    if not found or "h2" in cell or "WS" in cell:
        return []
    room = found[0].rpartition("/")[0]
    return [found[0], *(room + other for other in found[1:])]


def written_parameters(cell: str) -> dict[str, str]:
    """`n` `ms`=20 -> {"n": "", "ms": "20"}."""
    return dict(re.findall(r"`(\w+)`(?:=(\d+))?", cell))


def in_words(parameter: Parameter) -> tuple[str, str]:
    """Range and default as the table has them; the default of `ms` stands with each path."""
    span = ", ".join(map(str, parameter.choices)) or f"{parameter.low}-{parameter.high}"
    return span, "above" if parameter.name == "ms" else str(parameter.default)
