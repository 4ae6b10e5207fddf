"""Profiles say what a run does."""

from pathlib import Path

import pytest

from lab.config import scenarios, selection
from lab.errors import LabError
from lab.model.workload import Load
from lab.paths import LOADTESTS

WHOLE = """about = "a try"
stacks = ["a"]
scenarios = ["json"]
loads = ["closed:1"]
blocks = 1
warmup_s = 0
window_s = 1
timeout_s = 1
"""


@pytest.mark.parametrize("name", ["smoke", "quick", "standard", "standard-all", "full"])
def test_the_profiles_name_scenarios_that_exist(name: str) -> None:
    profile = selection.profile(LOADTESTS, name)
    found = {scenario.id for scenario in scenarios.find(LOADTESTS, profile.scenarios)}
    assert set(profile.aa_scenarios) <= found


def test_quick_measures_for_less_than_four_minutes() -> None:
    quick = selection.profile(LOADTESTS, "quick")
    arms = len(quick.stacks) * len(quick.scenarios) + len(quick.aa_scenarios)
    assert arms * len(quick.loads) * quick.blocks * (quick.warmup_s + quick.window_s) < 200
    assert quick.blocks >= 6


def test_standard_measures_for_less_than_half_an_hour() -> None:
    standard = selection.profile(LOADTESTS, "standard")
    arms = len(standard.stacks) * len(standard.scenarios) + len(standard.aa_scenarios)
    assert arms * len(standard.loads) * standard.blocks * (standard.warmup_s + standard.window_s) < 1600


def test_loads_read_as_kind_and_amount(tmp_path: Path) -> None:
    (tmp_path / "profiles.toml").write_text("[mine]\n" + WHOLE.replace("closed:1", "open:250"))
    assert selection.profile(tmp_path, "mine").loads == (Load(kind="open", amount=250),)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[other]\n" + WHOLE, "no profile 'mine'; there are: other"),
        ("[mine]\n" + WHOLE.replace("blocks = 1", "blocks = 0"), "profile mine, blocks: .*greater than or equal to 1"),
        ("[mine]\n" + WHOLE.replace("blocks", "block"), "profile mine, block"),
        (
            "[mine]\n" + WHOLE.replace("closed:1", "shut:1"),
            r"profile mine, loads\.0: there is no load 'shut:1'; choose `closed:",
        ),
        ("[mine", "is not TOML"),
        ("mine = 3", "`mine` stands outside of a profile"),
    ],
)
def test_a_mistake_in_the_file_is_told_in_a_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "profiles.toml").write_text(text)
    with pytest.raises(LabError, match=complaint):
        selection.profile(tmp_path, "mine")


def test_a_missing_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"profiles\.toml is missing"):
        selection.profile(tmp_path, "mine")
