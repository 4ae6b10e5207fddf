"""Variants of stacks: what they are called, what they may ask for, how they are described, and budgets for all stacks."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.analysis.comparison.contrasts import differing
from lab.commands import bench
from lab.config import selection, variants
from lab.config.project import Project
from lab.config.variants import LIMITS, normal, refuse_literals
from lab.errors import LabError
from lab.host.machine import CpuPlan
from lab.model.stack import SETTINGS, Service, Setting, Stack
from lab.paths import COMPOSE_PROJECT, LOADTESTS
from lab.report import contents, markdown
from lab.report.view import view_of
from lab.run import store
from lab.run.servers import DATABASE, arm_of
from lab.runtime import auto, docker
from lab.settings.budget import expected
from tests import playing
from tests.fakes import SERVICES, FakeWorld
from tests.synthetic import run_facts, sample, scenario, stack, trial, write_run

PROJECT = replace(Project.here(), cpus=CpuPlan(server=(0, 1), others=(0, 1)))
ONE = "flask-gunicorn+slots=200"


def test_a_variant_has_one_name_whatever_the_order_of_its_settings() -> None:
    assert normal("a+backlog=9+slots=8+workers=2") == "a+workers=2+slots=8+backlog=9"
    assert normal("a") == "a"
    project = PROJECT.with_variants(["flask-gunicorn+slots=8+workers=2", "flask-gunicorn+workers=2+slots=8"])
    assert set(project.stacks) - set(PROJECT.stacks) == {"flask-gunicorn+workers=2+slots=8"}
    (found,) = selection.stacks(["flask-gunicorn+slots=8+workers=2"] * 2, project.stacks)
    assert found.name == "flask-gunicorn+workers=2+slots=8"


def test_a_variant_is_its_service_with_the_changed_budget() -> None:
    project = PROJECT.with_variants([ONE])
    usual, variant = project.stacks["flask-gunicorn"], project.stacks[ONE]
    service = project.services[ONE]
    assert "--threads 200" in " ".join(service.command)
    assert (service.environment["LAB_SLOTS"], service.environment["LAB_STACK"]) == ("200", ONE)
    assert (expected(service)["slots"], expected(service)["db_pool"]) == (200, 20)
    assert (variant.slots, variant.service, variant.budget) == (200, "flask-gunicorn", usual.budget | {"slots": 200})
    assert expected(project.services["flask-gunicorn"])["slots"] == 40


@pytest.mark.parametrize("setting", SETTINGS)
def test_each_setting_reaches_what_is_started(setting: str) -> None:
    name = f"fastapi-uvicorn+{setting}=2"
    service = PROJECT.with_variants([name]).services[name]
    assert service.environment[f"LAB_{setting.upper()}"] == "2"
    assert service.budget[f"LAB_{setting.upper()}"] == 2


def test_what_a_stack_declares_follows_the_budget_where_it_depends_on_it() -> None:
    stacks = PROJECT.with_variants(["flask-async+slots=80"]).stacks
    assert [stacks[name].exceptions["db_pool"].value for name in ("flask-async", "flask-async+slots=80")] == [40, 80]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("flask-gunicorn+threads=8", "there is no setting 'threads'; choose from workers, slots, "),
        ("flask-gunicorn+slots=many", "slots=many is no whole number from 1 on; write it like slots=40"),
        ("flask-gunicorn+slots=0", "slots=0 is no whole number from 1 on"),
        ("flask-gunicorn+slots=-8", "slots=-8 is no whole number from 1 on"),
        ("flask-gunicorn+slots", "slots= is no whole number from 1 on"),
        ("flask-gunicorn+", "there is no setting ''; choose from"),
        ("flask-gunicorn+slots=40", "flask-gunicorn has slots=40 already; leave it out"),
        ("flask-gunicorn+slots=8+slots=9", "names a setting twice"),
        ("flask-gunicorn+python=one+python=two", "names a Python twice"),
        ("flask-gunicorn+python=debian:trixie-slim", "flask-gunicorn has python=debian:trixie-slim already"),
        ("flask-gunicorn+python=some.where/python:3.14", "python=some.where/python:3.14 is no image; write it like python=python:3"),
        ("express+python=python:3.14", "express has no Python; leave python= out"),
        ("flask-sync+slots=8", "flask-sync has slots=1, whatever is asked for: the sync worker takes one request at a time"),
        ("express+slots=8", "express has slots=none, whatever is asked for: before libuv"),
    ],
)  # fmt: skip
def test_what_a_stack_cannot_be_asked_for_is_refused_with_the_choices(name: str, complaint: str) -> None:
    with pytest.raises(LabError, match=complaint):
        PROJECT.with_variants([name])


def test_a_variant_may_have_the_python_of_another_image() -> None:
    name = "flask-gunicorn+slots=8+python=python:3.14-slim"
    project = PROJECT.with_variants([name, "flask-gunicorn+slots=8"])
    assert project.services[name].variables["LAB_BASE_IMAGE"] == "python:3.14-slim"
    assert str(project.services[name].image).endswith("-python-3-14-slim-flask")
    assert differing(project.stacks[name], project.stacks["flask-gunicorn+slots=8"]) == ("python",)
    arm = arm_of(f"{name}@aa", project.services)
    with pytest.raises(
        LabError, match=r"slots=8.* asks for the Python of an image, and processes have none: use RUNTIME=docker"
    ):
        auto.runtime(project, "process").prepare([], [arm])


def test_a_variant_of_no_stack_is_refused_as_any_other_name_and_the_choices_have_no_variants() -> None:
    project = PROJECT.with_variants(["nope+slots=8", ONE])
    with pytest.raises(LabError, match="There is no stack 'nope") as raised:
        selection.stacks(["nope+slots=8"], project.stacks)
    assert ONE not in str(raised.value)
    assert ONE not in [one.name for one in selection.stacks(["all"], project.stacks)]


def test_a_service_that_writes_a_value_of_its_own_cannot_be_asked_for_another() -> None:
    service = Service(name="one", command=("x",), environment={"LAB_SLOTS": "40"})
    with pytest.raises(
        LabError, match=r"one\+slots=8: in docker-compose.yml one has LAB_SLOTS=40, whatever is asked for"
    ):
        refuse_literals("one+slots=8", service, {"slots": 8})


def test_variants_and_their_aa_arms_have_ports_and_projects_of_their_own() -> None:
    names = ["flask-gunicorn", ONE, "flask-gunicorn+slots=80", "fastapi-uvicorn+slots=80"]
    project = PROJECT.with_variants(names)
    arms = [arm_of(label, project.services) for name in names for label in (name, f"{name}@aa")]
    assert len({arm.port for arm in arms}) == len(arms)
    assert {docker._project_of(arm).removeprefix(COMPOSE_PROJECT) for arm in arms} == {
        "", "-aa", "-slots-200", "-slots-200-aa", "-slots-80", "-slots-80-aa",
    }  # fmt: skip
    twin = arms[names.index(ONE) * 2 + 1]
    assert (twin.label, twin.service, twin.variables["LAB_SLOTS"]) == (f"{ONE}@aa", "flask-gunicorn", "200")
    assert twin.variables["LAB_ARM"] == "+slots=200@aa"
    assert twin.variables["LAB_PORT"] == str(twin.port)


def test_more_variants_than_there_are_ports_for_are_refused() -> None:
    PROJECT.with_variants([f"flask-gunicorn+slots={number}" for number in range(1, 13)])
    with pytest.raises(LabError, match="13 variants are too many for one run: name 12 at most"):
        PROJECT.with_variants([f"flask-gunicorn+slots={number}" for number in range(1, 14)])


def test_a_variant_is_no_baseline_where_its_stack_is_measured_too() -> None:
    project = PROJECT.with_variants(["fastapi-uvicorn+workers=2"])
    assert [one.name for one in project.stacks.values() if one.baseline] == ["fastapi-uvicorn"]


def test_a_container_may_use_more_with_more_workers_and_slots() -> None:
    project = PROJECT.with_variants(["flask-gunicorn+workers=2+slots=80", "flask-gunicorn+slots=8"])
    more, less = (project.services[name].variables for name in list(project.services)[-2:])
    assert [more[limit] for limit in LIMITS] == ["4096", "2048"]
    assert [less[limit] for limit in LIMITS] == ["1024", "512"]


def test_a_budget_for_all_changes_every_stack_and_no_name() -> None:
    project = PROJECT.with_budget({"slots": 200, "workers": 2, "db_pool": 20})
    assert project.budget == {"slots": 200, "workers": 2}
    assert list(project.stacks) == list(PROJECT.stacks)
    assert {(one.budget["slots"], one.budget["workers"]) for one in project.stacks.values()} == {(200, 2)}
    assert "--threads 200" in " ".join(project.services["flask-gunicorn"].command)
    assert project.stacks["flask-sync"].exceptions["slots"].value == 1
    assert {project.variables[limit] for limit in LIMITS} == {"10240", "5120"}
    assert Project.here({"slots": 40}).budget == {}


def test_a_variant_may_have_the_usual_value_where_all_others_have_another() -> None:
    project = PROJECT.with_budget({"slots": 200}).with_variants(["flask-gunicorn+slots=40"])
    assert "--threads 40" in " ".join(project.services["flask-gunicorn+slots=40"].command)
    with pytest.raises(LabError, match="has slots=200 already"):
        PROJECT.with_budget({"slots": 200}).with_variants([ONE])


@pytest.mark.parametrize(
    ("here", "fix"),
    [
        ((0, 1, 2), r"Name 3 of the CPUs 0,1,2 in LAB_SERVER_CPUS \(the generator shares them if none is left\), or ask for fewer"),
        ((0, 1), r"There are 2 CPUs here: ask for fewer workers"),
    ],
)  # fmt: skip
def test_more_workers_than_the_server_has_cpus_are_refused(
    monkeypatch: pytest.MonkeyPatch, here: tuple[int, ...], fix: str
) -> None:
    monkeypatch.setattr(variants, "usable", lambda: here)
    alone = f"3 workers, and the server under test has CPU 0,1 alone. {fix}"
    with pytest.raises(LabError, match=rf"^flask-gunicorn\+workers=3 asks for {alone}"):
        PROJECT.with_variants(["flask-gunicorn+workers=3"])
    with pytest.raises(LabError, match=f"^The budget asks for {alone}"):
        PROJECT.with_budget({"workers": 3})


def test_more_connections_than_the_database_takes_are_refused() -> None:
    database = PROJECT.services[DATABASE]
    usual = list(PROJECT.stacks.values())
    selection.refuse_connections([*usual, PROJECT.stacks["fastapi-uvicorn"]], database)
    wide = PROJECT.with_budget({"db_pool": 50}).stacks.values()
    with pytest.raises(LabError, match=r"have \d+ connections to PostgreSQL together, .* it takes 990"):
        selection.refuse_connections(wide, database)


def test_a_resumed_run_keeps_its_budget_and_refuses_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {
        "profile": selection.profile(LOADTESTS, "quick").model_dump(mode="json"),
        "runtime": "process",
        "stacks": [{"name": "fastapi-uvicorn"}],
    }
    run = store.RunFolder(tmp_path / "it")
    run.create()
    run.write_run(facts | {"budget": {"slots": 200}, "ended_at": None})
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    kept: list[Project] = []

    def changed_since(_: object, project: Project) -> str:
        kept.append(project)
        return "another machine"

    monkeypatch.setattr(bench, "changed_since", changed_since)
    words: list[dict[str, int]] = [{}, {"slots": 200}]
    for budget in words:
        with pytest.raises(LabError, match="was begun with another machine"):
            bench.bench("", "", "", "", "it", None, {}, budget)
    assert [project.budget for project in kept] == [{"slots": 200}] * 2
    for name, begun in (("SLOTS", 200), ("DB_POOL", 20)):
        with pytest.raises(LabError, match=f"The run it was begun with {name}={begun}: leave {name} out to resume it"):
            bench.bench("", "", "", "", "it", None, {}, {name.lower(): 60})


def test_a_run_whose_variant_did_not_get_what_it_asked_for_measures_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = SERVICES["b"].model_copy(update={"budget": {"LAB_SLOTS": 8}, "variables": {"LAB_SLOTS": "8"}})
    monkeypatch.setitem(SERVICES, "b", asked)
    world = FakeWorld()
    world.settings = {"slots": Setting(value=40, source="read")}
    ran = playing.play(tmp_path / "run", world)
    assert ran.error.startswith("b asks for slots=8, and runs with 40 (read)")
    assert ran.outcomes == ()


def of_slots(name: str, slots: int, **more: object) -> Stack:
    return stack(name, framework="F", model="threads", handlers="sync", budget={"slots": slots, "workers": 1}, **more)


def report(folder: Path, stacks: list[Stack], **facts: object) -> str:
    outcomes = [
        sample(trial(stack=one.name, block=block), rps=speed * (1 + block / 1_000))
        for block in range(6)
        for speed, one in zip((1000, 1900), stacks, strict=True)
    ]
    return markdown.render(
        contents.of(view_of(write_run(folder, run_facts(stacks, [scenario()], 6, **facts), outcomes)))
    )


def test_a_report_names_the_changed_setting_as_the_factor(tmp_path: Path) -> None:
    text = report(tmp_path / "run", [of_slots("a", 40), of_slots("a+slots=200", 200)])
    assert "slots: 200 instead of 40, a, json at 8 users: 1.90 times the throughput (" in text
    assert "a+slots=200 against a" in text


def test_a_report_says_what_was_changed_for_all_and_repeats_it(tmp_path: Path) -> None:
    stacks = [of_slots("a", 200), of_slots("b", 200)]
    text = report(tmp_path / "run", stacks, budget={"slots": 200, "workers": 2})
    assert "The equal budget is changed: every stack has slots=200 and workers=2 where it can." in text
    assert "SLOTS=200 WORKERS=2" in text


@pytest.mark.parametrize(("others", "said"), [([0, 1], True), ([1], True), ([2], False)])
def test_a_report_says_that_server_and_generator_shared_cpus(tmp_path: Path, others: list[int], said: bool) -> None:
    plan = {"server": [0, 1], "others": others}
    text = report(tmp_path / "run", [of_slots("a", 40), of_slots("b", 40)], cpu_plan=plan)
    assert ("Server and generator shared CPU" in text) is said
