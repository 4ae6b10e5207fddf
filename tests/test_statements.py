"""Each declared statement can come out each way, by its own rule, on figures that are known."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from scipy import stats as distributions  # type: ignore[import-untyped]

from lab.answers.decide import Answer, Finding, decided, finding, rule
from lab.answers.estimate import NAIVE, SERVED, Estimate, Figures, Material, Missing, estimate, forecast, refuse_unknown
from lab.answers.written import document
from lab.config.experiments import chosen, declared
from lab.errors import LabError
from lab.model.experiment import Evidence, Experiment, Side, Verdict
from lab.paths import LOADTESTS
from lab.report import statements
from lab.report.view import view_of
from lab.report.write import write_report
from stacks.micro.ladder import STEPS
from tests.synthetic import failure, run_facts, sample, scenario, stack, trial, write_run

EXPERIMENTS = {one.id: one for one in declared(LOADTESTS)}
Way = Literal["holds", "fails", "open", "missing"]
WAYS: dict[Way, Verdict] = {
    "holds": "supported",
    "fails": "refuted",
    "open": "inconclusive",
    "missing": "not_measured",
}
REPEATS = 8
MEASURED = 100.0
"""What is measured where something else is compared with it."""


@dataclass
class Told:
    """Figures that make each piece of evidence come out as it is told to."""

    known: dict[tuple[Side, str], Figures | Missing] = field(default_factory=dict)

    def figures(self, side: Side, metric: str) -> Figures | Missing:
        return self.known.get((side, metric), dict.fromkeys(range(REPEATS), MEASURED))

    def slots(self, side: Side) -> float:  # noqa: ARG002  # the same everywhere
        return 40

    def tell(self, evidence: Evidence, way: Way) -> None:
        key = evidence.of, evidence.metric
        if way == "missing" or (way == "open" and evidence.metric == SERVED):
            self.known[key] = Missing("no such cell", was_asked=way == "open")
            return
        values = self._estimates(evidence, way)
        if evidence.over is not None:
            scale = evidence.over if isinstance(evidence.over, float) else MEASURED
            values = [value * scale for value in values]
        self.known[key] = dict(enumerate(values))
        for taken_away in (evidence.less, evidence.over_less):
            if taken_away is not None:
                self.known[taken_away, evidence.metric] = dict.fromkeys(range(REPEATS), 0.0)

    def _estimates(self, evidence: Evidence, way: Way) -> list[float]:
        """Return what the blocks are to show: inside the range, outside of it, or on both sides of one of its ends."""
        if evidence.profiled:  # both sides have the same figures under that load: no winner is forecast
            evidence = evidence.model_copy(update={"above": 1 / 1.05, "below": 1.05})
        ends = [end for end in (evidence.above, evidence.below) if end is not None]
        inside = ends[0] * 1.1 if evidence.below is None else ends[0] * 0.9 if evidence.above is None else sum(ends) / 2
        outside = ends[0] * 0.5 if evidence.below is None else ends[-1] * 2 + 1
        if way == "open":
            return [ends[-1] * (1 + spread) for spread in (-0.2, 0.2) * (REPEATS // 2)]
        return [inside if way == "holds" else outside] * REPEATS


def answered(experiment: Experiment, ways: Sequence[Way]) -> Answer:
    told = Told()
    deciding = [one for one in experiment.evidence if one.decides]
    for evidence, way in zip(deciding, ways, strict=True):
        told.tell(evidence, way)
    answer = decided(experiment, told)
    assert [one.finding for one in answer.weighed if one.evidence.decides] == list(ways)
    return answer


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("id_", EXPERIMENTS)
def test_each_statement_can_come_out_each_way(id_: str, way: Way) -> None:
    experiment = EXPERIMENTS[id_]
    deciding = sum(one.decides for one in experiment.evidence)
    assert answered(experiment, [way] * deciding).verdict == WAYS[way]


SEVERAL = [one for one in EXPERIMENTS.values() if sum(evidence.decides for evidence in one.evidence) > 1]


@pytest.mark.parametrize("experiment", SEVERAL, ids=lambda one: one.id)
@pytest.mark.parametrize(
    ("one_of_them", "verdict"), [("fails", "refuted"), ("open", "inconclusive"), ("missing", "not_measured")]
)
def test_one_piece_of_evidence_is_enough_against_a_statement(
    experiment: Experiment, one_of_them: Way, verdict: Verdict
) -> None:
    others: list[Way] = ["holds"] * (sum(one.decides for one in experiment.evidence) - 1)
    assert answered(experiment, [*others, one_of_them]).verdict == verdict
    assert answered(experiment, [one_of_them, *others]).headline.finding == one_of_them


def test_where_one_is_enough_the_others_may_fail() -> None:
    several = EXPERIMENTS["group"].model_copy(update={"needs": "any"})
    assert answered(several, ["fails", "holds"]).verdict == "supported"
    assert answered(several, ["fails", "fails"]).verdict == "refuted"
    assert answered(several, ["fails", "open"]).verdict == "inconclusive"
    assert answered(several, ["missing", "holds"]).verdict == "supported"
    assert "Supported if one interval lies above 1.05, refuted if all lie outside of it" in rule(several)


def test_an_interval_at_the_very_end_of_the_range_is_inside() -> None:
    evidence = EXPERIMENTS["create"].evidence[0]
    said: dict[tuple[float, float], Finding] = {
        (0.5, 1.0): "holds",
        (0.49, 0.9): "open",
        (0.9, 1.01): "open",
        (0.3, 0.49): "fails",
        (1.01, 2.0): "fails",
        (0.4, 1.2): "open",
    }
    assert {ends: finding(evidence, Estimate(0.9, *ends, 8)) for ends in said} == said


def test_what_is_refuted_is_more_or_less_than_was_claimed_between_two_figures() -> None:
    create, told = EXPERIMENTS["create"], Told()
    assert statements.verdict(answered(create, ["fails"])) == "refuted: more than claimed"
    told.known[create.evidence[0].of, "us"] = dict.fromkeys(range(REPEATS), 0.1)
    assert statements.verdict(decided(create, told)) == "refuted: less than claimed"
    assert statements.verdict(answered(create, ["open"])) == "inconclusive"
    assert statements.verdict(answered(EXPERIMENTS["file-local"], ["fails"])) == "refuted"


BLOCKS = [100.0, 104.0, 98.0, 101.0, 97.0, 103.0]
OTHERS = [80.0, 85.0, 79.0, 82.0, 76.0, 81.0]


def test_a_ratio_of_cells_is_formed_inside_the_blocks() -> None:
    evidence = EXPERIMENTS["file-local"].evidence[0]
    told = Told({(evidence.of, "rps"): dict(enumerate(BLOCKS)), (evidence.over, "rps"): dict(enumerate(OTHERS))})  # type: ignore[dict-item]
    found = estimate(evidence, told, 0.95)
    assert isinstance(found, Estimate)
    logs = [math.log(a / b) for a, b in zip(BLOCKS, OTHERS, strict=True)]
    known = distributions.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert (found.lo, found.hi) == pytest.approx((math.exp(known.low), math.exp(known.high)))
    assert found.value == pytest.approx(math.exp(sum(logs) / len(logs)))


def test_fewer_than_six_blocks_make_no_claim() -> None:
    evidence = EXPERIMENTS["file-local"].evidence[0]
    told = Told({(evidence.of, "rps"): dict(enumerate(BLOCKS[:5]))})
    assert estimate(evidence, told, 0.95) == Missing("measured 5 times, and a claim needs 6", was_asked=True)


def test_a_difference_is_divided_by_what_it_is_spread_over() -> None:
    evidence = next(one for one in EXPERIMENTS["one-process"].evidence if one.less)
    assert evidence.less is not None
    told = Told({(evidence.of, "memory_mb"): dict.fromkeys(range(8), 149.0)})
    told.known[evidence.less, "memory_mb"] = dict.fromkeys(range(8), 51.0)
    found = estimate(evidence, told, 0.95)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(20)  # 98 MB for 4,900 connections


DB = EXPERIMENTS["db"]
STACKS = [stack("fastapi-def", "threads"), stack("fastapi-uvicorn", baseline=True)]
SCENARIOS = [scenario("db/one"), scenario("db/one?ms=20", ms=20)]


def run(folder: Path, fast: float, slow: float, broken: int = 0, **more: object) -> Path:
    """A run of db's cells: requests/s of `async def` against 1,000 of `def`; in `broken` blocks `def` answers nothing."""
    speeds = {("fastapi-uvicorn", "db/one"): fast, ("fastapi-uvicorn", "db/one?ms=20"): slow}
    outcomes = [
        failure(trial(block, arm.name, asked.id, "closed:64"))
        if block < broken and arm.name == "fastapi-def"
        else sample(
            trial(block, arm.name, asked.id, "closed:64"),
            speeds.get((arm.name, asked.id), 1000) * (1 + 0.01 * (block % 3)),
        )
        for block in range(8)
        for asked in SCENARIOS
        for arm in STACKS
    ]
    experiments = [one.model_dump(mode="json", exclude_defaults=True) for one in EXPERIMENTS.values()]
    facts = run_facts(STACKS, SCENARIOS, 8, experiments=experiments, **more)
    facts["profile"]["loads"] = ["closed:64"]
    return write_run(folder, facts, outcomes)


def written(folder: Path) -> dict[str, dict[str, object]]:
    write_report(view_of(folder))
    answers = json.loads((folder / "answers.json").read_text())
    assert answers["version"] == 1
    return {one["id"]: one for one in answers["answers"]}


@pytest.mark.parametrize(
    ("fast", "slow", "verdict"), [(1200, 1300, "supported"), (900, 1300, "refuted"), (1200, 1000, "refuted")]
)
def test_a_run_writes_its_verdicts(tmp_path: Path, fast: float, slow: float, verdict: str) -> None:
    found = written(run(tmp_path / "run", fast, slow))
    assert set(found) == set(EXPERIMENTS)
    assert found["db"]["verdict"] == verdict
    assert {one["verdict"] for id_, one in found.items() if id_ != "db"} == {"not_measured"}
    effect = found["db"]["effect"]
    assert isinstance(effect, dict)
    assert effect["value"] == pytest.approx((slow if slow == 1000 else fast) / 1000, rel=0.01)
    assert effect["lo"] <= effect["value"] <= effect["hi"]
    report = (tmp_path / "run/report.md").read_text()
    assert "## Should it be async?" in report
    held = "held" if verdict == "supported" else "did not hold"
    assert f"Of 1 thing commonly said, 1 {held} ({DB.statement.rstrip('.')})." in report
    assert DB.statement in report
    assert DB.advice[found["db"]["verdict"]] in report  # type: ignore[index]


def test_what_was_asked_and_did_not_work_leaves_a_statement_open(tmp_path: Path) -> None:
    found = written(run(tmp_path / "run", 1200, 1300, broken=8))
    assert found["db"]["verdict"] == "inconclusive"
    effect = found["db"]["effect"]
    assert isinstance(effect, dict)
    assert effect["value"] is None
    report = (tmp_path / "run/report.md").read_text()
    assert f"1 not decided by this run ({DB.statement.rstrip('.')})" in report
    assert "| Database queries | **not decided by this run** |" in report
    assert "fastapi-def db/one closed:64 is failed" in effect["reason"]


def test_a_run_that_declares_nothing_has_no_answers(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", run_facts(STACKS, SCENARIOS, 1), [])
    write_report(view_of(folder))
    assert not (folder / "answers.json").exists()


def test_a_stack_that_declares_not_to_serve_something_is_an_answer() -> None:
    omitting = stack("flask-gunicorn", "threads", omits={"/ws": "WSGI has no WebSockets"})
    material = Material({}, {}, {"ws": scenario("ws")}, {"flask-gunicorn": omitting}, None)
    evidence = next(one for one in EXPERIMENTS["protocols"].evidence if one.of.stack == "flask-gunicorn")
    assert estimate(evidence, material, 0.95) == Estimate(0, 0, 0, 6)


def test_experiments_name_stacks_scenarios_and_loads_as_the_lab_does() -> None:
    slots = EXPERIMENTS["slots"]
    assert {side.scenario for side in slots.sides} == {"wait"}  # 50 ms are its default
    assert chosen(LOADTESTS, ["db", "slots"]) == (EXPERIMENTS["db"], slots)
    with pytest.raises(LabError, match="no experiment 'dbs'; choose from aggregate"):
        chosen(LOADTESTS, ["dbs"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("statement = ", "is not TOML"),
        ('statement = "a"', "Field required"),
        ('[[evidence]]\nsays = "a"\nmetric = "rps"\nof = "a"', "a figure is read in a cell"),
        ('scenario = "json"\nload = "closed:8"\n[[evidence]]\nsays = "a"\nmetric = "rps"\nof = "a"', "needs `above`"),
        ('scenario = "jsn"\nload = "closed:8"\nabove = 1\n[[evidence]]\nsays = "a"\nmetric = "rps"\nof = "a"', "jsn"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "experiments").mkdir()
    for file in LOADTESTS.glob("*.py"):
        (tmp_path / file.name).write_text(file.read_text())
    told = "" if text.startswith("statement") else 'statement = "a"\nclaimed = "a"\nhypothesis = "a"\n'
    (tmp_path / "experiments/mine.toml").write_text(told + text)
    with pytest.raises(LabError, match=rf"experiments/mine\.toml.*{complaint}"):
        declared(tmp_path)


def test_the_document_names_where_each_figure_was_read() -> None:
    told = Told()
    answer = decided(EXPERIMENTS["cpu-long"], told)
    (said,) = document([answer])["answers"]
    inline = "fastapi-uvicorn crunch/inline?rounds=400000+json=probe@30/s closed:1, its json"
    assert said["effect"]["over"] == inline
    assert said["effect"]["claimed_range"] == "below 0.5"


@pytest.mark.parametrize(
    ("coroutine_cpu_ms", "expected", "above", "below"),
    [(0.2, 1.6, 1.05, None), (1.0, 1000 / (40 / 0.0302), None, 1 / 1.05), (0.755, 1.0, 1 / 1.05, 1.05)],
)
def test_a_forecast_is_made_of_what_one_user_saw(
    coroutine_cpu_ms: float, expected: float, above: float | None, below: float | None
) -> None:
    """30.2 ms of which 0.2 are CPU time; 64 users on 40 threads get 1,325 answers per second, coroutines as many as their CPU lets."""
    evidence = next(one for one in EXPERIMENTS["profile"].evidence if one.of.scenario == "wait")
    assert isinstance(evidence.over, Side)
    told = Limited()
    for side, cpu_ms in ((evidence.of, coroutine_cpu_ms), (evidence.over, 0.2)):
        told.known[evidence.profile_of(side), "cpu_us_per_request"] = dict.fromkeys(range(8), cpu_ms * 1e3)
        told.known[evidence.profile_of(side), "mean_ms"] = dict.fromkeys(range(8), 30.2)
    assert forecast(evidence, told) == pytest.approx(expected, rel=0.001)
    only = EXPERIMENTS["profile"].model_copy(update={"evidence": (evidence,)})
    (weighed,) = decided(only, told).weighed
    assert (weighed.evidence.above, weighed.evidence.below) == (above, below)
    assert weighed.forecast == pytest.approx(expected, rel=0.001)


class Limited(Told):
    """Threads have 40 slots, coroutines have no limit."""

    def slots(self, side: Side) -> float:
        return 40 if side.stack == "fastapi-def" else math.inf


def test_a_metric_that_nothing_has_is_refused_before_a_run() -> None:
    refuse_unknown(EXPERIMENTS.values())
    db = EXPERIMENTS["db"]
    misspelt = db.evidence[0].model_copy(update={"metric": "rsp"})
    with pytest.raises(LabError, match=r"The experiment db reads the metric 'rsp'; choose from .*rps"):
        refuse_unknown([db.model_copy(update={"evidence": (misspelt,)})])


def test_every_step_that_is_read_is_one_of_the_ladder() -> None:
    read = {side.step for one in EXPERIMENTS.values() for side in one.sides if side.step}
    assert read <= {*STEPS, NAIVE}


def test_a_rule_says_what_its_intervals_are_over() -> None:
    assert "95 % intervals over blocks, Bonferroni over 2." in rule(EXPERIMENTS["db"])
    assert "95 % intervals over rounds of processes." in rule(EXPERIMENTS["create"])
    assert "over blocks and rounds of processes" in rule(EXPERIMENTS["cpu-quick"])
