"""Steady state: a cell that still speeds up or slows down says so, and noise is not taken for it."""

import asyncio
import re
from random import Random
from time import monotonic
from typing import Any

import pytest

from lab.analysis import summary
from lab.analysis.validity.limits import Limits
from lab.analysis.validity.steady import halves_of, trend
from lab.load.client import Driver
from lab.model.outcome import Sample, Usage
from lab.paths import ROOT
from lab.report.view import view_of
from tests.conftest import remeasured
from tests.driving import drive, order
from tests.server import Peer, Server
from tests.synthetic import WINDOW_S, sample, trial

FULL = {"server": Usage(cpu_s=2.0)}


def halved(first: int, second: int, block: int = 0, load: str = "closed:8", **changes: Any) -> Sample:
    """A trial with so many completions in each half of its window."""
    known: dict[str, Any] = {"rps": (first + second) / WINDOW_S, "completed_halves": (first, second), "usage": FULL}
    return sample(trial(block, load=load), **known | changes)


def climbing(change: float, spread: float = 0.02, blocks: int = 6, load: str = "closed:8") -> list[Sample]:
    """Blocks whose second half is faster by `change`, give or take `spread`."""
    noise = Random(5)
    return [halved(1000, round(1000 * (1 + change + noise.uniform(-spread, spread))), n, load) for n in range(blocks)]


def said(samples: list[Sample]) -> tuple[str, ...]:
    (cell,) = summary.cells(summary.judged(samples, lambda _: Limits()))
    return cell.notes


def test_a_cell_that_still_speeds_up_says_by_how_much() -> None:
    (note,) = said(climbing(0.3, spread=0))
    assert note.startswith("Throughput rose by 30 % from the first half of the window to the second (99 % interval +30")
    assert note.endswith("6 blocks); the warm-up was too short for its final speed: lengthen warmup_s.")


def test_a_cell_that_slows_down_says_by_how_much() -> None:
    (note,) = said(climbing(-0.2, spread=0))
    assert note.startswith("Throughput fell by 20 % from the first half of the window to the second (99 % interval -20")
    assert "longer window_s" in note


@pytest.mark.parametrize("change", [0.0, 0.04, -0.04])
def test_less_than_the_margin_is_steady(change: float) -> None:
    assert said(climbing(change, spread=0.001)) == ()


def test_a_worker_that_was_replaced_explains_a_window_that_climbs() -> None:
    """The note on it says so; the warm-up is not to blame."""
    assert not any(
        "warm-up" in note for note in said([one.model_copy(update={"serving_replaced": 1}) for one in climbing(0.6)])
    )


def test_one_window_that_climbed_is_noise() -> None:
    assert said([halved(1000, 2000), *(halved(1000, 1000, n) for n in range(1, 6))]) == ()
    assert said(climbing(0.3, blocks=5)) == (), "as few blocks make no claim"


def test_noise_alone_is_seldom_taken_for_a_trend() -> None:
    """Halves that scatter by a tenth: at 99 % confidence about one cell in a hundred, and only beyond the margin."""
    noise = Random(1)
    accused = sum(
        trend(
            [halved(round(noise.gauss(1000, 100)), round(noise.gauss(1000, 100)), n) for n in range(8)],
            6,
            in_step=False,
        )
        is not None
        for _ in range(200)
    )
    assert accused <= 5


def test_the_rate_of_an_open_load_says_nothing_of_speed() -> None:
    assert said(climbing(0.3, load="open:1000")) == ()


def test_users_in_step_may_differ_by_one_round() -> None:
    """One worker that waits 50 ms: 20 responses in the first half of the window and 19 in the second, in every block."""
    in_step = [halved(20, 19, n, usage={"server": Usage(cpu_s=0.05)}) for n in range(6)]
    assert trend(in_step, 6, in_step=True) is None


def test_windows_of_older_runs_are_halved_where_they_have_an_even_number_of_seconds() -> None:
    assert halves_of(sample(completed_per_second=(900, 1100)).driven) == (900, 1100)
    assert halves_of(sample(completed_per_second=(1, 2, 3, 4), window_s=4).driven) == (3, 7)
    assert halves_of(sample(completed_per_second=(2000,), window_s=1).driven) is None
    assert halves_of(sample(completed_per_second=(1, 2), window_s=1.5).driven) is None
    assert halves_of(sample(completed_halves=(5, 6), completed_per_second=(11,), window_s=1).driven) == (5, 6)


@pytest.mark.slow
def test_node_still_speeds_up_in_the_committed_run_and_nobody_else_does() -> None:
    """Its just-in-time compiler was not done after a warm-up of 0.15 s; docs/method.md says by how much it speeds up."""
    cells = view_of(ROOT / "results/reference/standard-all-docker").cells
    found = [(cell, re.search(r"Throughput rose by (\d+) %", note)) for cell in cells for note in cell.notes]
    risen = {(cell.stack, cell.scenario): int(rose[1]) for cell, rose in found if rose}
    assert risen.keys() == {("express", path) for path in ("json", "parse/plain", "db/one", "http/one")}
    assert not any("Throughput fell" in note for cell in cells for note in cell.notes)
    method = " ".join((ROOT / "docs/method.md").read_text().split())
    assert f"speeds up by {min(risen.values())} to {max(risen.values())} % within its windows on four paths" in method


@remeasured
def test_a_server_that_speeds_up_in_the_middle_of_its_window_is_seen_by_a_real_driver(driver: Driver) -> None:
    times: dict[str, Any] = {"warmup_s": 0.1, "window_s": 0.6, "timeout_s": 2.0}
    began_s: list[float] = []

    async def warms_up(peer: Peer) -> None:
        while await peer.request():
            began_s.append(monotonic())
            await asyncio.sleep(0.02 if monotonic() < began_s[0] + 0.4 else 0.005)
            await peer.answer()

    with Server(warms_up) as server:
        driven = drive(driver, order(server.port, "closed:4", **times))
    assert driven.completed_halves is not None
    first, second = driven.completed_halves
    assert first + second == driven.completed
    assert second > 1.5 * first
