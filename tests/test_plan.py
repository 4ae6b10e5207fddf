"""Randomised complete blocks: everything once, balanced, and the same again from the seed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import pytest

from lab.config import scenarios, selection
from lab.config.plan import Plan, expected_s
from lab.config.project import Project
from lab.errors import LabError
from lab.model.experiment import Experiment, families_of
from lab.model.loads import Load
from lab.model.stack import Stack
from lab.model.workload import Part, Profile, Scenario
from lab.paths import LOADTESTS

STACKS = [
    Stack(name=name, framework="F", server="S", model="async", port=port, baseline=name == "b", omits=omits)
    for name, port, omits in (("a", 1, {"/x/": "cannot"}), ("b", 2, {}), ("c", 3, {}))
]
SCENARIOS = [
    Scenario(id=id_, workload="w", file="f", user="U", path=path)
    for id_, path in (("w", "/w"), ("x/one", "/x/one"), ("z", "/z"))
]


def profile(blocks: int = 12, aa: tuple[str, ...] = ("w",)) -> Profile:
    return Profile(
        name="p", about="", stacks=("a",), scenarios=("w",), loads=(Load.model_validate("closed:8"),), blocks=blocks,
        warmup_s=0.5, window_s=1.5, timeout_s=5, aa_scenarios=aa,
    )  # fmt: skip


def planned(seed: int = 1, **words: object) -> Plan:
    return selection.plan(profile(**words), STACKS, SCENARIOS, seed)  # type: ignore[arg-type]


def test_a_block_runs_every_stack_and_scenario_once_except_what_a_stack_omits() -> None:
    cells = Counter((trial.stack, trial.scenario) for trial in planned().block(3))
    assert set(cells.values()) == {1}
    assert ("a", "x/one") not in cells
    assert set(cells) == {(s, sc) for s in "abc" for sc in ("w", "x/one", "z")} - {("a", "x/one")} | {("b@aa", "w")}


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    assert list(planned(seed=5).block(2)) == list(planned(seed=5).block(2))
    assert list(planned(seed=5).block(2)) != list(planned(seed=6).block(2))


def test_stacks_of_one_scenario_are_measured_next_to_each_other() -> None:
    scenarios = [trial.scenario for trial in planned().block(0)]
    assert sum(here != there for here, there in pairwise(scenarios)) == len(SCENARIOS) - 1


@pytest.mark.parametrize("arms", [1, 3, 4, 5, 21])
def test_every_stack_takes_every_position_and_follows_every_other_equally_often(arms: int) -> None:
    """With the A/A arm they are one more."""
    plan = selection.plan(
        profile(),
        [Stack(name=f"s{n}", framework="F", server="S", model="async", port=n + 1) for n in range(arms)],
        SCENARIOS[:1],
        1,
    )
    whole = (arms + 1) * (1 + (arms + 1) % 2)
    rows = [[trial.stack for trial in plan.block(block)] for block in range(whole)]
    positions = Counter((stack, place) for row in rows for place, stack in enumerate(row))
    follows = Counter(pair for row in rows for pair in pairwise(row))
    assert set(positions.values()) == {1 + (arms + 1) % 2}
    assert len(follows) == (arms + 1) * arms
    assert set(follows.values()) == {1 + (arms + 1) % 2}


def test_a_block_and_the_next_one_have_opposite_orders_so_that_a_trend_favours_no_stack() -> None:
    for block in range(0, 12, 2):
        row, back = (
            [trial.stack for trial in planned().block(one) if trial.scenario == "w"] for one in (block, block + 1)
        )
        assert row == back[::-1]
        assert len(row) == 4


def test_all_stacks_of_a_block_get_the_same_seed_and_other_blocks_another() -> None:
    seeds = {block: {trial.seed for trial in planned().block(block) if trial.scenario == "z"} for block in (0, 1)}
    assert len(seeds[0]) == len(seeds[1]) == 1
    assert seeds[0] != seeds[1]


def test_a_run_without_any_of_the_profiles_aa_scenarios_has_the_first_that_the_baseline_can_do_twice() -> None:
    plan = planned(aa=("not-chosen",))
    assert plan.arms == ("a", "b", "c", "b@aa")
    assert plan.profile.aa_scenarios == (plan.scenarios[0].id,)
    assert [trial.scenario for trial in plan.block(0) if trial.stack == "b@aa"] == [plan.scenarios[0].id]


def test_stacks_are_chosen_by_name_once_in_the_order_given() -> None:
    known = {stack.name: stack for stack in STACKS}
    assert [stack.name for stack in selection.stacks(["c", "a", "c"], known)] == ["c", "a"]
    assert [stack.name for stack in selection.stacks(["all"], known)] == ["a", "b", "c"]


def test_an_unknown_stack_is_named_with_the_choices() -> None:
    with pytest.raises(LabError, match="no stack 'd'; choose from a, b, c"):
        selection.stacks(["d"], {stack.name: stack for stack in STACKS})


def test_all_does_without_the_stacks_that_cannot_be_started_and_says_why() -> None:
    known = {stack.name: stack for stack in STACKS}
    chosen, left_out = selection.startable(["all"], known, {"b": "b needs php"}.get)
    assert [stack.name for stack in chosen] == ["a", "c"]
    assert left_out == ["b needs php"]


@pytest.mark.parametrize("names", [["a", "b"], ["all", "b"]])
def test_a_stack_that_was_named_and_cannot_be_started_is_refused(names: list[str]) -> None:
    with pytest.raises(LabError, match="b needs php"):
        selection.startable(names, {stack.name: stack for stack in STACKS}, {"b": "b needs php"}.get)


def test_no_stack_that_can_be_started_is_refused() -> None:
    with pytest.raises(LabError, match="No stack can be started"):
        selection.startable(["all"], {stack.name: stack for stack in STACKS}, lambda name: f"{name} needs php")


def test_a_plan_in_which_no_stack_can_do_anything_is_refused() -> None:
    with pytest.raises(LabError, match="None of the chosen stacks"):
        selection.plan(profile(), STACKS[:1], SCENARIOS[1:2], 1)


def test_the_expected_time_counts_windows_and_overheads() -> None:
    plan = planned(blocks=2, aa=())
    assert plan.trials_per_block == 9
    assert expected_s(plan, per_trial_s=0.5, per_start_s=3) == 2 * (9 * 2.5 + 3 * len(plan.arms))


def test_a_profile_with_cells_measures_these_and_what_its_mixtures_need_alone() -> None:
    mixture = Scenario(
        id="w+z=probe@50/s", workload="w", file="f", user="U", path="/w",
        parts=(Part(scenario=SCENARIOS[0]), Part(scenario=SCENARIOS[2], rate=50)),
    )  # fmt: skip
    few, many = (Load.model_validate(f"closed:{users}") for users in (2, 64))
    cells = (("a", "w", many), ("b", "z", many), ("c", mixture.id, few), ("b", "w", few))
    asked = profile().model_copy(
        update={"cells": cells, "experiments": ("e",), **dict.fromkeys(("stacks", "scenarios", "loads"), ())}
    )
    plan = selection.plan(asked, STACKS, [*SCENARIOS, mixture], 1)
    alone = {("c", "w", few), ("c", "z", Load.model_validate("open:50"))}
    twice = {("b@aa", "w", few)}
    assert {(one.stack, one.scenario, one.load) for one in plan.block(0)} == {*cells, *alone, *twice}
    assert plan.trials_per_block == len(cells) + len(alone) + len(twice)


def test_a_grid_is_measured_beside_a_matrix_and_its_variants_only_there() -> None:
    """As the profile `full` has it."""
    full = selection.profile(LOADTESTS, "full")
    wanted = scenarios.find(LOADTESTS, ["json", *full.of_cells])
    names = selection.needed(full, wanted, [])
    known = Project.here().with_variants(full.all_stacks).stacks
    block = list(selection.plan(full, selection.stacks(names, known), wanted, 1).block(0))
    of_grid = [(one.stack, one.scenario, one.load) for one in block if one.scenario in full.of_cells]
    assert sorted(of_grid, key=str) == sorted(full.cells, key=str)
    in_matrix = [one for one in block if one.scenario == "json"]
    assert {str(one.load) for one in in_matrix} == set(map(str, full.loads))
    assert {one.stack for one in in_matrix} > {"flask-gunicorn", "fastapi-uvicorn", "fastapi-def"}
    assert not [one.stack for one in in_matrix if "+" in one.stack]


def test_a_matrix_has_the_variants_that_a_person_named_and_its_grid_those_of_them() -> None:
    full = selection.named(selection.profile(LOADTESTS, "full"), ["fastapi-def", "fastapi-def+slots=200"])
    wanted = scenarios.find(LOADTESTS, ["json", *full.of_cells])
    chosen = selection.stacks(
        selection.needed(full, wanted, full.stacks), Project.here().with_variants(full.all_stacks).stacks
    )
    block = list(selection.plan(full, chosen, wanted, 1).block(0))
    assert {one.stack.removesuffix("@aa") for one in block if one.scenario == "json"} == {
        "fastapi-def",
        "fastapi-def+slots=200",
    }
    assert {one.stack for one in block if one.scenario in full.of_cells} == {
        "fastapi-def",
        "fastapi-def+slots=10",
        "fastapi-def+slots=200",
    }


def test_a_grid_of_other_stacks_is_left_out() -> None:
    full = selection.profile(LOADTESTS, "full")
    wanted = scenarios.find(LOADTESTS, ["json", *full.of_cells])
    chosen = selection.stacks(["asgi-uvicorn"], Project.here().stacks)
    assert [one.id for one in selection.with_cells(full, wanted, chosen)] == ["json"]


def test_a_block_measures_what_an_experiment_compares_one_after_the_other() -> None:
    asked = selection.profile(LOADTESTS, "answers")
    found = scenarios.find(LOADTESTS, asked.all_scenarios)
    stacks = selection.stacks(asked.all_stacks, Project.here().with_variants(asked.all_stacks).stacks)
    plan = selection.plan(asked, stacks, found, 1)
    for number in range(3):
        rows = list(dict.fromkeys((trial.scenario, trial.load) for trial in plan.block(number)))
        for family in asked.families:
            places = [rows.index(name) for name in family]
            between = {rows[place] for place in range(min(places), max(places))} - set(family)
            assert all(name[0] in {part.id for part in parts_of(found, family)} for name in between)


def parts_of(found: Sequence[Scenario], family: Iterable[tuple[str, Load]]) -> Iterator[Scenario]:
    """Yield the scenarios that mixtures of a family are made of: they are measured alone beside it."""
    ids = {id_ for id_, _ in family}
    yield from (part.scenario for one in found if one.id in ids for part in one.parts)


def test_families_join_what_any_evidence_compares() -> None:
    load = {"load": "closed:8", "stack": "a", "metric": "rps", "above": 1}
    pairs = [("w", "z"), ("u", "v"), ("z", "y"), ("t", "t")]
    told = [{"says": "", "of": {"scenario": one}, "over": {"scenario": other}} for one, other in pairs]
    one = Experiment.model_validate(
        {"id": "x", "statement": "", "claimed": "", "hypothesis": "", "evidence": told, **load}
    )
    assert [[id_ for id_, _ in family] for family in families_of([one])] == [["u", "v"], ["w", "z", "y"]]
