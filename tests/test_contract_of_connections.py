"""The contract check sees what servers do wrong with connections, bodies and clients that go."""

import asyncio
import functools
import re
import time

import pytest

from lab.contract import abandoned, durations, framing
from lab.model.stack import Exempt, Stack
from lab.model.stalls import usual_cause
from tests.conftest import remeasured, until
from tests.obedient import Obedient, serving, stack
from tests.server import Peer, Server


class Parsing(Obedient):
    """Takes bodies on /parse/plain."""

    def do_POST(self) -> None:
        self.take(int(self.headers["Content-Length"] or 0))
        self.answer(200, {"text": "ab"})

    def take(self, length: int) -> None:
        self.rfile.read(length)


def parsing_stack() -> Stack:
    """A fake stack that does not omit /parse/plain."""
    return stack(omits={path: why for path, why in stack().omits.items() if path != "/parse/"})


def address(url: str) -> str:
    """`host:port` of a base URL."""
    return url.removeprefix("http://")


def stall_ms(finding: str) -> int:
    """The amount that a finding names."""
    return int(finding.partition("requests stall for ")[2].split(" ms")[0])


def about(found_ms: float, stall_ms: float) -> bool:
    """A busy machine makes a stall longer, by half at most in the least of several tries."""
    return 0.85 * stall_ms <= found_ms <= 1.5 * stall_ms


@remeasured
def test_requests_that_stall_on_a_kept_connection_are_found_with_amount_and_cause() -> None:
    """Headers and body in two writes without TCP_NODELAY: Nagle waits for an ACK, which Linux delays by 40 ms."""

    class Nagle(Parsing):
        disable_nagle_algorithm = False

    with serving(Nagle) as url:
        get, post = map(str, durations.kept(address(url), parsing_stack()))
    assert get.startswith("GET /health: requests stall for ")
    assert post.startswith("POST /parse/plain b'{}': requests stall for ")
    assert about(stall_ms(get), 40)
    assert about(stall_ms(post), 40)
    assert "40 ms is usually Nagle's algorithm meeting a delayed acknowledgement" in get


@pytest.mark.slow
@remeasured
def test_a_stall_of_every_second_request_is_found() -> None:
    class EverySecond(Obedient):
        served = 0

        def do_GET(self) -> None:
            self.served += 1
            time.sleep(0.2 * (self.served % 2 == 0))
            super().do_GET()

    with serving(EverySecond) as url:
        (finding,) = map(str, durations.kept(address(url), stack()))
    assert about(stall_ms(finding), 200)


@remeasured
def test_fresh_connections_that_stall_are_found() -> None:
    class SlowToAccept(Obedient):
        def setup(self) -> None:
            time.sleep(0.2)
            super().setup()

    with serving(SlowToAccept) as url:
        (finding,) = map(str, durations.kept(address(url), stack()))
    assert about(stall_ms(finding), 200)
    assert re.search(r"on a fresh one [23]\d\d ms", finding)


@pytest.mark.slow
@remeasured
def test_a_stall_for_a_body_in_a_segment_of_its_own_is_found() -> None:
    async def talk(peer: Peer) -> None:
        while head := await peer.read():
            if head.endswith(b"Content-Length: 2\r\n\r\n"):
                await asyncio.sleep(0.1)
                await peer.read()
            await peer.answer()

    with Server(talk) as server:
        found: list[str] = []

        def asked() -> list[str]:
            found.extend(map(str, durations.kept(f"127.0.0.1:{server.port}", parsing_stack())))
            return found

        until(asked)  # a busy machine lets the server see headers and body at once, in all requests of a try
    (finding,) = found
    assert finding.startswith("POST /parse/plain b'{}'")
    assert about(stall_ms(finding), 100)


@pytest.mark.parametrize(
    ("stalled_ms", "words"),
    [(40, "Nagle"), (44, "Nagle"), (205, "lost packet"), (1_020, "lost SYN"), (3_050, "lost twice"), (5_000, "silent client")],
)  # fmt: skip
def test_the_amounts_that_are_known_have_a_cause(stalled_ms: float, words: str) -> None:
    assert words in (usual_cause(stalled_ms) or "")


@pytest.mark.parametrize("stalled_ms", [2, 20, 100, 600, 2_000, 10_000])
def test_other_amounts_have_none(stalled_ms: float) -> None:
    assert usual_cause(stalled_ms) is None


def test_a_client_that_waits_for_100_continue_in_vain_is_found() -> None:
    class Silent(Parsing):
        def handle_expect_100(self) -> bool:
            return True

    with serving(Silent) as url:
        (finding,) = framing.expects(address(url), parsing_stack())
    assert str(finding).endswith("with Expect: 100-continue: neither 100 nor an answer within 1 s")


@pytest.mark.parametrize("status", [100, 417])
def test_100_continue_and_a_refusal_are_both_right(status: int) -> None:
    class Prompt(Parsing):
        def handle_expect_100(self) -> bool:
            if status == 100:
                return super().handle_expect_100()
            self.answer(417, {"error": "no expectations, please"})
            self.close_connection = True
            return False

    with serving(Prompt) as url:
        assert framing.expects(address(url), parsing_stack()) == []


@pytest.mark.slow
def test_a_second_request_that_is_thrown_away_is_found() -> None:
    class OneByOne(Obedient):
        def do_GET(self) -> None:
            super().do_GET()
            self.rfile.read(len(self.rfile.peek()))  # type: ignore[attr-defined]

    with serving(OneByOne) as url:
        (finding,) = framing.pipelined(address(url), stack())
    assert "sent together: no answer (TimeoutError" in str(finding)


def test_answers_in_another_order_than_the_requests_are_found() -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.request()
        await peer.answer()
        await peer.answer(b'{"waited_ms": 20}')

    with Server(talk) as server:
        first, second = framing.pipelined(f"127.0.0.1:{server.port}", stack())
    assert "first answer: b'" in str(first)
    assert "second answer: b'" in str(second)


def test_one_answer_is_enough_only_from_a_stack_that_declares_to_keep_no_connection() -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b'{"waited_ms": 20}', headers=b"Connection: close\r\n")

    declared = stack().model_copy(update={"exceptions": {"keep_alive_s": Exempt(value=0, why="it keeps none")}})
    with Server(talk) as server:
        (finding,) = framing.pipelined(f"127.0.0.1:{server.port}", stack())
        assert framing.pipelined(f"127.0.0.1:{server.port}", declared) == []
    assert str(finding).endswith("the connection was closed after the first answer")


def head_of(status: int, length: int, *, body: bool, close: bool) -> type[Obedient]:
    """A fake stack with HEAD."""

    class Headed(Obedient):
        def do_HEAD(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(length or {"/json": 28, "/health": 33}[self.path]))
            if close:
                self.send_header("Connection", "close")
            self.end_headers()
            if body:
                self.wfile.write(b"{}")

    return Headed


@pytest.mark.parametrize("close", [False, True])
def test_head_like_get_has_no_findings(close: bool) -> None:
    with serving(head_of(200, 0, body=False, close=close)) as url:
        assert framing.head(address(url), stack()) == []


@pytest.mark.parametrize("close", [False, True])
@pytest.mark.parametrize(
    ("status", "length", "body", "said"),
    [
        (200, 0, True, "follow"),
        (200, 7, False, "content-length '7' instead of GET's"),
        (404, 0, False, "404 instead of GET's 200 or 405"),
        (500, 0, False, "500 instead of GET's 200 or 405"),
    ],
)
def test_head_unlike_get_is_found(status: int, length: int, body: bool, said: str, close: bool) -> None:
    with serving(head_of(status, length, body=body, close=close)) as url:
        findings = framing.head(address(url), stack())
    assert [finding.path for finding in findings] == ["/health", "/json"]
    assert all(said in str(finding) for finding in findings)


@remeasured
def test_bodies_that_take_quadratic_time_are_found() -> None:
    class Quadratic(Parsing):
        def take(self, length: int) -> None:
            super().take(length)
            time.sleep((length / 1e6) ** 2 / 300)  # real copies would take more or less time on a busy machine

    with serving(Quadratic) as url, pytest.MonkeyPatch.context() as patched:
        patched.setattr(durations, "BODY_TRIES", 1)
        (finding,) = map(str, durations.large_bodies(address(url), parsing_stack()))
    assert "times as long as in bodies of 1 MB (1 MB " in finding
    assert "quadratic" in finding


def test_bodies_that_take_linear_time_are_not() -> None:
    with serving(Parsing) as url:
        assert durations.large_bodies(address(url), parsing_stack()) == []


async def upstream(peer: Peer) -> None:
    """Streams until nobody listens."""
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await peer.send(b"data: x\n\n")
        await asyncio.sleep(0.1)  # often enough to count as streaming; 450 streams of 10 ms would fill a CPU


async def relay(port: int, until_client_goes: bool, kept_open: list[asyncio.StreamWriter], peer: Peer) -> None:
    """A stack's streams: each has a connection to upstream, which some forget to close."""
    while head := await peer.request():
        if b"/stream" not in head:
            await peer.answer()
            continue
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        kept_open.append(writer)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        while await peer.read():
            pass
        if until_client_goes:
            writer.close()


@pytest.mark.parametrize(("closes", "found"), [(True, 0), (False, 1)])
def test_streams_that_outlive_their_clients_are_found(closes: bool, found: int) -> None:
    kept_open: list[asyncio.StreamWriter] = []
    with Server(upstream) as source, Server(functools.partial(relay, source.port, closes, kept_open)) as server:
        streaming = {"omits": {}, "upstream_port": source.port}
        findings = abandoned.abandoned(f"127.0.0.1:{server.port}", stack().model_copy(update=streaming))
        assert len(kept_open) == 150 * (1 if closes else abandoned.TRIES)
        for writer in kept_open:
            server.call(writer.transport.abort)
    assert len(findings) == found
    assert all("connections to upstream still stream 1 s later" in str(each) for each in findings)
