"""When a server counts as healthy; real servers on free ports."""

import asyncio
import json
import socket
import time

import pytest

from lab.model.stack import Arm
from lab.runtime.readiness import wrong_after
from tests.server import Peer, Server


class Health:
    """Answers /health under a name, after a while."""

    def __init__(self, name: str, after_s: float = 0) -> None:
        self.name, self.after_s = name, after_s

    async def __call__(self, peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(self.after_s)
            await peer.answer(json.dumps({"status": "ok", "stack": self.name}).encode())


@pytest.fixture
def nowhere() -> int:
    """A port on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def alive() -> None:
    """Nothing has died."""


def arm(label: str, port: int) -> Arm:
    return Arm(label=label, service=label, port=port)


def test_an_arm_is_waited_for_until_its_first_answer() -> None:
    with Server(Health("slow", 0.5)) as slow:
        began_s = time.monotonic()
        assert wrong_after(arm("slow", slow.port), alive, 10) == ""
        assert 0.5 <= time.monotonic() - began_s < 5


def test_an_arm_that_died_has_its_reason(nowhere: int) -> None:
    assert wrong_after(arm("gone", nowhere), lambda: "gone ended with 1.", 10) == "gone ended with 1."


def test_an_arm_that_never_answers_is_waited_for_no_longer_than_allowed(nowhere: int) -> None:
    wrong = wrong_after(arm("mute", nowhere), alive, 0.3)
    assert wrong.startswith("mute did not become healthy within 0.3 s: /health on port")


def test_another_server_on_the_port_is_no_healthy_answer() -> None:
    with Server(Health("foreign")) as server:
        assert "is answered by another server" in wrong_after(arm("mine", server.port), alive, 0.3)
