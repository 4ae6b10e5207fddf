"""`bench`: a run from the words of a command to a report."""

import contextlib
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.commands import listing
from lab.config import experiments, scenarios, selection
from lab.config.plan import Plan
from lab.config.project import Project
from lab.errors import Exit, LabError
from lab.host import machine
from lab.model.stack import AA
from lab.model.workload import Profile
from lab.paths import LOADTESTS, RESULTS, ROOT, STATE
from lab.run import provenance, store
from lab.run.progress import Reporter
from lab.run.servers import DATABASE
from lab.run.store import RunFolder
from lab.runtime import auto
from lab.runtime.interface import Runtime

if TYPE_CHECKING:
    from lab.report.view import View

DEFAULT_PROFILE = "quick"
MACHINE = ("cpu", "cpus", "system")
"""Facts of the machine that must not change during a run."""


def bench(
    profile: str,
    stacks: str,
    scenario_ids: str,
    runtime: str,
    run: str,
    seed: int | None,
    given: Mapping[str, str],
    budget: Mapping[str, int],
) -> Exit:
    """Measure and report.

    Args:
        profile, runtime: empty means quick and auto, or those of the run that is resumed.
        stacks, scenario_ids: comma-separated; empty means what the profile lists.
        run: name of the run's folder; empty makes a new one, an unfinished one is resumed.
        seed: of the plan; None draws one.
        given: LOADS, WINDOW and BLOCKS instead of the profile's; empty means the profile's.
        budget: setting -> the value that all stacks are to have instead of the equal budget's.

    Raises:
        LabError: something does not exist, or nothing could be started.
    """
    listing.say_ignored()
    project = Project.here(budget)
    folder = store.writable(RESULTS, run or store.new_name(profile or DEFAULT_PROFILE))
    if folder.exists:
        return _resume(folder, profile, stacks, scenario_ids, runtime, given, budget)
    profile, runtime = profile or DEFAULT_PROFILE, runtime or auto.AUTO
    asked = selection.replaced(selection.profile(LOADTESTS, profile), given)
    names = selection.words(stacks)
    asked = selection.named(asked, names)
    project = project.with_variants(asked.all_stacks if asked.is_matrix else names or asked.all_stacks)
    _refuse_unknown(project, asked, stacks, scenario_ids)
    with contextlib.closing(auto.runtime(project, runtime)) as started_by:
        plan, left_out = _plan(project, started_by, asked, stacks, scenario_ids, seed)
        return _run(project, started_by, plan, folder, left_out)


def _refuse_unknown(project: Project, profile: Profile, stacks: str, scenario_ids: str) -> None:
    """Raise LabError for a stack or a scenario that does not exist, before an engine is asked for anything."""
    selection.stacks(selection.words(stacks) or profile.all_stacks, project.stacks)
    scenarios.find(LOADTESTS, selection.words(scenario_ids) or profile.all_scenarios)


def _plan(
    project: Project, runtime: Runtime, profile: Profile, stacks: str, scenario_ids: str, seed: int | None
) -> tuple[Plan, list[str]]:
    """Return the plan, and why it lacks stacks that `all` means."""
    named = selection.words(stacks)
    by_name = bool(named) or not profile.cells
    wanted = scenarios.find(LOADTESTS, selection.words(scenario_ids) or profile.all_scenarios)
    names = selection.needed(profile, wanted, named)
    chosen, left_out = selection.startable(names, project.stacks, runtime.lacks, by_name=by_name)
    asked = selection.with_cells(profile, wanted, chosen)
    plan = selection.plan(profile, chosen, asked, secrets.randbits(31) if seed is None else seed)
    arms = [project.stacks[label.removesuffix(AA)] for label in plan.arms]
    selection.refuse_connections(arms, project.services[DATABASE])
    return plan, left_out


def _resume(
    folder: RunFolder,
    profile: str,
    stacks: str,
    scenario_ids: str,
    runtime: str,
    given: Mapping[str, str],
    budget: Mapping[str, int],
) -> Exit:
    """Resume an unfinished run exactly as it was planned; what is named beside its folder must be the run's."""
    recorded = folder.read_run()
    if recorded.get("ended_at"):
        raise LabError(f"The run {folder.path.name} is finished and is never overwritten: choose another RUN name.")
    if words := [word for word in (stacks, scenario_ids) if word]:
        raise LabError(
            f"An unfinished run is resumed as it was planned: leave {words[0]!r} out, or choose another RUN name."
        )
    names = [stack["name"] for stack in recorded["stacks"]]
    project = Project.here(recorded.get("budget", {})).with_variants(names)
    first = next(iter(project.stacks.values()))  # no variant: those come after the file's stacks
    planned = Profile.model_validate(recorded["profile"])
    begun_with = {"PROFILE": planned.name, "RUNTIME": recorded["runtime"], **planned.words, **first.budget}
    named = {
        "PROFILE": profile,
        "RUNTIME": auto.resolve(runtime) if runtime else "",
        **{name: selection.replaced(planned, given).words[name] for name, text in given.items() if text},
        **budget,
    }
    if other := [name for name, value in named.items() if value and value != begun_with[name]]:
        raise LabError(
            f"The run {folder.path.name} was begun with {other[0].upper()}={begun_with[other[0]]}: "
            f"leave {other[0].upper()} out to resume it, or choose another RUN name."
        )
    if changed := changed_since(recorded, project):
        raise LabError(
            f"The run {folder.path.name} was begun with {changed}: its blocks would not be of one kind. "
            "Go back to that, or choose another RUN name."
        )
    return _as_recorded(recorded, project, folder)


def again(recorded: Mapping[str, Any], folder: RunFolder) -> Exit:
    """Measure what a recorded run measured, with its own plan and seed, into a new folder.

    Raises:
        LabError: a stack or a scenario of the run no longer exists, or nothing could be started.
    """
    names = [stack["name"] for stack in recorded["stacks"]]
    return _as_recorded(recorded, Project.here(recorded.get("budget")).with_variants(names), folder)


def _as_recorded(recorded: Mapping[str, Any], project: Project, folder: RunFolder) -> Exit:
    """Measure the plan of a run, as far as the folder has not got it."""
    planned = Profile.model_validate(recorded["profile"])
    names, ids = (
        ",".join(one[key] for one in recorded[kind]) for kind, key in (("stacks", "name"), ("scenarios", "id"))
    )
    _refuse_unknown(project, planned, names, ids)
    with contextlib.closing(auto.runtime(project, recorded["runtime"])) as started_by:
        plan, left_out = _plan(project, started_by, planned, names, ids, recorded["seed"])
        return _run(project, started_by, plan, folder, left_out)


def changed_since(recorded: Mapping[str, Any], project: Project) -> str:
    """Return what has changed since a run was recorded; empty if nothing has."""
    now = {**provenance.surroundings(project.services), "cpu_plan": project.cpus.model_dump(mode="json")}
    if any(now["machine"].get(fact) != recorded["machine"].get(fact) for fact in MACHINE):
        return "another machine"
    others = {
        "cpu_plan": "another plan of CPUs",
        "git": "another commit, or other uncommitted changes",
        "sha256": "other files (docker-compose.yml, locks)",
    }
    return next((what for name, what in others.items() if now[name] != recorded[name]), "")


def _run(project: Project, runtime: Runtime, plan: Plan, folder: RunFolder, left_out: Sequence[str]) -> Exit:
    from lab.answers.estimate import refuse_unknown  # late: numpy, scipy and psycopg take seconds to import
    from lab.calibrate import result
    from lab.run import session
    from lab.run.context import Context

    with Reporter() as say, store.only_one(STATE):
        say.step(f"Runtime: {runtime.name}. CPUs: server {project.cpus.server}, everything else {project.cpus.others}.")
        if uncalibrated := result.warning(RESULTS, machine.facts()):
            say.step(uncalibrated)
        for reason in left_out:
            say.step(f"Left out: {reason}")
        context = Context(
            plan,
            project.stacks,
            project.services,
            runtime,
            project.cpus,
            folder,
            say,
            budget=project.budget,
            experiments=experiments.declared(LOADTESTS),
        )
        refuse_unknown(context.experiments)
        try:
            whole = session.run(context)
        except LabError as error:
            if not folder.outcomes():
                raise _nothing_measured(str(error), folder) from None
            say.step(f"{error} The measured trials are kept; RUN={folder.path.name} resumes the run.")
            whole = False
    if not folder.outcomes():
        raise _nothing_measured("Interrupted before anything was measured.", folder)
    return report(folder, say, whole)


def report(folder: RunFolder, say: Reporter, whole: bool) -> Exit:
    """Write a run's report and print its findings; name last what was not measured."""
    from lab.report.view import view_of  # late: scipy and Altair take seconds to import
    from lab.report.write import write_report

    shown = view_of(folder.path)
    written = write_report(shown)
    if whole:
        store.point_latest(RESULTS, folder)
    _tell(say, shown, written, whole)
    lacking = [] if whole else [f"the run is not whole; RUN={folder.path.name} resumes it"]
    lacking += shown.run.damaged
    without_numbers = (cell for cell in shown.cells if cell.rps is None)
    lacking += [f"{cell.stack} {cell.scenario} {cell.load} is {cell.outcome}" for cell in without_numbers]
    if lacking:
        say.step(f"Exit status 1, because not all of this run was measured: {'; '.join(lacking)}.")
    return Exit.NOT_ALL_MEASURED if lacking else Exit.DONE


def _tell(say: Reporter, shown: "View", written: Sequence[Path], whole: bool) -> None:
    """Print the overhead, the cells that are not valid, the answer, and the path of the report."""
    from lab.report import answer
    from lab.report.facts import overhead

    costs = overhead(shown.run.facts["overhead"])
    say.step("Beside warm-up and window: " + "; ".join(f"{name} {value}" for name, value in costs) + ".")
    for cell in shown.cells:
        if cell.outcome != "valid":
            say.step(f"{cell.outcome}: {cell.stack} {cell.scenario} {cell.load}: {cell.reason}")
    say.answer(answer.lines(shown))
    for path in written:
        if path.name in ("summary.csv", "report.md", "report.html"):
            say.step(f"{'Report' if whole else 'Partial report'}: {path.relative_to(ROOT)}")


def _nothing_measured(why: str, folder: RunFolder) -> LabError:
    """Remove the folder of a run without trials, keep its logs, and return the error to raise."""
    kept = STATE / "logs" / folder.path.name
    shutil.rmtree(kept, ignore_errors=True)
    wrote = any(log.stat().st_size for log in folder.logs.rglob("*.log"))
    if wrote:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder.logs, kept)
    shutil.rmtree(folder.path, ignore_errors=True)
    why = why.replace(str(folder.logs), str(kept))
    return LabError(f"{why}\nThe logs are in {kept.relative_to(ROOT)}." if wrote else why)
