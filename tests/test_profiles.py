"""Profiles say what a run does."""

from pathlib import Path

import pytest

from lab.config import scenarios, selection
from lab.config.plan import expected_s
from lab.config.project import Project
from lab.errors import LabError
from lab.model.loads import Load
from lab.paths import LOADTESTS
from lab.run.series import EXPECTED_START_S, EXPECTED_TRIAL_OVERHEAD_S

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


@pytest.mark.parametrize(
    ("name", "minutes", "more"), [("quick", 5.5, 0), ("standard", 30, 1), ("standard-all", 30, 1), ("answers", 45, 0)]
)
def test_the_blocks_of_a_profile_take_no_longer_than_it_says(name: str, minutes: float, more: int) -> None:
    """With as many more blocks as a disturbed machine may cost."""
    profile = selection.profile(LOADTESTS, name)
    project = Project.here().with_variants(profile.all_stacks)
    found = scenarios.find(LOADTESTS, profile.all_scenarios)
    plan = selection.plan(profile, selection.stacks(profile.all_stacks, project.stacks), found, seed=1)
    each_s = expected_s(plan, EXPECTED_TRIAL_OVERHEAD_S, EXPECTED_START_S) / profile.blocks
    assert (profile.blocks + more) * each_s <= minutes * 60
    assert profile.limit_min == (minutes if more or profile.reruns else None)
    assert profile.blocks >= 6


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


def test_only_stacks_with_a_cell_in_the_chosen_scenarios_are_started() -> None:
    profile = selection.profile(LOADTESTS, "answers")
    wanted = scenarios.find(LOADTESTS, ["hazard/blocking-wait"])
    assert selection.needed(profile, wanted, []) == ("fastapi-uvicorn",)
    quick = selection.profile(LOADTESTS, "quick")
    assert selection.needed(quick, wanted, []) == quick.stacks


def test_a_scenario_without_a_cell_is_refused() -> None:
    profile = selection.profile(LOADTESTS, "map")
    with pytest.raises(LabError, match="The profile map has no cell in json: leave SCENARIOS out"):
        selection.needed(profile, scenarios.find(LOADTESTS, ["json"]), [])


def test_the_loads_of_a_grid_are_no_capacity_of_a_matrix() -> None:
    with pytest.raises(LabError, match="share of what a stack does"):
        selection.replaced(selection.profile(LOADTESTS, "full"), {"LOADS": "open:50%"})
