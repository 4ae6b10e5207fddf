"""The text of a load with its modifiers, sweeps, and what LOADS, WINDOW and BLOCKS put in the place of a profile's own."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lab.commands import bench
from lab.config import selection
from lab.errors import LabError
from lab.model.loads import Load, swept
from lab.model.workload import Profile, Trial
from lab.paths import LOADTESTS
from lab.report.view import view_of
from tests.playing import play
from tests.synthetic import run_facts, sample, scenario, stack, trial, write_run

USERS = st.builds(
    Load,
    kind=st.just("closed"),
    amount=st.integers(1, 100_000),
    new_connections=st.booleans(),
    think_ms=st.just(0) | st.integers(100, 60_000),
)
RATES = st.builds(
    Load,
    kind=st.just("open"),
    amount=st.integers(1, 100),
    is_share=st.booleans(),
    new_connections=st.booleans(),
    arrivals=st.sampled_from(["poisson", "constant"]),
)
BURSTS = st.builds(
    Load,
    kind=st.just("open"),
    amount=st.just(100),
    is_share=st.just(True),
    burst=st.just(True),
    new_connections=st.booleans(),
    arrivals=st.sampled_from(["poisson", "constant"]),
)


def profile(*loads: str, **more: Any) -> Profile:
    fields = {"name": "p", "about": "", "stacks": ["a"], "scenarios": ["json"], "blocks": 8, "warmup_s": 0.1}
    return Profile.model_validate({**fields, "window_s": 1, "timeout_s": 5, "loads": loads, **more})


# How it reads


@given(st.one_of(USERS, RATES, BURSTS))
def test_a_load_with_modifiers_reads_as_it_is_printed(load: Load) -> None:
    assert Load.model_validate(str(load)) == load
    assert Load.model_validate_json(load.model_dump_json()) == load


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("closed:64+think=2000ms+new-connections", "closed:64+new-connections+think=2s"),
        ("closed:64+think=1500ms", "closed:64+think=1500ms"),
        ("open:50%+constant+new-connections", "open:50%+new-connections+constant"),
    ],
)
def test_modifiers_may_come_in_any_order_and_are_printed_in_one(text: str, printed: str) -> None:
    assert str(Load.model_validate(text)) == printed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "closed:0",
            r"choose `closed:<users>`.*`\+new-connections`, `\+think=1s` \(closed\) and `\+constant` \(open\)",
        ),
        ("closed:64+", "choose `closed:<users>`"),
        ("closed:64+thnk=1s", "because of 'thnk=1s'; choose `closed:<users>`"),
        ("closed:64+think=1h", "because of 'think=1h'; choose"),
        ("closed:64+think=0s", "because of 'think=0s'; choose"),
        ("closed:64+think=1s+think=2s", "because of 'think=2s'; choose"),
        ("closed:64+think=50ms", "a think time is 100ms to 60s"),
        ("closed:64+think=61s", "a think time is 100ms to 60s"),
        ("closed:64+constant", r"only an open load has arrivals, as in open:500\+constant"),
        ("open:5+think=1s", r"only users of a closed load think, as in closed:64\+think=1s"),
        ("open:120%", "a share is open:1% to open:100%"),
        ("closed:burst", "a burst is open:burst"),
        ("open:burst+think=1s", "only users of a closed load think"),
        ("open:50%+poisson", "because of 'poisson'; choose"),
    ],
)
def test_a_modifier_that_means_nothing_is_refused_with_the_choices(text: str, why: str) -> None:
    with pytest.raises(ValidationError, match=f"there is no load .*{why}"):
        Load.model_validate(text)


# Sweeps


@pytest.mark.parametrize(
    ("text", "users"),
    [
        ("closed:1..512", [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]),
        ("closed:1..500", [1, 2, 4, 8, 16, 32, 64, 128, 256, 500]),
        ("closed:3..13", [3, 6, 12, 13]),
        ("closed:1..2", [1, 2]),
    ],
)
def test_a_sweep_doubles_the_users_and_ends_with_the_last(text: str, users: list[int]) -> None:
    assert swept(text) == [f"closed:{amount}" for amount in users]
    with_modifiers = profile(f"{text}+think=1s").loads
    assert [str(load) for load in with_modifiers] == [f"closed:{amount}+think=1s" for amount in users]


@given(st.integers(1, 1000), st.integers(1, 100_000))
def test_a_sweep_begins_and_ends_where_it_says_and_no_step_is_more_than_twice(first: int, more: int) -> None:
    users = [int(str(load).removeprefix("closed:")) for load in swept(f"closed:{first}..{first + more}")]
    assert (users[0], users[-1]) == (first, first + more)
    assert all(one < other <= 2 * one for one, other in pairwise(users))


@pytest.mark.parametrize("text", ["closed:8..8", "closed:512..1"])
def test_a_sweep_that_does_not_rise_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match=f"there is no load '{text}': a sweep goes from few users to more"):
        profile(text)


def test_a_sweep_is_measured_whole_in_every_block(tmp_path: Path) -> None:
    ran = play(tmp_path / "run", loads=["closed:1..8"])
    found = Counter((o.trial.block, o.trial.stack, str(o.trial.load)) for o in ran.outcomes)
    loads = [f"closed:{users}" for users in (1, 2, 4, 8)]
    assert found == {(block, arm, load): 1 for block in (0, 1) for arm in ("a", "b", "a@aa") for load in loads}
    assert [load["amount"] for load in ran.facts["profile"]["loads"]] == [1, 2, 4, 8]


def test_a_load_that_is_named_twice_is_measured_once() -> None:
    assert [str(load) for load in profile("closed:4", "closed:1..4", "open:9", "open:9").loads] == [
        "closed:4",
        "closed:1",
        "closed:2",
        "open:9",
    ]


# Shares


def test_a_share_is_of_the_first_closed_load_with_such_connections_and_no_think_time() -> None:
    made = profile("closed:9+think=1s", "closed:4", "closed:2+new-connections", "open:50%", "open:50%+new-connections")
    kept, new = made.loads[-2:]
    assert (str(made.capacity_of(kept)), str(made.capacity_of(new))) == ("closed:4", "closed:2+new-connections")


@pytest.mark.parametrize(
    ("loads", "wanted"),
    [
        (["closed:8", "open:50%+new-connections"], r"add one, such as closed:64\+new-connections"),
        (["closed:8+think=1s", "open:50%"], "add one, such as closed:64"),
    ],
)
def test_a_share_without_such_a_closed_load_is_refused_with_what_to_do(loads: list[str], wanted: str) -> None:
    with pytest.raises(LabError, match=f"is a share of what a stack does without think time .*{wanted}"):
        selection.replaced(profile("closed:8"), {"LOADS": ",".join(loads)})


def test_a_burst_needs_a_capacity_and_a_window_that_is_long_enough() -> None:
    with pytest.raises(ValidationError, match="open:burst is a share of what a stack does without think time"):
        profile("open:burst", window_s=3)
    with pytest.raises(ValidationError, match="open:burst needs a window of 3 s at least: give WINDOW=3"):
        profile("closed:8", "open:burst", window_s=2.9)
    given = {"LOADS": "closed:8,open:burst", "WINDOW": "3"}
    assert str(selection.replaced(profile("closed:8"), given).loads[-1]) == "open:burst"


# Older runs


def test_the_arrivals_of_an_older_run_are_part_of_its_open_loads() -> None:
    for load, arrivals, text in (
        ("open:200", "constant", "open:200+constant"),
        ("open:200", "poisson", "open:200"),
        ("closed:8", "constant", "closed:8"),
    ):
        older = trial(load=load).model_dump(mode="json") | {"arrivals": arrivals}
        assert Trial.model_validate_json(json.dumps(older)) == trial(load=text)
    older = profile("closed:8", "open:200").model_dump(mode="json") | {"arrivals": "constant"}
    assert Profile.model_validate(older) == profile("closed:8", "open:200+constant")


def test_a_profile_of_today_has_its_arrivals_in_its_loads() -> None:
    with pytest.raises(ValidationError, match=r"arrivals belong to a load, as in open:500\+constant"):
        profile("open:200", arrivals="constant")


# What the command line gives


STANDARD = selection.profile(LOADTESTS, "standard")


def test_what_is_given_replaces_the_profiles_own_and_is_recorded() -> None:
    given = {"LOADS": "closed:1..4, open:500", "WINDOW": "2.5s", "BLOCKS": "3"}
    made = selection.replaced(STANDARD, given)
    assert list(map(str, made.loads)) == ["closed:1", "closed:2", "closed:4", "open:500"]
    assert (made.window_s, made.blocks) == (2.5, 3)
    assert (made.precision, made.most_blocks) == (None, None), "as many blocks as were asked for"
    assert made.replaced == ("LOADS", "WINDOW", "BLOCKS")
    assert made.words == {"LOADS": "closed:1,closed:2,closed:4,open:500", "WINDOW": "2.5", "BLOCKS": "3"}
    assert selection.replaced(STANDARD, dict.fromkeys(given, "")) == STANDARD
    assert selection.replaced(STANDARD, {"WINDOW": "2"}).loads == STANDARD.loads


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("LOADS", "closed:0", "there is no load 'closed:0'; choose `closed:<users>`"),
        ("LOADS", "closed:64,closed:64+thnk=1s", "because of 'thnk=1s'; choose"),
        ("LOADS", ",", "there is no load ','; choose"),
        ("LOADS", "open:120%", "a share is open:1% to open:100%"),
        ("LOADS", "closed:100001", "less than or equal to 100000"),
        ("WINDOW", "0", "WINDOW=0 is no length of a window: choose up to 600 seconds, such as 2, 2s or 0.5"),
        ("WINDOW", "long", "WINDOW=long is no length"),
        ("WINDOW", "1e9", "WINDOW=1e9 is no length"),
        ("BLOCKS", "x", "BLOCKS=x is no number of blocks: choose 1 to 100"),
        ("BLOCKS", "0", "BLOCKS=0 is no number of blocks"),
        ("BLOCKS", "101", "BLOCKS=101 is no number of blocks"),
    ],
)
def test_a_word_that_means_nothing_is_refused_with_the_choices(name: str, text: str, why: str) -> None:
    with pytest.raises(LabError, match=why):
        selection.replaced(STANDARD, {name: text})


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"LOADS": "closed:64"}, r"was begun with LOADS=closed:1,closed:2: leave LOADS out to resume it"),
        ({"LOADS": "closed:1..2", "WINDOW": "2s"}, r"was begun with WINDOW=1: leave WINDOW out"),
        ({"BLOCKS": "9"}, r"was begun with BLOCKS=8: leave BLOCKS out"),
        ({"LOADS": "closed:1..2", "WINDOW": "1.0", "BLOCKS": "8"}, "was begun with another machine"),
    ],
)
def test_a_run_is_resumed_with_the_words_that_it_was_begun_with_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], why: str
) -> None:
    facts = {
        "profile": profile("closed:1..2").model_dump(mode="json"),
        "runtime": "process",
        "machine": {"cpu": "abacus"},
    }
    write_run(tmp_path / "it", run_facts([stack("a")], [scenario("json")], 8) | facts, [])
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    with pytest.raises(LabError, match=why):
        bench.bench("", "", "", "", "it", None, given, {})


def test_a_report_repeats_the_words_that_the_run_was_given(tmp_path: Path) -> None:
    own = profile("closed:8", "closed:8+think=1s", replaced=("LOADS", "BLOCKS")).model_dump(mode="json")
    run = write_run(tmp_path / "run", run_facts([stack("a")], [scenario("json")], 8) | {"profile": own}, [sample()])
    assert view_of(run).command == (
        "make bench PROFILE=p LOADS=closed:8,closed:8+think=1s BLOCKS=8 STACKS=a SCENARIOS=json"
    )
