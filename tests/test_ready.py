"""When a server counts as healthy, and how long that took; real servers on free ports."""

import asyncio
import json
import socket

import pytest
from server import Peer, Server

from lab.launch.ready import Answers
from lab.nouns import Arm


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


def alive(_label: str) -> None:
    """Nothing has died."""


def test_the_time_to_the_first_answer_is_each_arms_own() -> None:
    with Server(Health("slow", 0.5)) as slow, Server(Health("quick")) as quick:
        arms = [Arm(label="slow", service="slow", port=slow.port), Arm(label="quick", service="quick", port=quick.port)]
        with Answers(arms) as answers:
            standing = answers.wait(alive, 10)
    assert standing.unhealthy == {}
    assert standing.healthy_after_s["quick"] < 0.4 < 0.5 <= standing.healthy_after_s["slow"]


def test_an_arm_that_died_has_its_reason_and_no_time(nowhere: int) -> None:
    with Answers([Arm(label="gone", service="gone", port=nowhere)]) as answers:
        standing = answers.wait(lambda label: f"{label} ended with 1.", 10)
    assert standing.unhealthy == {"gone": "gone ended with 1."}
    assert standing.healthy_after_s == {}


def test_an_arm_that_never_answers_is_waited_for_no_longer_than_allowed(nowhere: int) -> None:
    with Answers([Arm(label="mute", service="mute", port=nowhere)]) as answers:
        standing = answers.wait(alive, 0.3)
    assert standing.unhealthy["mute"].startswith("mute did not get healthy within 0 s: /health on port")
    assert standing.healthy_after_s == {}


def test_another_server_on_the_port_is_no_healthy_answer() -> None:
    with Server(Health("foreign")) as server, Answers([Arm(label="mine", service="mine", port=server.port)]) as answers:
        standing = answers.wait(alive, 0.3)
    assert "is answered by another server" in standing.unhealthy["mine"]
