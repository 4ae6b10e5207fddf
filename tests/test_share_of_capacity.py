"""`open:50%`: how it reads, when it is measured, of what it is a share, and whose fault it is that there is none."""

from collections import Counter
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lab.analysis import summary
from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.analysis.validity.bounds import bound_by
from lab.analysis.validity.causes import Cause
from lab.analysis.validity.limits import Limits
from lab.analysis.validity.verdict import judge
from lab.config import scenarios, selection
from lab.errors import LabError
from lab.load.client import Driver
from lab.load.driver.schedule import schedule
from lab.load.protocol import Failed, Order
from lab.model.loads import Load
from lab.model.outcome import Driven, Failure, Outcome, Sample
from lab.paths import LOADTESTS
from lab.run import stopping
from tests.fakes import INVALID, FakeWorld, ctrl_c
from tests.playing import Ran, finding, planned, play
from tests.server import Server
from tests.synthetic import histogram, sample, scenario, stack, trial

LOADS = ["open:80%", "closed:8", "open:200", "open:25%"]
HALF = ["closed:8", "open:50%"]

# How it reads


@given(st.sampled_from(["closed:{}", "open:{}"]), st.integers(1, 100_000))
def test_a_load_reads_as_it_is_printed(text: str, amount: int) -> None:
    assert str(Load.model_validate(text.format(amount))) == text.format(amount)


@given(st.integers(1, 100))
def test_a_share_reads_as_it_is_printed_and_is_no_rate(percent: int) -> None:
    load = Load.model_validate(f"open:{percent}%")
    assert (str(load), load.kind, load.family) == (f"open:{percent}%", "open", "share")
    assert load != Load.model_validate(f"open:{percent}")
    assert Load.model_validate_json(load.model_dump_json()) == load


def test_a_load_of_an_older_run_is_no_share() -> None:
    assert Load.model_validate({"kind": "open", "amount": 50}) == Load.model_validate("open:50")


WRONG = [
    "open:0%",
    "open:101%",
    "closed:50%",
    "open:50 %",
    "open:%",
    "open:50%%",
    "shut:1",
    "open",
    "open:-1",
    "open:½",
]


@pytest.mark.parametrize("text", [*WRONG, ""])
def test_what_is_no_load_is_refused(text: str) -> None:
    with pytest.raises(
        ValidationError, match=r"there is no load .*(choose `closed:<users>`|a share is open:1%)|greater"
    ):
        Load.model_validate(text)


def test_a_profile_of_shares_without_a_closed_load_is_refused_with_what_to_do(tmp_path: Path) -> None:
    words = 'about = ""\nstacks = ["a"]\nscenarios = ["json"]\nblocks = 1\nwarmup_s = 0\nwindow_s = 1\ntimeout_s = 1\n'
    (tmp_path / "profiles.toml").write_text(f'[mine]\nloads = ["open:200", "open:50%"]\n{words}')
    with pytest.raises(
        LabError, match=r"profile mine: open:50% is a share of .* closed load: add one, such as closed:64"
    ):
        selection.profile(tmp_path, "mine")


def test_the_driver_refuses_a_share_without_its_rate() -> None:
    with pytest.raises(ValidationError, match="open:50% needs a rate"):
        order(1, rate=None)


# When it is measured


def test_the_shares_of_a_scenario_follow_its_first_closed_load_at_once() -> None:
    plan = planned([scenario("json"), scenario("wait")], loads=[*LOADS, "closed:64"])
    for number in range(20):
        cells = [cell for cell, _ in groupby((one.scenario, one.load) for one in plan.block(number))]
        assert len(cells) == len(set(cells)) == 10, "the stacks of a cell are measured one after the other"
        for (_, before), (_, load) in pairwise(cells):
            assert not load.is_share or before.is_share or str(before) == "closed:8"


def test_each_share_follows_the_closed_load_that_it_is_taken_of() -> None:
    plan = planned(loads=["closed:8", "open:50%", "closed:8+new-connections", "open:50%+new-connections"])
    for number in range(20):
        cells = [str(load) for load, _ in groupby(one.load for one in plan.block(number))]
        assert cells.index("open:50%") == cells.index("closed:8") + 1
        assert cells.index("open:50%+new-connections") == cells.index("closed:8+new-connections") + 1


def test_the_order_of_the_shares_differs_from_block_to_block() -> None:
    plan = planned(loads=LOADS)
    orders = {tuple(dict.fromkeys(one.load for one in plan.block(number) if one.load.is_share)) for number in range(20)}
    assert len(orders) == 2


def test_shares_change_nothing_of_the_order_of_a_profile_without_them() -> None:
    """A run that was begun before there were shares is resumed in the order in which it was planned."""
    plan = planned([scenario("json"), scenario("wait")], loads=["closed:8", "open:200", "closed:1"])
    cells = [(one.scenario, str(one.load)) for one in plan.block(3)]
    assert list(dict.fromkeys(cells)) == [
        ("wait", "closed:1"),
        ("wait", "open:200"),
        ("wait", "closed:8"),
        ("json", "open:200"),
        ("json", "closed:8"),
        ("json", "closed:1"),
    ]


def test_all_stacks_of_a_block_get_the_same_arrivals_in_units_of_their_own_rate() -> None:
    assert len({one.seed for one in planned(loads=HALF).block(0) if one.load.is_share}) == 1
    slow, fast = schedule(50.5, 2, 7), schedule(505, 2, 7)
    assert np.allclose(slow, fast[: len(slow)] * 10)


# Of what it is a share


def played(folder: Path, trials: dict[str, Any] | None = None, loads: list[str] | None = None, **profile: Any) -> Ran:
    return play(folder, FakeWorld(trials=trials), loads=loads or HALF, **profile)


def offered(world: FakeWorld) -> list[tuple[str, float | None]]:
    """Arm and rate of each share that the driver was asked for."""
    return [(world.arms[one.port], one.offered_rps) for one in world.orders if one.load.is_share]


def test_each_arm_gets_its_share_of_what_it_did_itself_in_the_same_block(tmp_path: Path) -> None:
    trials = {"block-00 b json closed:8": {"rps": 300}, "block-01 b json closed:8": {"rps": 411}}
    world = FakeWorld(trials=trials)
    ran = play(tmp_path / "run", world, loads=HALF)
    assert sorted(offered(world)) == [("a", 500), ("a", 500), ("a@aa", 500), ("a@aa", 500), ("b", 150), ("b", 205.5)]
    recorded = [
        (one.trial.stack, str(one.trial.load), one.offered_rps) for one in ran.outcomes if isinstance(one, Sample)
    ]
    assert ("b", "open:50%", 205.5) in recorded
    assert ("b", "closed:8", None) in recorded


def test_what_an_absolute_load_offered_is_recorded_too(tmp_path: Path) -> None:
    ran = played(tmp_path / "run", loads=["open:200"])
    assert {one.offered_rps for one in ran.outcomes if isinstance(one, Sample)} == {200}


def test_a_share_is_of_the_first_closed_load_of_the_profile(tmp_path: Path) -> None:
    trials = {"block-00 a json closed:4": {"rps": 100}, "block-00 a json closed:8": {"rps": 900}}
    world = FakeWorld(trials=trials)
    play(tmp_path / "run", world, loads=["open:50%", "closed:4", "closed:8"], blocks=1)
    assert ("a", 50) in offered(world)


def test_a_share_with_new_connections_is_of_a_closed_load_with_new_connections(tmp_path: Path) -> None:
    trials = {"block-00 a json closed:8": {"rps": 900}, "block-00 a json closed:4+new-connections": {"rps": 100}}
    world = FakeWorld(trials=trials)
    loads = ["open:50%+new-connections", "closed:8", "closed:4+new-connections", "open:50%"]
    play(tmp_path / "run", world, loads=loads, blocks=1)
    found = {str(one.load): one.offered_rps for one in world.orders if world.arms[one.port] == "a"}
    assert (found["open:50%"], found["open:50%+new-connections"]) == (450, 50)


def test_a_re_run_and_a_resumed_block_take_shares_of_their_own_attempt(tmp_path: Path) -> None:
    again = {"block-00 a json closed:8": {"rps": 100}, "block-00-again-1 a json closed:8": {"rps": 300}}
    noisy = FakeWorld(noisy=["block-00"], trials=again)
    play(tmp_path / "noisy", noisy, loads=HALF, blocks=1)
    assert [rate for arm, rate in offered(noisy) if arm == "a"] == [50, 150]
    killed = FakeWorld(trials=again)
    killed.at = {"block-00 b json": lambda: ctrl_c() if killed.steps.count("block-00 b json") == 2 else None}
    first = play(tmp_path / "killed", killed, loads=HALF, blocks=1)
    assert not first.whole
    assert any(one.trial.load.kind == "closed" for one in first.outcomes), "it ended between a load and its share"
    resumed = FakeWorld(trials=again)
    ran = play(tmp_path / "killed", resumed, loads=HALF, blocks=1)
    assert ran.whole
    assert ("a", 150) in offered(resumed)
    assert Counter(one.trial.attempt for one in ran.outcomes)[1] == 6, "the whole block was repeated"


# Whose fault it is that there is none


def share_of(ran: Ran, arm: str = "b") -> Outcome:
    (found,) = (o for o in ran.outcomes if (o.trial.stack, o.trial.load.is_share) == (arm, True))
    return found


@pytest.mark.parametrize(
    ("closed", "cause"),
    [
        (Failed(reason="No answer.", error="status 500"), Cause.OFF_CONTRACT),
        (Failed(reason="No answer.", error="refused"), Cause.NO_TRIAL),
        ({"requests": 3000, "errors": {"status 500": 1000}}, Cause.ERRED),
        ({"requests": 3000, "errors": {"timeout": 1000}}, Cause.UNANSWERED),
        (INVALID, Cause.STOLEN),
        ({"in_flight_s": 1}, Cause.IDLE),
        ({"requests": 3000}, Cause.ACCOUNTS),
    ],
)
def test_without_a_capacity_a_share_is_not_offered_and_counts_as_the_closed_trial_does(
    tmp_path: Path, closed: Any, cause: Cause
) -> None:
    world = FakeWorld(trials={"block-00 b json closed:8": closed})
    ran = play(tmp_path / "run", world, loads=HALF, reruns=0, blocks=1)
    lost = share_of(ran)
    assert isinstance(lost, Failure)
    assert (lost.lab_fault, judge(lost, Limits()).cause) == (cause.result == "invalid", cause)
    assert lost.reason.startswith("It was not measured, because closed:8 shows no capacity in this block: ")
    verdict = judge(lost, Limits())
    assert verdict.reason.count(cause.advice) == 1
    assert [arm for arm, _ in offered(world)].count("b") == 0, "the driver was not asked"
    assert isinstance(share_of(ran, "a"), Sample), "the others are measured"


def test_a_closed_load_of_expected_errors_alone_is_no_capacity_and_nobodys_failure(tmp_path: Path) -> None:
    full = scenario("json").model_copy(update={"expected_errors": ("status 503",)})
    refused = {"completed": 0, "latency": histogram({}), "errors": {"status 503": 2000}}
    world = FakeWorld(trials={"block-00 b json closed:8": refused})
    ran = play(tmp_path / "run", world, [full], loads=HALF, blocks=1, reruns=0)
    lost = share_of(ran)
    assert isinstance(lost, Failure)
    assert judge(lost, Limits()).result == "invalid"
    assert lost.reason.endswith("no response was correct")


def test_a_path_that_is_answered_wrongly_is_not_loaded_by_a_share_either(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", FakeWorld(findings=[[], [finding()], [finding()]]), loads=HALF, blocks=1)
    lost = share_of(ran)
    assert isinstance(lost, Failure)
    assert (lost.reason, lost.off_contract) == ("GET /json: a wrong body", True)


# What it counts as


def behind(blocks: int, failed: int, load: str) -> list[Outcome]:
    """So many blocks, in the first of which the schedule was not kept."""
    return [sample(trial(block, load=load), completed=1500 if block < failed else 2000) for block in range(blocks)]


@pytest.mark.parametrize(
    ("load", "failed", "blocks", "outcome"),
    [
        ("open:80%", 1, 6, "valid"),
        ("open:80%", 2, 6, "valid"),
        ("open:80%", 3, 6, "failed"),
        ("open:80%", 1, 3, "valid"),
        ("open:80%", 1, 2, "failed"),
        ("open:1000", 1, 6, "failed"),
        ("open:1000", 2, 8, "failed"),
        ("open:1000", 1, 7, "valid"),
    ],
)
def test_what_most_blocks_keep_up_with_is_not_too_much_for_the_stack(
    load: str, failed: int, blocks: int, outcome: str
) -> None:
    outcomes = behind(blocks, failed, load)
    (cell,) = summary.cells(summary.judged(outcomes, lambda _: Limits()))
    assert cell.outcome == outcome
    assert not cell.valid or (cell.blocks == blocks and "It fell behind the schedule" in cell.notes[0])
    asks_for_more = stopping.ratios(outcomes, lambda _: Limits(), [stack("a")], 0.05).wide
    assert bool(asks_for_more) == (outcome == "failed" and failed == 1)
    assert MIN_BLOCKS == 6


def test_a_share_is_excused_for_what_was_too_much_and_for_nothing_else() -> None:
    """Two blocks of eight in which it was too much, and one with timeouts that no other block shows; then a second one."""
    share = [trial(block, load="open:80%") for block in range(10)]
    errors: dict[str, Any] = {"requests": 2100, "errors": {"timeout": 100}}
    found = [sample(of, completed=1500) for of in share[:2]] + [sample(of) for of in share[4:]]
    for others, outcome in (([], "valid"), (share[2:3], "valid"), (share[2:4], "failed")):
        outcomes: list[Outcome] = [*found, *(sample(of, **errors) for of in others)]
        (cell,) = summary.cells(summary.judged(outcomes, lambda _: Limits()))
        assert cell.outcome == outcome
        assert not cell.valid or "2 of " in cell.notes[0]
        assert len(cell.notes) == 1 + len(others) or not cell.valid


def test_a_share_is_judged_as_an_open_load() -> None:
    """Eight users would have to have eight requests in flight."""
    share = trial(load="open:50%")
    assert judge(sample(share, in_flight_s=0.5, offered_rps=1000), Limits()).result == "valid"
    assert judge(sample(share, lag=histogram({3.0: 2000})), Limits()).cause is Cause.LATE
    assert bound_by(sample(share, rps=600), Limits(slots=40, wait_ms=50)) == "offered rate"


# On a real server


def order(port: int, rate: float | None) -> Order:
    (json,) = scenarios.find(LOADTESTS, ["json"])
    asked = {"scenario": json, "port": port, "load": "open:50%", "warmup_s": 0.1, "window_s": 0.8, "timeout_s": 5}
    return Order.model_validate({**asked, "rate": rate, "seed": 3})


def test_the_driver_sends_the_rate_of_a_share(tmp_path: Path) -> None:
    with Server() as server, Driver(tmp_path / "driver.log") as driver:
        driven = driver.run(order(server.port, 123.4), lambda *_: None)
    assert isinstance(driven, Driven)
    due_s = schedule(123.4, 0.9, 3)
    assert driven.scheduled == np.count_nonzero(due_s >= 0.1)


# In the profile


def test_standard_measures_three_shares() -> None:
    loads = map(str, selection.profile(LOADTESTS, "standard").loads)
    assert set(loads) >= {"closed:64", "open:25%", "open:50%", "open:80%"}
