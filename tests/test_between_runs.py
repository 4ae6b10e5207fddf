"""Two whole runs beside each other: what is called different, what agrees, what may not be compared, what held."""

import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.analysis.between.changes import Change, Quantity, changes
from lab.analysis.between.spread import Between, Kind, Spreads, between, known
from lab.errors import LabError
from lab.model.loads import Load
from lab.model.outcome import Outcome
from lab.report import compared, held, html, markdown
from lab.report.compared import Compared
from lab.report.view import View, view_of
from tests.synthetic import WOBBLE, run_facts, sample, scenario, stack, trial, write_run

ASYNC = stack("a-async", baseline=True, framework="FastAPI", server="Uvicorn", handlers="async")
DEF = stack("a-def", framework="FastAPI", server="Uvicorn", handlers="sync")
STACKS = (ASYNC, DEF)
SPEEDS = {("a-async", "json"): 2000.0, ("a-def", "json"): 1000.0, ("a-async", "wait"): 800.0, ("a-def", "wait"): 800.0}
MACHINE = {"cpu": "Some CPU", "cpus": 2, "architecture": "x86_64"}
FAMILY: dict[Kind, float] = {"cell": 0.03, "ratio": 0.02}
SPREADS: Spreads = {
    ("docker", kind, metric, "closed"): Between(
        runtime="docker", kind=kind, metric=metric, family="closed", sd=sd, runs=5, quantities=20
    )
    for kind, sd in FAMILY.items()
    for metric in ("rps", "cpu_us_per_request")
}


def a_run(
    folder: Path, factor: Callable[[str, str], float] = lambda *_: 1, loads: str = "closed:8", **facts: Any
) -> View:
    """A run of two stacks; `factor` is what each cell does more than usual."""
    found: list[Outcome] = [
        sample(trial(block, name, scenario_, load), rps * WOBBLE[(block + len(name)) % 8] * factor(name, scenario_))
        for block in range(8)
        for (name, scenario_), rps in SPEEDS.items()
        for load in loads.split(",")
    ]
    scenarios = [scenario("json"), scenario("wait")]
    written: dict[str, Any] = {
        "runtime": "docker",
        "machine": MACHINE,
        "cpu_plan": {"server": [0], "others": [1]},
    } | facts
    whole = run_facts(list(STACKS), scenarios, 8, **written)
    whole["profile"]["loads"] = [Load.model_validate(load).model_dump() for load in loads.split(",")]
    return view_of(write_run(folder, whole, found))


def of_two(first: View, second: View, **more: Any) -> Compared:
    return compared.compared(first, second, SPREADS, **more)


def verdicts(found: Compared, metric: str = "rps") -> Mapping[tuple[str, str], str]:
    return {
        (one.quantity.names, one.quantity.scenario): one.verdict
        for one in (*found.cells, *found.ratios)
        if one.quantity.metric == metric
    }


def test_two_equal_runs_agree_or_are_inconclusive(tmp_path: Path) -> None:
    found = of_two(a_run(tmp_path / "one"), a_run(tmp_path / "two"))
    assert len(found.cells) == 8
    assert len(found.ratios) == 4
    assert "different" not in verdicts(found).values()


def test_a_stack_that_was_scaled_by_a_third_differs_alone(tmp_path: Path) -> None:
    doctored = a_run(tmp_path / "two", lambda name, _: 1.3 if name == "a-def" else 1)
    said = verdicts(of_two(a_run(tmp_path / "one"), doctored))
    assert {names for (names, _), verdict in said.items() if verdict == "different"} == {"a-def", "a-def over a-async"}
    assert "equivalent" not in {said["a-def", "json"], said["a-def over a-async", "wait"]}


def test_a_change_that_whole_runs_have_by_themselves_is_no_difference(tmp_path: Path) -> None:
    """A tenth is beyond the margin and beyond the spread of blocks, but not beyond that of whole runs."""
    first, second = a_run(tmp_path / "one"), a_run(tmp_path / "two", lambda *_: 1.1)
    assert verdicts(of_two(first, second))["a-async", "json"] == "inconclusive"
    assert verdicts(compared.compared(first, second, {}))["a-async", "json"] == "different"


def test_it_says_where_the_spread_of_whole_runs_is_not_known(tmp_path: Path) -> None:
    views = a_run(tmp_path / "one"), a_run(tmp_path / "two")
    assert not any("was not measured" in item.text for item in compared.sentences(of_two(*views)))
    assert any("was not measured for" in item.text for item in compared.sentences(compared.compared(*views, {})))


def test_a_faster_machine_changes_cells_and_no_ratio(tmp_path: Path) -> None:
    first, second = a_run(tmp_path / "one"), a_run(tmp_path / "two", lambda *_: 2)
    said = verdicts(of_two(first, second))
    assert said["a-async", "json"] == said["a-def", "wait"] == "different"
    assert said["a-def over a-async", "json"] != "different"


UNLIKE: dict[str, tuple[dict[str, Any], str]] = {
    "runtime": ({"runtime": "process"}, "one is of the docker runtime and the other of the process runtime"),
    "budget": ({"budget": {"slots": 200}}, "their equal budgets differ (as it stands; slots=200)"),
    "loads": ({"loads": "closed:8+think=1s"}, "they share no scenario and load"),
    "machine": (
        {"machine": MACHINE | {"cpus": 8}},
        "are of different machines (number of CPUs 2 and 8): ACROSS_MACHINES=1",
    ),
    "CPUs": ({"cpu_plan": {"server": [0, 1], "others": [2]}}, "1 and 2 CPUs of the server"),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_unlike_runs_are_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    changed, said = UNLIKE[name]
    with pytest.raises(LabError, match="and two ") as refused:
        of_two(a_run(tmp_path / "one"), a_run(tmp_path / "two", **changed))
    assert said in str(refused.value)


def test_another_contract_is_refused(tmp_path: Path) -> None:
    second = a_run(tmp_path / "two")
    asked = [one.model_copy(update={"path": "/elsewhere"}) for one in second.run.scenarios]
    object.__setattr__(second.run, "scenarios", tuple(asked))
    with pytest.raises(LabError, match="the scenario json asks for something else"):
        of_two(a_run(tmp_path / "one"), second)


def test_across_machines_ratios_alone_are_compared(tmp_path: Path) -> None:
    second = a_run(tmp_path / "two", lambda *_: 3, machine=MACHINE | {"cpus": 8})
    found = of_two(a_run(tmp_path / "one"), second, across=True)
    assert found.cells == ()
    assert found.shown == found.ratios
    assert "different" not in verdicts(found).values()


@pytest.mark.parametrize(
    ("condition", "fails"),
    [("rps < -5%", 2), ("rps<-50%", 0), ("throughput > 5 %", 0), ("cpu > 5%", 2), ("cpu_us_per_request < -1%", 0)],
)
def test_a_condition_fails_for_changes_beyond_it_that_are_no_noise(tmp_path: Path, condition: str, fails: int) -> None:
    slower = a_run(tmp_path / "two", lambda name, _: 0.6 if name == "a-def" else 1)
    found = of_two(a_run(tmp_path / "one"), slower)
    failing = compared.failing(found.shown, condition)
    assert {one.quantity.stack for one in failing} <= {"a-def"}
    assert len(failing) == fails


@pytest.mark.parametrize("condition", ["rps", "rps < 5", "speed < 5%", "rps << 5%", "rps < five%"])
def test_what_is_no_condition_is_refused(condition: str) -> None:
    with pytest.raises(LabError, match="is no condition: write one such as"):
        compared.failing([], condition)


def test_the_page_names_what_differs_in_both_formats(tmp_path: Path) -> None:
    doctored = a_run(tmp_path / "two", lambda name, _: 1.5 if name == "a-def" else 1)
    page = compared.as_page(of_two(a_run(tmp_path / "one"), doctored))
    for text in (markdown.render(page), html.render(page, {})):
        assert "a-def, json at 8 users: 1.50 times the throughput (1." in text
        assert "differs" in text


def test_a_finding_holds_or_is_reversed_gone_or_not_measured(tmp_path: Path) -> None:
    first = a_run(tmp_path / "one")
    assert [one.status for one in held.held(first, a_run(tmp_path / "same"))] == ["held"]
    turned = a_run(tmp_path / "turned", lambda name, of: 4 if (name, of) == ("a-def", "json") else 1)
    assert [one.status for one in held.held(first, turned)] == ["reversed"]
    evened = a_run(tmp_path / "evened", lambda name, of: 2 if (name, of) == ("a-def", "json") else 1)
    assert [one.status for one in held.held(first, evened)] == ["gone"]
    other_load = a_run(tmp_path / "other", loads="closed:64")
    assert [one.status for one in held.held(first, other_load)] == ["not measured"]


def test_whether_the_findings_held_is_said_first_with_what_was_contradicted(tmp_path: Path) -> None:
    first = a_run(tmp_path / "one")
    (said,) = held.sentences(first, a_run(tmp_path / "same"))
    assert (said.lead, said.text) == ("The findings held: of 1 differences between stacks", "1 held.")
    turned = a_run(tmp_path / "turned", lambda name, of: 4 if (name, of) == ("a-def", "json") else 1)
    judged, contradicted = held.sentences(first, turned)
    assert judged.lead.startswith("The findings did not all hold")
    assert (contradicted.lead, contradicted.text[:45]) == ("reversed", "a-def over a-async, json at 8 users: 0.50 x (")
    assert held.contradictions(first, turned) == 1


def simulated(seed: int, tau: float, runs: int = 2) -> list[dict[Quantity, list[float]]]:
    """Runs of forty cells whose means lie `tau` apart, and blocks 0.05."""
    drawn = random.Random(seed)
    names = [Quantity("json", "closed:8", f"s{number}", "", "rps") for number in range(40)]
    return [
        {name: [shift + drawn.gauss(0, 0.05) for _ in range(8)] for name in names for shift in [drawn.gauss(0, tau)]}
        for _ in range(runs)
    ]


def spread_of(sd: float, runs: int) -> Spreads:
    one = Between(runtime="docker", kind="cell", metric="rps", family="closed", sd=sd, runs=runs, quantities=40)
    return {("docker", "cell", "rps", "closed"): one}


def changed(seed: int, spread: Spreads) -> list[Change]:
    first, second = simulated(seed, tau=0.04)
    return list(changes(first, second, spread, "docker"))


def test_the_spread_between_runs_is_found_beside_that_of_blocks() -> None:
    found, pooled = between(simulated(1, tau=0.04, runs=8))
    assert found == pytest.approx(0.04, rel=0.15)
    assert pooled == 40
    assert between(simulated(2, tau=0.0, runs=8))[0] < 0.012


def test_of_equal_runs_at_most_one_cell_in_twenty_differs() -> None:
    spread = spread_of(0.04, runs=5)
    found = [one for seed in range(50) for one in changed(seed, spread)]
    assert len(found) == 2000
    assert sum(one.verdict == "different" for one in found) / len(found) < 0.05


def test_an_interval_holds_the_true_change_as_often_as_it_says() -> None:
    spread = spread_of(0.04, runs=50)
    found = [one for seed in range(50) for one in changed(seed, spread) if one.verdict != "equivalent"]
    assert sum(one.lo <= 1 <= one.hi for one in found) / len(found) == pytest.approx(0.99, abs=0.01)
    assert all(math.isfinite(one.hi) for one in found)


def test_the_stored_spreads_are_read_and_damage_is_refused(tmp_path: Path) -> None:
    assert known(tmp_path / "missing.json") == {}
    (tmp_path / "spread.json").write_text('{"version": 1, "spreads": [{"runtime": "docker"}]}')
    with pytest.raises(LabError, match="is damaged"):
        known(tmp_path / "spread.json")
