"""The services work without the lab: started by Compose alone, or left by `up`, every path answers."""

import http.client
import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PORTS, environment, lab, needs_engine, until

PORT = PORTS * 100 + 2
STACK = "fastapi-uvicorn"
EXPECTED = {"rows": [{"id": 18282, "value": 875158}]}


def rows() -> object:
    """What /db/one answers; None where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=70)
    try:
        connection.request("GET", "/db/one?seed=1")
        response = connection.getresponse()
        return json.loads(response.read()) if response.status == 200 else response.status
    except OSError:
        return None
    finally:
        connection.close()


def test_up_leaves_a_stack_that_serves_the_database_and_a_log_of_this_start_only(checkout: Path) -> None:
    log = checkout / ".lab" / "logs" / f"{STACK}.log"
    log.parent.mkdir(parents=True)
    log.write_text("of an earlier start\n")
    assert lab(checkout, "up", f"--stack={STACK}", "--runtime=process").returncode == 0
    assert rows() == EXPECTED
    assert "of an earlier start" not in log.read_text()


@pytest.mark.slow
@needs_engine
def test_compose_alone_starts_a_stack_that_serves_the_database(checkout: Path) -> None:
    name = f"by-hand-{PORTS}"
    compose = ["docker", "compose", "--project-name", name]
    here = environment({"LAB_PROJECT": name})  # images of its own
    try:
        subprocess.run(
            [*compose, "up", "--detach", "--quiet-pull", STACK], cwd=checkout, env=here, check=True, capture_output=True
        )
        until(rows, 120)
        assert rows() == EXPECTED
    finally:
        subprocess.run(
            [*compose, "down", "--volumes", "--rmi=all"], cwd=checkout, env=here, check=True, capture_output=True
        )
