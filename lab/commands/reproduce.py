"""`reproduce`: re-run a recorded run with its own plan and seed, and say cell by cell whether it agrees."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from lab.analysis.between import spread
from lab.commands import bench
from lab.commands.compare import SPREAD, tell
from lab.config.project import Project
from lab.errors import Exit, LabError
from lab.model.stack import SETTINGS
from lab.paths import RESULTS
from lab.report import compared, held
from lab.report.alike import MACHINE
from lab.report.view import view_of
from lab.run import packs, provenance, store
from lab.run.progress import Reporter


def reproduce(run: str, *, across: bool) -> Exit:
    """Re-run a run and compare the two; exit status 1 where a finding is contradicted or not all was measured.

    Args:
        run: name of a run, or a file of `pack`.
        across: whether the run may be of another machine: then ratios inside each run alone are compared.

    Raises:
        LabError: the run cannot be read or measured here.
    """
    recorded = packs.readable(RESULTS, run)
    facts, first = recorded.read_run(), view_of(recorded.path)
    refuse_unfit(facts)
    project = Project.here(facts.get("budget"))
    now = provenance.surroundings(project.services)
    if (other := different_machine(facts, now)) and not across:
        raise LabError(
            f"{recorded.path.name} was measured on another machine ({other}): ACROSS_MACHINES=1 compares ratios inside each run."
        )
    name = f"reproduce-{recorded.path.resolve().name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    with Reporter() as say:
        for sentence in changed(facts, now):
            say.step(sentence)
    measured = bench.again(facts, store.writable(RESULTS, name))
    second = view_of(RESULTS / name)
    with Reporter() as say:
        tell(say, compared.compared(first, second, spread.known(SPREAD), across=across))
    contradicted = held.contradictions(first, second)
    return Exit.NOT_ALL_MEASURED if contradicted else measured


def refuse_unfit(recorded: Mapping[str, Any]) -> None:
    """Raise unless what no report reads, the budget and the seed, can be measured with: a pack may be anybody's.

    Raises:
        LabError: one of them is not what the lab records.
    """
    budget = recorded.get("budget") or {}
    if not all(name in SETTINGS and type(value) is int for name, value in budget.items()):
        raise LabError(f"The run's budget cannot be read: settings are {', '.join(SETTINGS)}, each a whole number.")
    if type(recorded.get("seed")) is not int:
        raise LabError("The run has no seed, so its plan cannot be made again.")


def different_machine(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return what of the machine differs; empty where it is of the same kind."""
    then, here = recorded.get("machine", {}), now["machine"]
    return next(
        (
            f"{name} {then.get(fact)}, here {here.get(fact)}"
            for fact, name in MACHINE.items()
            if then.get(fact) != here.get(fact)
        ),
        "",
    )


def changed(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield what else than the machine differs from when the run was recorded: its commit, and the versions it locked."""
    then, here = recorded.get("git") or {}, now.get("git") or {}
    if then.get("commit") != here.get("commit"):
        yield f"The run was of commit {str(then.get('commit'))[:12]}; this is {str(here.get('commit'))[:12]}. Differences may come from that."
    if then.get("dirty") or here.get("dirty"):
        yield "One of the two checkouts had uncommitted changes."
    files = {
        name for name, digest in (recorded.get("sha256") or {}).items() if now["sha256"].get(name) not in (None, digest)
    }
    if files:
        yield f"These files differ from the run's: {', '.join(sorted(files))}."
