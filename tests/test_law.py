"""The law of the crossover, its fit and its advice, on figures that are known."""

import json
from dataclasses import replace
from math import factorial
from pathlib import Path
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.answers.choice import Better, Question, advice
from lab.answers.crossover import Crossover, Measured
from lab.answers.law import FORMS, Form, Law, Point, Seen, better_form, errors, fitted
from lab.answers.nearby import Nearby
from lab.commands import advise
from lab.config import grid
from lab.paths import LOADTESTS
from lab.report.advice import sentences
from lab.report.view import view_of
from lab.report.write import write_report
from tests.synthetic import run_facts, sample, scenario, stack, trial, write_run

LAW = Law("bounds", coroutine_ms=0.15, thread_ms=0.30, client_ms=0.2)
POINTS = [
    Point(float(wait), float(cpu), users, threads)
    for wait in (0, 1, 5, 20, 50, 100)
    for cpu in (0, 1, 5, 10)
    for users in (1, 8, 64, 256)
    for threads in (None, 10, 40, 200)
]


@pytest.mark.parametrize(
    ("point", "rps"),
    [
        (Point(50, 0, 64, threads=40), 40 / 0.0503),  # all threads wait
        (Point(50, 0, 64), 64 / 0.05035),  # each user has its coroutine
        (Point(50, 0, 8, threads=40), 8 / 0.0505),  # fewer users than threads: no difference but t for a
        (Point(5, 10, 64, threads=40), 1 / 0.0103),  # the CPU is full
        (Point(5, 10, 64), 1 / 0.01015),
        (Point(0, 0, 1), 1 / 0.00035),
    ],
)
def test_throughput_is_the_least_of_the_bounds(point: Point, rps: float) -> None:
    assert LAW.rps(point) == pytest.approx(rps)


def normalised(customers: int, delay: float, service: float) -> float:
    """The normalising constant of a closed product-form network with a delay and a queue (Buzen 1973)."""
    return sum(service ** (customers - n) * delay**n / factorial(n) for n in range(customers + 1))


@pytest.mark.parametrize("customers", [1, 2, 5, 20])
@pytest.mark.parametrize("threads", [None, 3])
def test_mean_value_analysis_agrees_with_the_normalising_constants(customers: int, threads: int | None) -> None:
    law = replace(LAW, form="mva")
    point = Point(wait_ms=4.0, cpu_ms=1.0, users=customers, threads=threads)
    inside = customers if threads is None else min(customers, threads)
    constants = [normalised(n, point.wait_ms + law.client_ms, law.busy_ms(point)) for n in (inside - 1, inside)]
    assert law.rps(point) == pytest.approx(1e3 * constants[0] / constants[1])


@given(st.sampled_from(POINTS), st.sampled_from(FORMS), st.floats(0.1, 20), st.floats(0.01, 1))
def test_more_users_or_threads_never_take_throughput_away(point: Point, form: Form, visits: float, half: float) -> None:
    law = replace(LAW, form=form, visits=visits if form == "convoy" else 1.0, half=half)
    assert law.rps(replace(point, users=point.users + 1)) >= law.rps(point) * (1 - 1e-12)
    if point.threads is not None:
        assert law.rps(replace(point, threads=point.threads + 1)) >= law.rps(point) * (1 - 1e-12)


def test_threads_stop_being_enough_where_the_wait_exceeds_t_minus_1_times_the_cpu_time() -> None:
    knee_ms = 39 * (1 + LAW.thread_ms)
    for wait_ms, threads in ((knee_ms * 0.9, 40 * 0.9), (knee_ms * 1.1, 40 * 1.1)):
        assert LAW.enough_threads(Point(wait_ms, 1, 512)) == pytest.approx(threads, rel=0.03)
    assert LAW.enough_threads(Point(100, 1, 12)) == 12  # a thread for each user is always enough


@pytest.mark.parametrize("form", FORMS)
def test_the_fit_finds_what_the_points_were_made_with(form: Form) -> None:
    law = Law(form, coroutine_ms=0.12, thread_ms=0.41, client_ms=0.3)
    if form == "convoy":
        law = replace(law, visits=2.0, half=0.5)
    seen = [Seen(point, law.rps(point)) for point in POINTS]
    found = fitted(seen, form)
    assert found.form == form
    fields = ("coroutine_ms", "thread_ms", "client_ms", "visits", "half")
    assert [getattr(found, name) for name in fields] == pytest.approx([getattr(law, name) for name in fields], rel=0.01)
    assert better_form(seen).form == form
    assert max(map(abs, errors(found, seen))) < 0.01


@pytest.mark.parametrize(("half", "round_ms"), [(1e9, 102.0), (0.38, 102.0 + 19.0), (1e-9, 140.0)])
def test_a_convoy_makes_a_request_wait_for_the_others(half: float, round_ms: float) -> None:
    """20 threads that wait 100 ms and compute 2: alone 102 ms, in a full convoy 140, and the others need 38 ms."""
    law = Law("convoy", 0.0, 0.0, 0.0, half=half)
    assert law.rps(Point(100, 2, 64, threads=20)) == pytest.approx(20e3 / round_ms)


def made(law: Law, noise: float = 0.0) -> Crossover:
    """A fit to points of a law, some of them too fast by `noise`, the others too slow."""
    random = Random(1)
    found = [
        Measured(point, rps, p99_ms=2e3 * point.users / rps, memory_mb=50.0 + (point.threads or 0) / 10)
        for point in POINTS
        for rps in [law.rps(point) * (1 + noise * random.choice((-1, 1)))]
    ]
    crossover = Crossover.of(found)
    assert crossover
    return crossover


EXACT = made(LAW)
GREEDY = made(replace(LAW, coroutine_ms=1.0))  # coroutines that cost far more than threads


@pytest.mark.parametrize(
    ("question", "crossover", "better"),
    [
        (Question(100, 1, 200), EXACT, "async def"),
        (Question(8, 2, 64), EXACT, "async def"),
        (Question(8, 5, 64), EXACT, "too close"),
        (Question(0, 0, 64), GREEDY, "def"),
        (Question(100, 1, 30), EXACT, "too close"),
        (Question(101, 1, 64), EXACT, "not known"),
        (Question(8, 11, 64), EXACT, "not known"),
        (Question(8, 2, 257), EXACT, "not known"),
        (Question(8, 2, 64, threads=201), EXACT, "not known"),
    ],
)
def test_advice_names_the_better_side_or_why_it_does_not(
    question: Question, crossover: Crossover, better: Better
) -> None:
    found = advice(question, crossover)
    assert found.better == better
    first, *others = sentences(found)
    assert {"too close": "too close", "not known": "not known, because"}.get(better, f"choose `{better}`") in first
    assert len(others) == 4
    assert bool(found.reasons) == (better == "not known")


def test_a_law_that_is_often_wrong_leaves_a_lead_too_close() -> None:
    question = Question(8, 2, 64)
    assert advice(question, EXACT).better == "async def"
    assert advice(question, made(LAW, noise=-0.25)).better == "too close"


def test_expectations_have_the_range_of_the_measured_errors() -> None:
    found = advice(Question(100, 1, 200), made(LAW, noise=0.1)).coroutines
    assert found.hi / found.rps == pytest.approx(1.15, abs=0.05)
    assert found.rps / found.lo == pytest.approx(1.15, abs=0.05)
    assert found.p99_ms is not None
    assert found.p99_ms[0] == pytest.approx(2e3 * 200 / found.rps)


@pytest.mark.parametrize(("target_ms", "said"), [(10_000, "met"), (1, "missed")])
def test_a_target_is_met_missed_or_too_close(target_ms: float, said: str) -> None:
    told = list(sentences(advice(Question(100, 1, 200, target_p99_ms=target_ms), EXACT)))
    assert told[-2:] == [f"  p99 of {target_ms:g} ms, {name}: {said}." for name in ("async def", "def")]


def test_memory_is_that_of_the_closest_point() -> None:
    assert advice(Question(100, 1, 200, threads=180), EXACT).threads.memory_mb == 70


FEW = [Point(wait, 1, 2, threads) for wait in (3, 12, 50) for threads in (None, 40)]


def test_advice_expects_what_the_law_is_off_nearby_and_far_away_the_law() -> None:
    """Few users are answered a quarter slower than the law says; 256 users as it says."""
    slow = [replace(one, rps=one.rps * 0.75) if one.point.users < 3 else one for one in EXACT.measured]
    slow += [Measured(point, LAW.rps(point) * 0.75, None, None) for point in FEW]
    crossover = Crossover.of(slow)
    assert crossover
    assert crossover.rps(Point(7, 1, 2)) / LAW.rps(Point(7, 1, 2)) == pytest.approx(0.75, abs=0.05)
    assert crossover.rps(Point(7, 1, 256)) / LAW.rps(Point(7, 1, 256)) == pytest.approx(1, abs=0.05)


def test_far_from_measured_points_the_range_is_that_of_the_law() -> None:
    crossover = Crossover.of(
        [replace(one, rps=one.rps * (0.8 if one.point.users < 64 else 1.2)) for one in EXACT.measured]
    )
    assert crossover
    assert crossover.spread_at(Point(20, 1, 8)) == pytest.approx(crossover.spread(threads=False), rel=0.05)
    assert crossover.spread_at(Point(1e9, 1, 8)) > 1.1 * crossover.spread(threads=False)


def test_what_a_point_itself_is_off_is_not_foretold_from_it() -> None:
    errors = [0.0, 0.0, 1.0, 0.0, 0.0]
    nearby = Nearby.of([[0.1 * step] for step in range(5)], errors)
    assert nearby.foretold[2] == 0
    assert nearby.error([0.2]) > 0.1
    assert nearby.error([100.0]) == 0


def test_grids_have_both_sides_of_each_point_and_the_held_out_points_are_others() -> None:
    crossover, held_out = (set(grid.cells(name, ["a", "b"], LOADTESTS)) for name in get_args(grid.Grid))
    assert len(held_out) == 2 * grid.POINTS
    assert not crossover & held_out
    for cells in (crossover, held_out):
        sides: dict[object, set[str]] = {cell[1:]: set() for cell in cells}
        for stack_, scenario_, load in cells:
            sides[scenario_, load].add(stack_.partition("+")[0])
        assert {frozenset(side) for side in sides.values()} == {frozenset("ab")}


STACKS = [
    stack("fastapi-uvicorn", framework="FastAPI", server="Uvicorn", baseline=True),
    stack("fastapi-def", "threads", framework="FastAPI", server="Uvicorn"),
]


def run(folder: Path, grid_: str = "crossover") -> Path:
    """A run of points of the law."""
    waits = [(wait, cpu) for wait in (0, 10, 50, 100) for cpu in (0, 1, 5)]
    scenarios = [
        scenario(f"mixed?ms={wait}&cpu_ms={cpu}", ms=wait, rounds=1 if cpu == 0 else 7_000 * cpu).model_copy(
            update={"cpu_ms": cpu or None, "workload": "mixed"}
        )
        for wait, cpu in waits
    ]
    outcomes = [
        sample(trial(block, arm.name, asked.id, "closed:64"), rps * (1 + 0.01 * (block % 3)))
        for block in range(6)
        for asked, (wait, cpu) in zip(scenarios, waits, strict=True)
        for arm in STACKS
        for rps in [LAW.rps(Point(wait, cpu, 64, 40 if arm.model == "threads" else None))]
    ]
    facts = run_facts(STACKS, scenarios, 6)
    facts["profile"] |= {
        "stacks": [],
        "scenarios": [],
        "loads": [],
        "grid": grid_,
        "grid_stacks": [one.name for one in STACKS],
        "cells": [[one.trial.stack, one.trial.scenario, "closed:64"] for one in outcomes if one.trial.block == 0],
    }
    return write_run(folder, facts, outcomes)


def test_a_run_of_the_grid_is_told_by_its_law_and_its_map(tmp_path: Path) -> None:
    folder = run(tmp_path / "run")
    view = view_of(folder)
    assert view.crossover
    assert view.crossover.law.coroutine_ms == pytest.approx(0.15, rel=0.1)
    assert view.crossover.law.thread_ms == pytest.approx(0.30, rel=0.1)
    written = {path.name for path in write_report(view)}
    assert {"map-throughput-64-40.svg", "report.html"} <= written
    report = (folder / "report.md").read_text()
    assert "## When threads stop being enough" in report
    assert (
        "- **Threads or coroutines**: At 1 ms of CPU time a request, threads stop being enough where it waits longer than 5"
        in report
    )
    assert "threads, short CPU work, more users than threads" in report
    assert "## Every stack beside the baseline" not in report
    assert report.count("(charts/map-throughput-64-40.svg)") == 1


def test_advice_is_not_from_a_run_that_tests_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advise, "RESULTS", tmp_path)
    for name, grid_ in (("map", "crossover"), ("tests-it", "held-out")):
        file = run(tmp_path / name, grid_) / "run.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"ended_at": "2026-11-27T12:00:00+00:00"}))
    assert [folder.path.name for folder in advise._candidates()] == ["map"]
