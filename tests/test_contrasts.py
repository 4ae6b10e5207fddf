"""Pairs of stacks that differ in one factor: how they are found, decided and told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.analysis.comparison.contrasts import differences, differing, instead_of
from lab.analysis.validity.limits import Limits
from lab.config.project import Project
from lab.model.stack import Stack
from lab.report import by_factor, contents, markdown, precision
from lab.report.view import View, view_of
from lab.run import stopping
from tests.synthetic import on_terminal, run_facts, sample, scenario, stack, trial, write_run

SPEEDS = {"on-async": 1.0, "on-def": 0.5, "other": 2.0, "other-h11": 1.0}


def declared(name: str, **factors: str) -> Stack:
    usual = {"framework": "FastAPI", "server": "Uvicorn", "loop": "uvloop", "parser": "httptools", "handlers": "async"}
    return stack(name, **{**usual, **factors})


STACKS = [
    declared("on-async", baseline=True),  # type: ignore[arg-type]
    declared("on-def", handlers="sync", model="threads"),
    declared("other", framework="Quart", server="Hypercorn"),
    declared("other-h11", framework="Quart", server="Hypercorn", parser="h11"),
]


def run(folder: Path, stacks: list[Stack] = STACKS, blocks: int = 6, **changes: Any) -> View:
    """A run of `json` in which each stack has its speed, all blocks alike to a per mille."""
    outcomes = [
        sample(
            trial(stack=one.name, block=block),
            completed=round(4_000 * SPEEDS[one.name] * (1 + block / 1_000)),
            **changes,
        )
        for block in range(blocks)
        for one in stacks
    ]
    return view_of(write_run(folder, run_facts(stacks, [scenario()], blocks), outcomes))


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, ()),
        ({"loop": "asyncio"}, ("loop",)),
        ({"loop": "asyncio", "parser": "h11"}, ("loop", "parser")),
        ({"handlers": "sync", "model": "threads"}, ("handlers",)),
        ({"framework": "Quart"}, ("framework",)),
    ],
)
def test_stacks_differ_in_the_factors_that_they_declare_otherwise(
    changed: dict[str, str], found: tuple[str, ...]
) -> None:
    assert differing(declared("a"), declared("b", **changed)) == found


def test_a_model_that_does_not_follow_from_the_handlers_is_a_difference_of_its_own() -> None:
    views = declared("views", handlers="async", model="threads")
    assert differing(views, declared("sync", handlers="sync", model="threads")) == ("handlers",)
    assert differing(views, declared("greenlets", handlers="sync", model="greenlets")) == ("model", "handlers")


def test_a_factor_that_belongs_to_the_server_is_not_compared() -> None:
    granian = stack("granian", framework="FastAPI", server="Granian", loop="uvloop", handlers="async")
    assert differing(granian, declared("a")) == ("server",)


def test_stacks_of_runs_that_did_not_ask_differ_in_nothing_that_is_known() -> None:
    old, older = stack("old", framework="A"), stack("older", framework="B")
    assert (old.factors, differing(old, older)) == ({}, ())


def test_contrasts_are_all_pairs_that_differ_in_one_factor() -> None:
    assert differences(STACKS, "on-async") == {
        ("on-def", "on-async"): ("handlers",),
        ("other", "on-async"): ("framework", "server"),
        ("other-h11", "on-async"): ("framework", "server", "parser"),
        ("other", "other-h11"): ("parser",),
    }


def test_people_ask_what_async_brings_and_not_what_sync_costs() -> None:
    asked, reference = instead_of(STACKS[1], STACKS[0])
    assert (asked.name, reference.name) == ("on-async", "on-def")
    assert instead_of(STACKS[0], STACKS[1]) == (asked, reference)


def test_a_contrast_is_told_in_the_direction_of_the_question_with_its_interval(tmp_path: Path) -> None:
    found = by_factor.contrasts(run(tmp_path / "run"))
    assert [(one.factor, one.change, one.shared) for one in found] == [
        ("handlers", "`async def` instead of `def`", "FastAPI on Uvicorn"),
        ("parser", "httptools instead of h11", "Quart on Hypercorn with uvloop and `async def`"),
    ]
    (row,) = found[0].rows
    assert row.lo is not None
    assert row.hi is not None
    assert row.lo <= row.ratio <= row.hi
    said = found[0].sentence(row)
    assert said.startswith(
        "handlers `async def` instead of `def`, FastAPI on Uvicorn, json at 8 users: 2.00 times the throughput ("
    )
    assert said.endswith("), faster; not bound by the server's CPU: offered rate (all).")
    slots = {("json", "closed:8", "on-async"): "server CPU", ("json", "closed:8", "on-def"): "server slots"}
    assert (
        replace(found[0], bounds=slots)
        .told(row)
        .endswith("), faster; not bound by the server's CPU: server slots (on-def)")
    )


def test_a_server_is_named_with_the_parser_that_only_it_leaves_a_choice_of() -> None:
    bare = stack("bare", framework="FastAPI", server="Gunicorn", loop="uvloop", handlers="async")
    with_h11 = bare.model_copy(update={"name": "with-h11", "server": "Uvicorn", "parser": "h11"})
    assert by_factor.Contrast("server", with_h11, bare, ()).change == "Uvicorn with h11 instead of Gunicorn"
    assert by_factor.Contrast("server", bare, with_h11, ()).change == "Gunicorn instead of Uvicorn with h11"


def test_contrasts_come_before_the_ratios_to_the_baseline_in_report_and_terminal(tmp_path: Path) -> None:
    view = run(tmp_path / "run")
    page = contents.of(view)
    assert [section.title for section in page.sections][:2] == [
        "What one factor changes",
        "Every stack beside the baseline",
    ]
    text = markdown.render(page)
    assert (
        "| handlers | `async def` instead of `def` FastAPI on Uvicorn; on-async against on-def | 8 users throughput | 2.00 x faster"
        in text
    )
    said = on_terminal(view)
    first = "`async def` instead of `def` (FastAPI on Uvicorn, 8 users): faster in json 2.00 times ("
    assert 0 < said.index(first) < said.index("Beside on-async, by the ratio inside each block")


def test_pairs_that_differ_in_several_factors_name_them_and_credit_none(tmp_path: Path) -> None:
    text = markdown.render(contents.of(run(tmp_path / "run")))
    assert "other in framework and server; other-h11 in framework, server and parser." in text
    assert "They differ in framework and server, of which none is credited." in text


def test_a_run_of_one_factor_only_has_its_rows_in_the_comparisons(tmp_path: Path) -> None:
    rows = [row for row in run(tmp_path / "run").comparisons if row.metric == "rps"]
    assert {(row.stack, row.baseline): row.factors for row in rows} == {
        ("on-def", "on-async"): ("handlers",),
        ("other", "on-async"): ("framework", "server"),
        ("other-h11", "on-async"): ("framework", "server", "parser"),
        ("other", "other-h11"): ("parser",),
    }


def test_the_report_counts_the_ratios_that_the_stopping_rule_asks_for(tmp_path: Path) -> None:
    view = run(tmp_path / "run")
    profile = view.run.profile.model_copy(update={"precision": 0.05, "most_blocks": 6})
    said = next(precision.sentences(replace(view.run, profile=profile), view.sections))
    asked = stopping.ratios(view.run.outcomes, lambda _: Limits(), STACKS, 0.05)
    assert (asked.number, asked.wide) == (4, [])
    assert said == "Precision: 4 of 4 throughput ratios (closed load) are known to 5.0 % or better."


def test_what_a_stack_cannot_have_is_said_beside_its_contrast(tmp_path: Path) -> None:
    exempt = {"keep_alive_s": {"value": 60, "why": "no more"}}
    stacks = [STACKS[0], STACKS[1].model_copy(update={"exceptions": stack(exceptions=exempt).exceptions})]
    (contrast,) = by_factor.contrasts(run(tmp_path / "run", stacks))
    assert contrast.forced == "on-def has keep_alive_s=60"


def test_the_stacks_of_this_checkout_have_the_contrasts_that_isolate_what_the_lab_asks() -> None:
    project = Project.here()
    found = differences(list(project.stacks.values()), "fastapi-uvicorn").values()
    assert {factors[0] for factors in found if len(factors) == 1} == {
        "framework",
        "server",
        "loop",
        "parser",
        "handlers",
        "model",
    }


def varied(name: str, **budget: int) -> Stack:
    """A stack that is asked to have the usual budget but for this."""
    return declared(name, budget={"workers": 1, "slots": 40, **budget})  # type: ignore[arg-type]


def test_a_changed_setting_is_a_factor_beside_the_declared_ones() -> None:
    usual, more = varied("a"), varied("a+slots=200", slots=200)
    assert differing(more, usual) == ("slots",)
    assert differing(varied("a+workers=2+slots=200", workers=2, slots=200), more) == ("workers",)
    assert differing(varied("b", workers=1, slots=40), varied("a")) == ()
    other = more.model_copy(update={"name": "b+slots=200", "loop": "asyncio"})
    assert (differing(other, usual), differing(other, more)) == (("loop", "slots"), ("loop",))
    assert differing(more, declared("of-an-older-run")) == ()


@pytest.mark.parametrize(("slots", "change"), [(200, "200 instead of 40"), (8, "40 instead of 8")])
def test_a_setting_is_told_as_its_larger_value_instead_of_the_smaller(slots: int, change: str) -> None:
    usual, variant = varied("a"), varied(f"a+slots={slots}", slots=slots)
    asked, reference = instead_of(variant, usual)
    assert by_factor.Contrast("slots", asked, reference, ()).change == change
    assert instead_of(usual, variant) == (asked, reference)


def test_a_contrast_of_variants_names_what_they_share() -> None:
    two, both = varied("a+workers=2", workers=2), varied("a+workers=2+slots=200", workers=2, slots=200)
    assert by_factor.Contrast("slots", both, two, ()).shared == "a with workers=2"
    assert by_factor.Contrast("slots", varied("a+slots=200", slots=200), varied("a"), ()).shared == "a"
    other = varied("b+slots=200", slots=200).model_copy(update={"loop": "asyncio"})
    shared = by_factor.Contrast("loop", varied("a+slots=200", slots=200), other, ()).shared
    assert shared == "FastAPI on Uvicorn with httptools, `async def` and slots=200"
