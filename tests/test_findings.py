"""Every rule of the findings, on runs whose truth is known: what it says, and when it says nothing."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import altair
import pytest

from lab.answers.decide import Answer, Weighed
from lab.answers.estimate import Estimate, Missing
from lab.config.experiments import declared
from lab.model.loads import Load
from lab.model.outcome import Outcome
from lab.model.stack import Stack
from lab.paths import LOADTESTS
from lab.report import contents, findings, matrix, page, spending
from lab.report.view import View, view_of
from tests.synthetic import WOBBLE, histogram, rows_of, run_facts, sample, scenario, stack, trial, write_run

COMMON = {"framework": "FastAPI", "server": "Uvicorn"}
ASYNC = stack("a-async", baseline=True, handlers="async", **COMMON)
DEF = stack("a-def", handlers="sync", **COMMON)
OTHER = stack("b", framework="Flask", server="Gunicorn", handlers="sync")


def a_run(
    folder: Path,
    speeds: Mapping[tuple[str, str], float],
    *stacks: Stack,
    blocks: int = 8,
    loads: str = "closed:8",
    **facts: Any,
) -> View:
    """A run in which each stack has a throughput in each scenario: twice that per second of CPU time."""
    names = list(dict.fromkeys(scenario_ for _, scenario_ in speeds))
    found: list[Outcome] = [
        sample(trial(block, name, scenario_, load), rps * WOBBLE[(block + len(name)) % 8])
        for block in range(blocks)
        for (name, scenario_), rps in speeds.items()
        for load in loads.split(",")
    ]
    written = run_facts(list(stacks), [scenario(name) for name in names], blocks, **facts)
    written["profile"]["loads"] = [Load.model_validate(load).model_dump() for load in loads.split(",")]
    return view_of(write_run(folder / "run", written, found))


def told(items: list[page.Item], lead: str = "") -> list[str]:
    return [f"{item.lead}: {item.text}" if item.lead else item.text for item in items if item.lead.startswith(lead)]


def test_a_contrast_is_told_with_what_is_faster_slower_equal_and_undecided(tmp_path: Path) -> None:
    ratios = {"json": 2.0, "wait": 0.5, "db/one": 1.0}
    speeds = {
        (name, scenario_): 1000 * (ratio if name == "a-async" else 1)
        for scenario_, ratio in ratios.items()
        for name in ("a-def", "a-async")
    }
    view = a_run(tmp_path, speeds, ASYNC, DEF)
    (said,) = told(findings.found(view), "`async def` instead of `def` (FastAPI on Uvicorn, 8 users)")
    assert "faster in json 2.0" in said
    assert "slower in wait 0.50 times (0." in said
    assert "equal within the margin in db/one 1.00 times (90 %: " in said or "not decided in db/one" in said


def test_a_contrast_of_too_few_blocks_is_not_decided(tmp_path: Path) -> None:
    view = a_run(tmp_path, {("a-def", "json"): 1000, ("a-async", "json"): 2000}, ASYNC, DEF, blocks=3)
    (said,) = told(findings.found(view), "`async def`")
    assert "not decided in json" in said
    assert "faster" not in said
    blocks, *_ = told(list(findings.sure(view)))
    assert blocks.startswith("3 blocks, each with every stack once, and a claim needs 6: there is none here")


def test_of_more_scenarios_than_are_named_the_greatest_effects_come_first(tmp_path: Path) -> None:
    ratios = {"json": 1.5, "parse/plain": 4.0, "wait": 2.0, "db/one": 3.0, "file/thread": 1.3}
    speeds = {
        (name, scenario_): 1000 * (ratio if name == "a-async" else 1)
        for scenario_, ratio in ratios.items()
        for name in ("a-def", "a-async")
    }
    (said,) = told(findings.found(a_run(tmp_path, speeds, ASYNC, DEF)), "`async def`")
    places = [said.index(f"{name} ") for name in ("parse/plain", "db/one", "wait")]
    assert places == sorted(places)
    assert "and 2 more" in said


def test_of_a_sweep_the_fewest_and_the_most_users_are_told(tmp_path: Path) -> None:
    speeds = {("a-def", "json"): 1000, ("a-async", "json"): 2000}
    view = a_run(tmp_path, speeds, ASYNC, DEF, loads="closed:1,closed:8,closed:64")
    leads = [item.lead for item in findings.found(view) if item.lead.startswith("`async def`")]
    assert leads == [f"`async def` instead of `def` (FastAPI on Uvicorn, {users})" for users in ("1 user", "64 users")]


def test_a_changed_setting_is_named_and_comes_after_the_handlers(tmp_path: Path) -> None:
    few = DEF.model_copy(update={"name": "a-def+slots=10", "budget": {"slots": 10, "workers": 1}})
    usual = DEF.model_copy(update={"budget": {"slots": 40, "workers": 1}})
    speeds = {("a-async", "json"): 1100, ("a-def", "json"): 1000, ("a-def+slots=10", "json"): 100}
    leads = [
        item.lead
        for item in findings.found(
            a_run(tmp_path, speeds, ASYNC.model_copy(update={"budget": usual.budget}), usual, few)
        )
    ]
    assert leads[0].startswith("`async def` instead of `def`")
    assert leads[1].startswith("Slots: 40 instead of 10")


def test_each_stack_stands_beside_the_baseline_with_its_lowest_and_highest_ratio(tmp_path: Path) -> None:
    speeds = {("a-async", "json"): 1000, ("a-async", "wait"): 1000, ("b", "json"): 250, ("b", "wait"): 900}
    (said,) = told(findings.found(a_run(tmp_path, speeds, ASYNC, OTHER)), "Throughput beside a-async")
    assert re.search(r"b 0\.25 times in json \(0\.2\d to 0\.2\d\) to 0\.(89|9\d) times in wait \(0\.", said)


def test_one_ratio_is_told_with_its_interval(tmp_path: Path) -> None:
    view = a_run(tmp_path, {("a-async", "json"): 1000, ("b", "json"): 250}, ASYNC, OTHER)
    (said,) = told(findings.found(view), "Throughput beside a-async")
    assert "b 0.25 times in json (0.2" in said


def test_the_smallest_and_the_largest_server_are_named(tmp_path: Path) -> None:
    memory = {"a-async": 70_000_000, "a-def": 60_000_000}
    found: list[Outcome] = [
        sample(trial(block, name), idle_memory_bytes=memory[name]) for block in range(6) for name in memory
    ]
    view = view_of(write_run(tmp_path / "run", run_facts([ASYNC, DEF], [scenario()], 6), found))
    assert told(findings.found(view), "Memory") == [
        "Memory of a server before its first request: 60.0 MB (a-def) to 70.0 MB (a-async)."
    ]


def test_a_run_of_one_stack_has_no_comparison_to_tell(tmp_path: Path) -> None:
    view = a_run(tmp_path, {("a-async", "json"): 1000}, ASYNC)
    assert findings.found(view) == []
    assert any("This run has no pair to compare." in text for text in told(list(findings.sure(view))))


@pytest.mark.parametrize(("speed", "different"), [(1000, 0), (2000, 1)])
def test_it_says_how_often_the_baseline_differs_from_itself(tmp_path: Path, speed: float, different: int) -> None:
    found: list[Outcome] = [
        sample(trial(block, name), rps * WOBBLE[(block + len(name)) % 8], cpu_s=None)
        for block in range(8)
        for name, rps in {"a-async": 1000, "a-async@aa": speed}.items()
    ]
    view = view_of(write_run(tmp_path / "run", run_facts([ASYNC], [scenario()], 8), found))
    said = told(list(findings.sure(view)))
    assert any(f"measured twice: {different} of its 2 comparisons with itself" in text for text in said)


def test_it_says_how_many_trials_are_left_out(tmp_path: Path) -> None:
    late = histogram({30.0: 2000})
    found: list[Outcome] = [
        sample(trial(block, "a-async", load="open:1000"), lag=late if block == 0 else None) for block in range(6)
    ]
    view = view_of(write_run(tmp_path / "run", run_facts([ASYNC], [scenario()], 6), found))
    assert any(text.startswith("1 of 6 trials are invalid and left out") for text in told(list(findings.sure(view))))


def test_every_chart_of_a_report_conforms_to_vega_lites_schema(tmp_path: Path) -> None:
    speeds = {(name, scenario_): 1000.0 for scenario_ in ("json", "wait") for name in ("a-def", "a-async", "b")}
    view = a_run(tmp_path, speeds, ASYNC, DEF, OTHER, loads="closed:1,closed:8,closed:64,open:100,open:50%")
    drawn = [chart for picture in contents.of(view).pictures for chart in picture.charts]
    assert len({chart.slug for chart in drawn}) == len(drawn) > 10
    for chart in drawn:
        altair.Chart.from_dict(dict(chart.definition), validate=True)
        assert "rows" not in str({**chart.definition, "data": None}), "one set of rows, for all layers"
        marks = re.findall(r'class="mark-(?:symbol|rect|rule|line|text) role-mark[^>]*>(.*?)</g>', chart.svg, re.DOTALL)
        assert (
            sum(group.count("<path") + group.count("<line") + group.count("<text") for group in marks)
            >= len(rows_of(chart)) / 2
        )


def test_ratios_of_too_few_blocks_are_no_finding(tmp_path: Path) -> None:
    view = a_run(tmp_path, {("a-async", "json"): 1000, ("b", "json"): 250}, ASYNC, OTHER, blocks=1)
    assert findings.found(view) == []
    assert not any("measured twice" in text for text in told(list(findings.sure(view))))


def test_of_several_loads_each_end_says_its_own(tmp_path: Path) -> None:
    speeds = {("a-async", "json"): 1000, ("b", "json"): 250}
    (said,) = told(
        findings.found(a_run(tmp_path, speeds, ASYNC, OTHER, loads="closed:8,closed:64")), "Throughput beside"
    )
    assert re.search(r"b 0\.2\d times in json at (8|64) users \(0\.2", said)


def test_what_a_quota_kept_from_running_is_not_called_slow(tmp_path: Path) -> None:
    found: list[Outcome] = [
        sample(trial(block, name), rps, server_throttled_s=1.5 if name == "b" else 0.0)
        for block in range(8)
        for name, rps in {"a-async": 1000, "b": 250}.items()
    ]
    view = view_of(write_run(tmp_path / "run", run_facts([ASYNC, OTHER], [scenario()], 8), found))
    assert findings.found(view) == []
    tables = [block for block in matrix.blocks(view) if isinstance(block, page.Table)]
    assert {lines[0].text for table in tables for lines in table.rows[0].cells[3:4]} == {"throttled"}


def test_the_layers_of_a_request_are_a_chain_of_evidence() -> None:
    layers = next(one for one in declared(LOADTESTS) if one.id == "layers")
    weighed = tuple(
        Weighed(one, Estimate(place + 1, 1, 99, repeats=8), "told") for place, one in enumerate(layers.evidence)
    )
    names = [name for name, _ in spending.cake(Answer(layers, "inconclusive", weighed))]
    assert names[0].startswith("server, loop and parser: a response of bare ASGI")
    assert [name.partition(":")[0] for name in names] == [
        "server, loop and parser",
        "framework",
        "framework",
        "driver",
        "the whole",
    ]
    lacking = replace(weighed[-2], estimate=Missing("not measured", was_asked=True))
    assert spending.cake(Answer(layers, "inconclusive", (*weighed[:-2], lacking, weighed[-1]))) == []
    others = [one for one in declared(LOADTESTS) if one.id != "layers"]
    assert not any(
        spending.cake(
            Answer(one, "inconclusive", tuple(Weighed(e, Estimate(1, 1, 1, repeats=8), "told") for e in one.evidence))
        )
        for one in others
    )
