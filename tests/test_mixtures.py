"""Several scenarios at once: their ids, the load of each, and what a report says of them."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.mixed import Changed, influences, with_portions
from lab.analysis.summary import judged
from lab.analysis.validity.limits import Limits
from lab.config import scenarios
from lab.config.selection import plan
from lab.errors import LabError
from lab.load.client import Driver
from lab.model import mixtures
from lab.model.histogram import Histogram
from lab.model.loads import Load
from lab.model.outcome import Outcome, Sample
from lab.model.workload import Part, Profile, Scenario
from lab.paths import LOADTESTS
from lab.report import caveats
from lab.report.view import view_of
from tests.conftest import remeasured
from tests.driving import JSON, drive, load_test, order
from tests.server import Peer, Server
from tests.synthetic import failure, histogram, run_facts, sample, stack, trial, write_run

BOTH = "db/one*3+json"
PROBED = "crunch/inline+json=probe@50/s"


def profile(*loads: str) -> Profile:
    return Profile.model_validate(
        {"name": "p", "about": "", "stacks": ["a"], "scenarios": ["json"], "loads": list(loads), "blocks": 6}
        | {"warmup_s": 0.5, "window_s": 2, "timeout_s": 5}
    )


def found(text: str) -> Scenario:
    (scenario,) = scenarios.find(LOADTESTS, [text])
    return scenario


def test_an_id_means_the_same_mixture_again() -> None:
    for text in (BOTH, "db/one+json", "crunch/inline?rounds=9+json=probe@50/s", "wait?ms=5*2+wait?ms=9"):
        assert found(text).id == text
        assert found(found(text).id) == found(text)


def test_a_mixture_has_its_scenarios_with_weights_and_rates() -> None:
    assert [(part.scenario.id, part.weight, part.rate) for part in found(BOTH).parts] == [
        ("db/one", 3, None),
        ("json", 1, None),
    ]
    assert [(part.scenario.id, part.rate) for part in found("json=probe@50/s+crunch/inline").parts] == [
        ("json", 50),
        ("crunch/inline", None),
    ]
    assert found("json=probe@50/s+crunch/inline").paths == ["/json", "/crunch/inline"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("json+jsn", "There is no scenario 'jsn'; there are: "),
        ("json+", "cannot be read at ''"),
        ("db+json", "'db', which is several scenarios; choose one of db/one, db/sequential, db/batched"),
        ("json*3", "a probe or a weight needs another scenario beside it"),
        ("json=probe@50/s", "a probe or a weight needs another scenario beside it"),
        ("json=probe@0/s+wait", "There is no scenario 'json=probe@0/s'"),
        ("json=probe@5/s+wait=probe@5/s", "needs another scenario beside it"),
        ("json+json", "has a scenario twice"),
        ("json*0+wait", "There is no scenario 'json*0'"),
        ("crunch/inline?cpu_ms=2+json", "cpu_ms is for scenarios on their own; give rounds"),
    ],
)
def test_a_mixture_that_means_nothing_is_refused_with_the_choices(text: str, said: str) -> None:
    with pytest.raises(LabError) as refused:
        scenarios.find(LOADTESTS, [text])
    assert said in str(refused.value)


@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=6), st.integers(6, 100_000))
def test_users_are_dealt_out_by_weight_and_each_scenario_has_one(weights: list[int], users: int) -> None:
    json = found("json")
    parts = tuple(
        Part(scenario=json.model_copy(update={"id": f"json{place}"}), weight=weight)
        for place, weight in enumerate(weights)
    )
    mixed = json.model_copy(update={"id": "all", "parts": parts})
    amounts = [portion.load.amount for portion in mixtures.portions(mixed, Load(kind="closed", amount=users))]
    assert sum(amounts) == users
    assert min(amounts) >= 1
    for amount, weight in zip(amounts, weights, strict=True):
        assert amount == 1 or abs(amount - weight * users / sum(weights)) < len(weights)


def test_a_probe_has_a_rate_of_its_own_under_every_load() -> None:
    mixed = found("crunch/inline+json=probe@50/s")
    for load in ("closed:64", "open:10+new-connections"):
        crunch, probe = mixtures.portions(mixed, Load.model_validate(load))
        assert str(crunch.load) == load
        assert (str(probe.load), probe.is_probe) == ("open:50", True)
        assert probe.beside.id == f"json beside crunch/inline, {load}"
    assert mixtures.portions(found("json"), Load.model_validate("closed:1")) == []


def test_a_block_measures_a_mixture_and_right_behind_it_each_of_its_scenarios_alone() -> None:
    asked = scenarios.find(LOADTESTS, ["wait", BOTH])
    made = plan(profile("closed:8"), [stack("a")], asked, seed=1)
    order = [(trial.scenario, str(trial.load)) for trial in made.block(0) if trial.stack == "a"]
    first = order.index((BOTH, "closed:8"))
    assert order[first : first + 3] == [(BOTH, "closed:8"), ("db/one", "closed:6"), ("json", "closed:2")]
    assert sorted(order) == sorted({*order})
    assert len(order) == 4


def test_a_scenario_alone_is_measured_once_for_all_mixtures_of_a_run() -> None:
    asked = scenarios.find(LOADTESTS, ["crunch/inline+json=probe@50/s", "wait+json=probe@50/s", "json"])
    groups = mixtures.measured(mixtures.asked(profile("closed:8", "open:50"), asked))
    rows = [(row.scenario.id, str(row.load)) for group in groups for row in group]
    assert len(rows) == len(set(rows))
    assert rows.count(("json", "open:50")) == 1


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ("closed:1", "its 2 scenarios need 2 users or requests per second at least"),
        ("open:50%", "several scenarios at once have no capacity to take a share of"),
    ],
)
def test_a_load_that_a_mixture_cannot_have_is_refused(load: str, said: str) -> None:
    asked = scenarios.find(LOADTESTS, [BOTH])
    loads = ["closed:64", load] if "%" in load else [load]
    with pytest.raises(LabError, match=said):
        plan(profile(*loads), [stack("a")], asked, seed=1)


def probed(blocks: int) -> list[Outcome]:
    """Outcomes of a probe that takes 8 ms alone and 40 ms beside others, of users who lose a tenth to it."""
    whole, alone = found(PROBED), trial(load="open:50", scenario="json")
    made: list[Outcome] = []
    for block in range(blocks):
        of = trial(block, scenario=whole.id)
        beside = [
            sample(of, 90).driven,
            sample(alone, 50, latency=histogram({40.0: 100})).driven,
        ]
        made += [sample(of, 90, portions=beside), sample(trial(block, scenario="crunch/inline"), 100)]
        made += [sample(alone.model_copy(update={"block": block}), 50)]
    return made


def test_a_probe_is_a_row_of_its_own_without_a_share_of_the_cpu_time() -> None:
    """What it is beside is the only other scenario, which the mixture's own row has."""
    whole, probe, *_ = with_portions(probed(1), [found(PROBED)])
    assert isinstance(whole, Sample)
    assert isinstance(probe, Sample)
    assert (probe.trial.scenario, str(probe.trial.load)) == ("json beside crunch/inline, closed:8", "open:50")
    assert probe.offered_rps == 50
    assert (whole.is_portion, probe.is_portion) == (False, True)
    shown = mixtures.shown([mixtures.Row(found(PROBED), Load.model_validate("closed:8"))])
    assert [row.scenario.id for row in shown] == [PROBED, probe.trial.scenario, "crunch/inline", "json"]


def test_a_mixture_that_failed_fails_each_of_its_scenarios() -> None:
    outcomes = list(with_portions([failure(trial(scenario=BOTH))], [found(BOTH)]))
    assert [(one.kind, one.trial.scenario) for one in outcomes] == [
        ("failure", BOTH),
        ("failure", "db/one beside json, closed:8"),
        ("failure", "json beside db/one*3, closed:8"),
    ]


def test_a_run_of_mixtures_is_whole_when_each_trial_was_measured(tmp_path: Path) -> None:
    mixed = found(PROBED)
    facts = run_facts([stack("a")], [mixed], 6, ended_at="2026-05-04T12:01:00Z", trials_per_block=3)
    view = view_of(write_run(tmp_path / "run", facts, probed(6)))
    assert len(view.measured) == 18
    assert not list(caveats.warnings(view))
    view = view_of(write_run(tmp_path / "run", facts, probed(6)[:-1]))
    assert [one.partition(":")[0] for one in caveats.warnings(view)] == ["Partial run"]


def test_what_scenarios_do_to_each_other_is_the_ratio_inside_the_blocks() -> None:
    mixed = [found(PROBED)]
    trials = judged(with_portions(probed(6), mixed), lambda _: Limits())
    rows = mixtures.asked(profile("closed:8"), mixed)
    crunch, probe = influences(trials, rows, ["a"])
    ratios = [one.ratio for one in (crunch.figures["rps"], probe.figures["p50_ms"]) if one.ratio]
    assert [ratio.mean for ratio in ratios] == pytest.approx([0.9, 5], rel=0.01)
    assert (probe.stack, str(probe.load)) == ("a", "open:50")
    assert "rps" not in probe.figures
    seen = probe.figures["p50_ms"]
    assert (seen.alone, seen.beside) == pytest.approx((8, 40), rel=0.01)
    assert probe.figures["long_share"] == Changed(0, 0, None)


def test_a_scenario_that_was_not_measured_alone_shows_no_influence() -> None:
    mixed = [found(PROBED)]
    only = [one for one in probed(6) if one.trial.scenario == PROBED]
    rows = mixtures.asked(profile("closed:8"), mixed)
    assert not influences(judged(with_portions(only, mixed), lambda _: Limits()), rows, ["a"])


@remeasured
def test_the_driver_asks_all_scenarios_at_once_and_keeps_their_latencies_apart(driver: Driver, tmp_path: Path) -> None:
    slow = load_test(tmp_path, "path = '/slow'", "def check(self, body): return True").model_copy(
        update={"path": "/slow"}
    )
    asked: dict[bytes, int] = {}

    async def talk(peer: Peer) -> None:
        while head := await peer.request():
            path = head.split()[1]
            asked[path] = asked.get(path, 0) + 1
            await asyncio.sleep(0.1 if path == b"/slow" else 0)
            await peer.answer()

    parts = (Part(scenario=slow, weight=3), Part(scenario=JSON, rate=100))
    whole = JSON.model_copy(update={"id": "odd+json=probe@100/s", "parts": parts})
    with Server(talk) as server:
        driven = drive(driver, order(server.port, "closed:6", scenario=whole, warmup_s=0.2, window_s=0.6))
    users, probe = driven.portions
    assert driven.completed == users.completed == pytest.approx(6 * 0.6 / 0.1, abs=6)
    assert probe.completed == pytest.approx(100 * 0.6, abs=30)
    p50_ms = [Histogram.decode(one.latency).percentile_us(50) / 1e3 for one in (users, probe)]  # type: ignore[operator]
    assert p50_ms[0] >= 100 > 50 > p50_ms[1]
    assert (users.lag, probe.lag is None) == (None, False)
    assert asked[b"/slow"] >= users.completed
    assert asked[b"/json"] >= probe.completed


@remeasured
def test_users_wait_as_their_class_says(driver: Driver, tmp_path: Path) -> None:
    """Locust's `wait_time`: each of four users asks, waits 0.1 s, and asks again."""
    odd = load_test(tmp_path, "def check(self, body): return True", "def wait_time(self): return 0.1")
    with Server() as server:
        driven = drive(driver, order(server.port, "closed:4", scenario=odd, warmup_s=0.3, window_s=1))
    assert driven.completed == pytest.approx(4 * 1 / 0.1, abs=6)
    assert driven.thinking_s + driven.in_flight_s == pytest.approx(4, rel=0.1)
    assert driven.thinking_s > driven.in_flight_s
