"""A Locust user that costs little: literals say what it asks for, and every answer is checked.

    class Batched(FastUser):
        \"\"\"Reads n rows in one round trip.\"\"\"

        path = "/db/batched"
        params = {"n": 10}
        seeded = True

Under `locust -f` each request fires Locust's request event. The lab's driver puts its own loop in the place of `tasks`.
"""

import json
import random
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import cycle
from time import monotonic
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from locust import User, task
from locust.exception import StopTest

from client.wire import Connection, Fault, Patience

RING = 4096
"""Requests with a different seed each that are built before the load begins."""
CHECK_EVERY = 1000


class Expectation:
    """What the users of one class know together about a correct answer."""

    length: int | None = None
    """Bytes of the body, learnt from the first one that was checked whole (frameworks differ by a newline)."""
    checked: int = 0
    """Bodies checked whole."""
    wrong_body: bytes | None = None
    """The first body that was not what was asked for, so that a reader sees what came instead."""
    secondary_timings: Mapping[str, tuple["array[float]", "array[float]"]] = {}
    """Times beside the latency, by name: when the request started (CLOCK_MONOTONIC), and seconds."""


class FastUser(User):
    """Base of all users; a subclass declares its request and knows what a right body says."""

    abstract = True
    path: ClassVar[str]
    params: ClassVar[Mapping[str, Any]] = {}
    """Of the query: whole numbers, texts, and None, which leaves it to the server's default."""
    expected_errors: ClassVar[Mapping[str, list[str]]] = {}
    """Parameter -> reasons of errors that are the scenario's result, and not a failure, where that parameter is given."""
    holds: ClassVar[str | None] = None
    """What a request holds while it waits: worker, slots, db_pool or upstream_connections (docs/new-scenario.md)."""
    at_once: ClassVar[str | None] = None
    """How many of `holds` it has on average, by its parameters; None: one."""
    waits_ms: ClassVar[str | None] = None
    """How long it waits at least, by its parameters; None: it does not."""
    streams: ClassVar[bool] = False
    """Whether the answer comes in parts."""
    body: ClassVar[object] = None
    """Sent as JSON by POST; without it the request is a GET."""
    seeded: ClassVar[bool] = False
    """Whether the query carries a seed for the server's random choices: ten digits, a different one in each request."""
    seed: ClassVar[int] = 1
    """Of the sequence of seeds."""
    timeout_s: ClassVar[float] = 10.0
    keep_alive: ClassVar[bool] = True
    """Whether a user keeps its connection; else each request opens one, and its latency includes that."""
    connection_class: ClassVar[type[Connection]] = Connection

    prepared_for: ClassVar[str | None] = None
    address: ClassVar[tuple[str, int]]
    expected: ClassVar[Expectation]
    patience: ClassVar[Patience]
    next_request: ClassVar[Callable[[], bytes]]

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        if not self.host:
            raise StopTest("Say where the stack answers: --host http://127.0.0.1:8102")
        if self.prepared_for != self.host:
            self.prepare(self.host)
        self.connection = self.connection_class(self.address, self.patience)
        self.connection.keep_alive = self.keep_alive
        self._until_check = 0

    @classmethod
    def prepare(cls, host: str) -> None:
        """Build what all users of the class share; `host` is a URL such as http://127.0.0.1:8102."""
        url = urlsplit(host)
        cls.prepared_for = host
        cls.address = (url.hostname or "", url.port or 80)
        cls.next_request = cycle(list(cls.requests())).__next__
        cls.expected = Expectation()
        cls.patience = Patience(cls.timeout_s)

    @classmethod
    def requests(cls) -> Iterator[bytes]:
        """Return the bytes of the requests, all of one length, which the users send in turn."""
        if not cls.seeded:
            yield cls._request({})
            return
        choice = random.Random(cls.seed)
        for _ in range(RING):
            yield cls._request({"seed": choice.randrange(1_000_000_000, 2_000_000_000)})

    @classmethod
    def _request(cls, seed: Mapping[str, int]) -> bytes:
        query = {**{name: value for name, value in cls.params.items() if value is not None}, **seed}
        target = cls.path + ("?" + urlencode(query) if query else "")
        host = f"Host: {cls.address[0]}:{cls.address[1]}\r\n"
        if cls.body is None:
            return f"GET {target} HTTP/1.1\r\n{host}\r\n".encode()
        body = json.dumps(cls.body).encode()
        head = f"POST {target} HTTP/1.1\r\n{host}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    @staticmethod
    def decode(body: bytes) -> Any:
        """Return the argument of `check`; raise ValueError if a body cannot be read."""
        return json.loads(body)

    def check(self, body: Any) -> bool:
        """Return whether the decoded body of a response is what was asked for."""
        raise NotImplementedError(f"{type(self).__name__} has no check(self, body), so no answer can be called right")

    def ask(self, start_s: float) -> str | None:
        """Send the next request; None where the answer is correct, else the reason why not.

        Status and length are looked at each time, the whole body in the user's first answer and in one of CHECK_EVERY.
        `start_s` is CLOCK_MONOTONIC now.
        """
        connection = self.connection
        try:
            body = connection.exchange(self.next_request(), start_s)  # type: ignore[misc]  # no method: it has no self
        except Fault as fault:
            return str(fault)
        if connection.status != 200:
            return f"status {connection.status}"
        if self._until_check == 0:
            return self.check_whole(body)
        self._until_check -= 1
        return None if len(body) == self.expected.length else self._wrong("length", body)

    def _wrong(self, what: str, body: bytes) -> str:
        """Keep the first wrong body of all users; return the reason."""
        if self.expected.wrong_body is None:
            self.expected.wrong_body = body
        return f"wrong {what}"

    def check_whole(self, body: bytes) -> str | None:
        """Hold every byte of a body against what is expected; None where it is right, else the reason why not."""
        expected = self.expected
        try:
            right = self.check(self.decode(body))
        except (ValueError, LookupError, TypeError, AttributeError):
            right = False
        if not right:
            return self._wrong("body", body)
        if expected.length is None:
            expected.length = len(body)
        if len(body) != expected.length:
            return self._wrong("length", body)
        expected.checked += 1
        self._until_check = CHECK_EVERY - 1
        return None

    @property
    def verb(self) -> str:
        """Return what Locust lists the requests under."""
        return "GET" if self.body is None else "POST"

    def secondary_timings(self, _start_s: float) -> Iterable[tuple[str, float]]:
        """Return the times of the last request beside its latency: name, seconds."""
        return ()

    def on_stop(self) -> None:
        """Close the connection; Locust calls this when the user ends."""
        self.connection.close()

    @task
    def once(self) -> None:
        """Send one request and report it to Locust."""
        start_s = monotonic()
        reason = self.ask(start_s)
        self.environment.events.request.fire(
            request_type=self.verb,
            name=self.path,
            response_time=(monotonic() - start_s) * 1000,
            response_length=self.expected.length or 0,
            exception=Fault(reason) if reason else None,
            context=self.context(),
        )
        for name, seconds in self.secondary_timings(start_s):
            self.environment.events.request.fire(
                request_type=name,
                name=self.path,
                response_time=seconds * 1000,
                response_length=0,
                exception=None,
                context=self.context(),
            )
