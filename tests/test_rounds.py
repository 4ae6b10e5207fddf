"""`cpu_ms=2` becomes rounds. What a run makes of it: test_session.py; that it takes so long for real: test_bench.py."""

from pathlib import Path

import pytest

from lab.config import scenarios
from lab.errors import LabError
from lab.paths import LOADTESTS
from lab.run import rounds
from tests.fakes import FakeWorld

RATE = rounds.Rate(rounds_per_ms=13_800.4, stack="a")


def test_cpu_ms_becomes_rounds_and_other_scenarios_stay_as_they_are() -> None:
    asked, other = scenarios.find(LOADTESTS, ["mixed?cpu_ms=2", "mixed?rounds=5"])
    resolved = rounds.with_rounds(asked, RATE)
    assert (resolved.id, resolved.cpu_ms, resolved.params) == ("mixed?cpu_ms=2", 2, {"ms": 5, "rounds": 27_601})
    assert rounds.with_rounds(other, RATE) == other


def test_more_rounds_than_the_contract_allows_are_refused_with_the_most_that_can_be_asked_for() -> None:
    (asked,) = scenarios.find(LOADTESTS, ["crunch/inline?cpu_ms=200"])
    with pytest.raises(LabError, match=r"is 20,000,000 rounds here, .* allows 10,000,000: ask for cpu_ms=100 at most"):
        rounds.with_rounds(asked, RATE.model_copy(update={"rounds_per_ms": 100_000}))


def test_stacks_that_cannot_show_the_rounds_are_named_with_what_to_give_instead(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"through /crunch/inline \(none .* serves it\): give `rounds` in its place"):
        rounds.calibrated(FakeWorld().runtime, [], tmp_path, [0])
