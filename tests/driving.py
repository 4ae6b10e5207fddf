"""Orders for the driver, and what tests do with it."""

from pathlib import Path

from lab import scenarios
from lab.drive import Driver
from lab.nouns import Driven, Scenario
from lab.orders import Order
from lab.project import LOADTESTS
from tests.server import Peer

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


async def silent_after_the_probe(peer: Peer) -> None:
    while await peer.request():
        if peer.server.requests == 1:
            await peer.answer()


def load_test(folder: Path, *methods: str) -> Scenario:
    """A scenario whose user class has these methods."""
    lines = ["import sys", f"sys.path.insert(0, {str(LOADTESTS)!r})", "from lean import LeanUser"]
    lines += ["class Odd(LeanUser):", "    path = '/json'", "    asked = 0", *("    " + line for line in methods)]
    (folder / "odd.py").write_text("\n".join(lines))
    return Scenario(id="odd", workload="odd", file=str(folder / "odd.py"), user="Odd", path="/json")
