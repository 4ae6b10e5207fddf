"""The user classes of loadtests/, each in a process of its own: locust patches whatever imports it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.config import scenarios
from lab.paths import ROOT
from tests.driving import plain_locust
from tests.server import Peer, Server

RIGHT = {
    "json": {"message": "Hello, World!"},
    "health": {"status": "ok", "stack": "any"},
    "parse": {"text": "Async pays when requests wait."},
    "crunch": {"rounds": 14_000, "digest": "1440361c"},
    "db/one": {"rows": [{"id": 12_345, "value": 100_000 + 12_345 * 7919 % 900_000}]},
    "db": {"rows": [{"id": 19_999, "value": 100_000 + 19_999 * 7919 % 900_000}] * 10},
    "http/one": {"answers": [{"waited_ms": "00020"}]},
    "http": {"answers": [{"waited_ms": "00020"}] * 10},
    "file": {"size": 65_536, "crc32": "9d8c3e58"},
    "wait": {"waited_ms": 50},
    "hazard": {"waited_ms": 50},
    "stream": {"events": [{"text": f"word {index:05d} "} for index in range(10)]},
    "ws": {"message": "Hello, World!"},
    "h2": {"message": "Hello, World!"},
    "mixed": {"waited_ms": 5, "rounds": 14_000, "digest": "1440361c"},
}
"""What a stack answers, by scenario or workload."""

IDS = [scenario.id for scenario in scenarios.all_of(ROOT / "loadtests")]

PROGRAM = """
import json, sys
from locust.util.load_locustfile import load_locustfile

seen = {}
for scenario, right in json.load(sys.stdin):
    user = load_locustfile(scenario["file"])[0][scenario["user"]]
    user.host = "http://127.0.0.1:80"
    user.prepare(user.host)
    wrong = [{}, {"answers": []}, {"rows": []}, {key: None for key in right}, {**right, next(iter(right)): "other"}]
    seen[scenario["id"]] = {
        "right": user.check(user, right),
        "wrong": [user(None).check_whole(json.dumps(body).encode()) for body in wrong],
        "requests": [bytes(request).decode("latin-1") for request in user.requests() if request[:4] in (b"GET ", b"POST")],
    }
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen() -> dict[str, dict[str, Any]]:
    """By scenario: whether it takes a right answer, what it says of wrong ones, and the requests it would send."""
    told = [
        (scenario.model_dump(), RIGHT.get(scenario.id, RIGHT.get(scenario.workload)))
        for scenario in scenarios.all_of(ROOT / "loadtests")
    ]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, input=json.dumps(told), capture_output=True, text=True, check=True
    )
    answer: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("name", IDS)
def test_a_user_takes_the_right_answer_and_no_other(seen: dict[str, dict[str, Any]], name: str) -> None:
    assert seen[name]["right"] is True
    assert seen[name]["wrong"] == ["wrong body"] * 5


@pytest.mark.parametrize("name", [name for name in IDS if name not in ("ws", "h2/json")])
def test_a_users_requests_have_one_length_and_ask_for_its_path(seen: dict[str, dict[str, Any]], name: str) -> None:
    requests = seen[name]["requests"]
    assert len({len(request) for request in requests}) == 1
    (target,) = {request.split()[1].split("?")[0] for request in requests}
    assert target == f"/{name}"


def test_a_seeded_user_asks_with_many_seeds_of_ten_digits(seen: dict[str, dict[str, Any]]) -> None:
    seeds = [re.search(r"&seed=(1[0-9]{9}) ", request) for request in seen["db/batched"]["requests"]]
    assert len({seed[1] for seed in seeds if seed}) > 4000
    assert seen["db/batched"]["requests"][0].startswith("GET /db/batched?n=10&ms=0&seed=")


def test_a_user_with_a_body_posts_it_as_json(seen: dict[str, dict[str, Any]]) -> None:
    head, body = seen["parse/plain"]["requests"][0].split("\r\n\r\n")
    assert head.startswith("POST /parse/plain HTTP/1.1\r\n")
    assert f"Content-Length: {len(body)}" in head
    assert json.loads(body)["content"][0] == {"type": "text", "text": "Async pays "}


def test_plain_locust_runs_a_load_test_and_counts_its_requests() -> None:
    with Server() as server:
        status, by_method, _ = plain_locust(server, "loadtests/hello_json.py", users=4)
    assert status == 0
    assert by_method.keys() == {"GET"}
    figures = by_method["GET"]
    assert (figures["name"], figures["num_failures"]) == ("/json", 0)
    assert 0 <= server.requests - figures["num_requests"] <= 4  # in flight when Locust stopped
    assert server.connections == 4


@pytest.mark.slow
def test_plain_locust_runs_it_from_any_folder(tmp_path: Path) -> None:
    with Server() as server:
        file = str(ROOT / "loadtests" / "hello_json.py")
        status, _, _ = plain_locust(server, file, cwd=tmp_path)
    assert status == 0


@pytest.mark.slow
def test_plain_locust_is_told_of_failures_with_their_reason() -> None:
    async def unwell(peer: Peer) -> None:
        while await peer.request():
            await peer.answer(status=503 if peer.server.requests % 2 else 200)

    with Server(unwell) as server:
        _, by_method, said = plain_locust(server, "loadtests/hello_json.py", users=4)
    figures = by_method["GET"]
    assert figures["num_failures"] == pytest.approx(figures["num_requests"] / 2, rel=0.1, abs=4)
    assert "status 503" in said
