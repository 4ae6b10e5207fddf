"""Derive the report of a synthetic run of 10,000 trials: `.venv/bin/python -m benchmarks.full_report` prints time, memory and size.

The goals are 10 s to write all files and 5 MB for report.html, on a quiet machine; 2 s to open it in Chromium, where that is installed.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from lab.config import scenarios
from lab.config.project import Project
from lab.model.histogram import Histogram
from lab.model.loads import Load
from lab.model.outcome import Sample
from lab.model.stack import AA, Stack
from lab.model.workload import Scenario, Trial
from lab.paths import LOADTESTS
from tests.synthetic import WINDOW_S, histogram, run_facts, sample, write_run

STACKS, SCENARIOS, BLOCKS = 14, 18, 10
LOADS = ("closed:64", "closed:1", "closed:512", "open:200")
PROGRAM = """
import sys
from pathlib import Path
from lab.report.view import view_of
from lab.report.write import write_report
write_report(view_of(Path(sys.argv[1])))
"""
ON_TIME = histogram({0.05: 400})
SPREAD = 0.03
"""Standard deviation of the log of a throughput from block to block."""


def run(folder: Path) -> tuple[Path, int]:
    """Write the originals of the run; return its folder and how many trials it has."""
    stacks = [stack.model_copy(update={"omits": {}}) for stack in Project.here().stacks.values()][:STACKS]
    wanted = [one for one in scenarios.find(LOADTESTS, ["all"]) if "*" not in one.id][:SCENARIOS]
    facts = run_facts(stacks, wanted, BLOCKS)
    facts["profile"]["loads"] = [Load.model_validate(load).model_dump() for load in LOADS]
    found = list(_samples(stacks, wanted))
    return write_run(folder / "synthetic", facts, found), len(found)


def _samples(stacks: list[Stack], wanted: list[Scenario]) -> Iterator[Sample]:
    drawn = np.random.default_rng(7)
    speeds = {stack.name: 300 * (1 + place) for place, stack in enumerate(stacks)}
    base = next((stack for stack in stacks if stack.baseline), stacks[0])
    for block in range(BLOCKS):
        for place, scenario in enumerate(wanted):
            for load in map(Load.model_validate, LOADS):
                for name in (*speeds, *([base.name + AA] if place == 0 else [])):
                    usual = speeds[name.removesuffix(AA)] / (1 + place / 4)
                    yield _sample(
                        drawn,
                        Trial(
                            block=block,
                            attempt=0,
                            stack=name,
                            scenario=scenario.id,
                            load=load,
                            warmup_s=0.5,
                            window_s=WINDOW_S,
                            timeout_s=10,
                            seed=1,
                        ),
                        usual,
                    )


def _sample(drawn: np.random.Generator, trial: Trial, usual: float) -> Sample:
    rps = float(trial.load.amount) if trial.load.kind == "open" else usual * float(np.exp(drawn.normal(0, SPREAD)))
    requests = round(rps * WINDOW_S)
    mean_s = trial.load.amount / rps if trial.load.kind == "closed" else 0.004
    latency = Histogram()
    latency.add(mean_s * drawn.lognormal(-0.125, 0.5, requests))
    encoded = latency.encode()
    timed = {"service": encoded, "lag": ON_TIME} if trial.load.kind == "open" else {}
    halves = (requests // 2, requests - requests // 2)
    return sample(
        trial, rps, cpu_s=0.9 * WINDOW_S, latency=encoded, in_flight_s=mean_s * requests, completed_halves=halves,
        completed_per_second=halves, offered_rps=rps if timed else None, scheduled=requests if timed else None, **timed,
    )  # fmt: skip


def derived(folder: Path) -> tuple[float, float]:
    """Derive the report in a process of its own; return wall seconds and MB of memory."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began_s = time.monotonic()
    subprocess.run([sys.executable, "-c", PROGRAM, str(folder)], env=environment, check=True)
    return time.monotonic() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3


def opened_s(report: Path) -> float | None:
    """Return how long Chromium takes from asking for the report until it can be used; None without Chromium."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return None
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"]) as browser,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(report.as_uri())
        page.locator("#filter").wait_for()  # the program shows it when it is ready
        return float(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")) / 1e3


def main() -> None:
    """Make the run, derive its report twice, and print the figures of the second time, which has compiled modules."""
    with tempfile.TemporaryDirectory() as made:
        folder, trials = run(Path(made))
        derived(folder)
        wall_s, memory_mb = derived(folder)
        size_mb = (folder / "report.html").stat().st_size / 1e6
        print(
            f"{trials:,} trials: written in {wall_s:.1f} s, {memory_mb:.0f} MB of memory; report.html {size_mb:.2f} MB"
        )
        if (seconds := opened_s(folder / "report.html")) is not None:
            print(f"opened in {seconds:.2f} s")
        if len(sys.argv) > 1:
            shutil.copytree(folder, sys.argv[1], dirs_exist_ok=True)


if __name__ == "__main__":
    main()
