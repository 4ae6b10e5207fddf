"""Outcomes with known truth: what a driver would have written, had it seen exactly this."""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from lab.calibrate.result import TruthTest
from lab.model.histogram import Histogram
from lab.model.loads import Load
from lab.model.outcome import OUTCOME, Driven, Failure, Outcome, Sample, Usage
from lab.model.stack import Stack
from lab.model.workload import Profile, Scenario, Trial
from lab.report import answer
from lab.report.charts.drawing import Chart
from lab.report.view import View, view_of
from lab.report.write import write_report
from lab.run import jsonlines
from lab.run.console import console

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WINDOW_S = 2.0


def histogram(latencies_ms: Mapping[float, int]) -> str:
    """Latency in ms -> how often, encoded as the driver does."""
    found = Histogram()
    found.add(np.repeat([ms / 1e3 for ms in latencies_ms], list(latencies_ms.values())))
    return found.encode()


def trial(block: int = 0, stack: str = "a", scenario: str = "json", load: str = "closed:8", attempt: int = 0) -> Trial:
    return Trial(
        block=block,
        attempt=attempt,
        stack=stack,
        scenario=scenario,
        load=Load.model_validate(load),
        warmup_s=0.5,
        window_s=WINDOW_S,
        timeout_s=5,
        seed=1,
    )


def sample(of: Trial | None = None, rps: float = 1000, cpu_s: float | None = 1.0, **changes: Any) -> Sample:
    """A clean trial at `rps`, all latencies 8 ms; `changes` go to Sample or Driven, whichever has the field."""
    of = of or trial()
    requests = round(rps * WINDOW_S)
    users = of.load.amount if of.load.kind == "closed" else rps * 0.008
    driven: dict[str, Any] = {
        "window_s": WINDOW_S,
        "requests": requests,
        "completed": requests,
        "latency": histogram({8.0: requests}),
        "in_flight_s": users * WINDOW_S,
        "connects": 0,
        "reconnects": 0,
        "checked": 10,
        "began_s": 100.0,
        "window_start_s": 100.5,
        "window_end_s": 102.5,
        "drained_s": 102.6,
    }
    driven |= {name: changes.pop(name) for name in list(changes) if name in Driven.model_fields}
    usage = {"server": Usage(cpu_s=cpu_s, memory_bytes=50_000_000), "generator": Usage(cpu_s=0.2)}
    outcome = {"trial": of, "started_at": NOON, "usage": usage, "overhead_s": 0.1} | changes
    return Sample.model_validate({"driven": Driven(**driven)} | outcome)


def failure(of: Trial | None = None, reason: str = "The server did not start.", **changes: Any) -> Failure:
    return Failure(trial=of or trial(), started_at=NOON, reason=reason, **changes)


def scenario(id: str = "json", **params: int | str) -> Scenario:  # noqa: A002 - the noun's own field
    path = f"/{id.partition('?')[0]}"
    return Scenario(id=id, workload=id.split("/")[0], file="f.py", user="User", path=path, params=params)


def stack(name: str = "a", model: str = "async", **more: Any) -> Stack:
    return Stack.model_validate(
        {"name": name, "framework": name.title(), "server": "Server", "model": model, "port": 8000} | more
    )


def run_facts(stacks: list[Stack], scenarios: list[Scenario], blocks: int, **more: Any) -> dict[str, Any]:
    """run.json with the keys that a report cannot do without, and `more`."""
    profile = Profile(
        name="quick",
        about="a synthetic run",
        stacks=tuple(stack.name for stack in stacks),
        scenarios=tuple(scenario.id for scenario in scenarios),
        loads=(Load.model_validate("closed:8"),),
        blocks=blocks,
        warmup_s=0.5,
        window_s=WINDOW_S,
        timeout_s=5,
    )
    return {
        "format": jsonlines.VERSION,
        "profile": profile.model_dump(mode="json"),
        "stacks": [stack.model_dump(mode="json") for stack in stacks],
        "scenarios": [scenario.model_dump(mode="json") for scenario in scenarios],
    } | more


def write_run(folder: Path, facts: Mapping[str, Any], outcomes: Sequence[Outcome]) -> Path:
    """A run's folder with its originals."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(facts))
    lines = [OUTCOME.dump_json(outcome) for outcome in outcomes]
    (folder / "trials.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return folder


STACKS = [stack("first", omits={"/parse/": "it has no parser"}), stack("base", baseline=True), stack("broken")]
SCENARIOS = [scenario("json"), scenario("parse/plain"), scenario("wait?ms=50", ms=50)]
SPEEDS = {"first": 500, "base": 1000, "base@aa": 1000, "broken": 2000}
WOBBLE = [1.0, 1.02, 0.98, 1.01, 0.99, 1.0, 1.03, 0.97]


def outcomes(blocks: int = 8) -> list[Outcome]:
    """`first` is half as fast as `base`; `broken` errs in every request of /wait."""
    return [
        _measured(block, arm, scenario_.id, speed * WOBBLE[(block * len(arm)) % 8])
        for block in range(blocks)
        for scenario_ in SCENARIOS
        for arm, speed in SPEEDS.items()
        if not (arm == "first" and scenario_.id == "parse/plain")
    ]


def _measured(block: int, arm: str, scenario_: str, rps: float) -> Outcome:
    of = trial(block, arm, scenario_)
    if arm == "broken" and scenario_.startswith("wait"):
        errors = {"status 500": round(rps * 2)}
        return sample(of, rps, completed=0, latency=histogram({}), errors=errors)
    return sample(of, rps)


def written(folder: Path, found: list[Outcome] | None = None, blocks: int = 8, **facts: Any) -> dict[str, Path]:
    """Files of a report by name."""
    run = write_run(
        folder / "20260504T120000Z-quick", run_facts(STACKS, SCENARIOS, blocks, **facts), found or outcomes()
    )
    return {path.name: path for path in write_report(view_of(run))}


def on_terminal(view: View, width: int = 200) -> str:
    """What a run says at its end."""
    said = io.StringIO()
    for line in answer.lines(view):
        console(file=said, width=width).print(line)
    return said.getvalue()


def rows_of(chart: Chart) -> list[dict[str, Any]]:
    """The rows that a chart draws."""
    found: list[dict[str, Any]] = chart.definition["data"]["values"]
    return found


def a_truth_test(waited_ms: float = 0.0) -> TruthTest:
    same = {"p50": 5.0, "p90": 5.0, "p99": 5.0}
    return TruthTest(
        mode="constant",
        load=Load(kind="closed", amount=8),
        requests=2000,
        truth_ms=same,
        reported_ms=same,
        lag_ms={},
        errors={},
        generator_waited_ms=waited_ms,
        latency="",
    )
