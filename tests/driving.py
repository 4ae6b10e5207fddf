"""Orders for the driver, and what tests do with it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab.config import scenarios
from lab.load.client import Driver
from lab.load.protocol import Order
from lab.model.outcome import Driven
from lab.model.workload import Scenario
from lab.paths import LOADTESTS, ROOT
from tests.conftest import until
from tests.server import Peer, Server

JSON = scenarios.find(LOADTESTS, ["json"])[0]


def order(
    port: int,
    load: str = "closed:4",
    *,
    scenario: Scenario = JSON,
    warmup_s: float = 0,
    window_s: float = 0.3,
    timeout_s: float = 5,
    **more: object,
) -> Order:
    times = {"warmup_s": warmup_s, "window_s": window_s, "timeout_s": timeout_s}
    return Order.model_validate({"scenario": scenario, "port": port, "load": load, "seed": 7, **times, **more})


def drive(driver: Driver, order: Order) -> Driven:
    driven = driver.run(order, lambda _start, _end: None)
    assert isinstance(driven, Driven), driven
    return driven


def plain_locust(server: Server, file: str, users: int = 2, cwd: Path = ROOT) -> tuple[int, dict[str, Any], str]:
    """Let Locust drive a load test until the server heard enough; its exit status, its figures by method, what it says.

    Locust's own limit of time begins before its users do, which a busy machine may keep from their first request.
    """
    command = [str(Path(sys.executable).with_name("locust")), "-f", file, "--host", f"http://127.0.0.1:{server.port}"]
    more = ["--headless", "--json", f"-u{users}", f"-r{users}", "-t300s"]
    with subprocess.Popen([*command, *more], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        try:
            until(lambda: server.heard >= 10 * users or run.poll() is not None)
        finally:
            run.terminate()
        figures, said = run.communicate()
    return run.returncode, {one["method"]: one for one in json.loads(figures)}, said


async def silent_after_the_probe(peer: Peer) -> None:
    while await peer.request():
        if peer.server.requests == 1:
            await peer.answer()


def load_test(folder: Path, *methods: str) -> Scenario:
    """A scenario whose user class has these methods."""
    lines = ["import sys", f"sys.path.insert(0, {str(LOADTESTS)!r})", "from client import FastUser"]
    lines += ["class Odd(FastUser):", "    path = '/json'", "    asked = 0", *("    " + line for line in methods)]
    (folder / "odd.py").write_text("\n".join(lines))
    return Scenario(id="odd", workload="odd", file=str(folder / "odd.py"), user="Odd", path="/json")
