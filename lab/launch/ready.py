"""Readiness by asking `/health`, the same way in both runtimes; Docker's own health checks would load the server's core."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field

from lab.nouns import Arm

_ASK_AGAIN_AFTER_S = 0.02
_LOOK_AGAIN_AFTER_S = 0.1
_ANSWER_WITHIN_S = 1.0


def port_taken(port: int) -> bool:
    """True if something listens on 127.0.0.1:<port> already: a foreign server must not be measured."""
    with socket.socket() as probe:
        probe.settimeout(_ANSWER_WITHIN_S)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Standing:
    """How arms stand after they were started; an arm is in one of the two."""

    unhealthy: dict[str, str] = field(default_factory=dict)
    """Label -> why it cannot be measured."""
    healthy_after_s: dict[str, float] = field(default_factory=dict)
    """Label -> seconds from the order to start to the first healthy answer."""
    not_started: frozenset[str] = frozenset()
    """Labels of those among the unhealthy that never ran: their port was taken, or the engine refused."""


class Answers:
    """Asks arms for `/health` from now on, each in a thread of its own: one that is slow to answer hides no other."""

    def __init__(self, arms: Iterable[Arm]) -> None:
        self._began_s = time.monotonic()
        self._over = threading.Event()
        self._latest: dict[str, str] = {}
        self._threads = {arm.label: threading.Thread(target=self._ask, args=(arm,), daemon=True) for arm in arms}
        self._healthy_after_s: dict[str, float] = {}

    def __enter__(self) -> "Answers":
        for thread in self._threads.values():
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def wait(self, died: Callable[[str], str | None], within_s: float) -> Standing:
        """Waits until every arm has answered under its own name, at most `within_s` seconds.

        Args:
            died: says of a label why it is not running, None while it is.
        """
        reasons: dict[str, str] = {}
        deadline = time.monotonic() + within_s
        while self._threads and time.monotonic() < deadline:
            next(iter(self._threads.values())).join(_LOOK_AGAIN_AFTER_S)
            self._let_go(self._healthy_after_s)
            dead = {label: reason for label in self._threads if (reason := died(label))}
            self._let_go(dead)
            reasons |= dead
        for label in self._threads:
            latest = self._latest.get(label, "no answer yet")
            reasons[label] = f"{label} did not get healthy within {within_s:.0f} s: {latest}."
        healthy_after_s = self._healthy_after_s.copy()
        return Standing(reasons, {label: s for label, s in healthy_after_s.items() if label not in reasons})

    def _let_go(self, labels: Container[str]) -> None:
        """These are no longer waited for."""
        self._threads = {label: thread for label, thread in self._threads.items() if label not in labels}

    def _ask(self, arm: Arm) -> None:
        while not self._over.is_set():
            wrong = ask_health(arm)
            if wrong is None:
                self._healthy_after_s[arm.label] = time.monotonic() - self._began_s
                return
            self._latest[arm.label] = wrong
            self._over.wait(_ASK_AGAIN_AFTER_S)


def ask_health(arm: Arm) -> str | None:
    """None if the arm answers as itself, else what is wrong (a phrase)."""
    connection = http.client.HTTPConnection("127.0.0.1", arm.port, timeout=_ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/health", headers={"Connection": "close"})
        response = connection.getresponse()
        body = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"/health on port {arm.port} gives {type(error).__name__}"
    finally:
        connection.close()
    if response.status != 200:
        return f"/health answers {response.status}"
    if not isinstance(body, dict) or body.get("stack", arm.label) != arm.label:
        return f"port {arm.port} is answered by another server ({body})"
    return None
