"""Everything that follows from a run's originals: what each trial counts as, the cells, the comparisons."""

from collections.abc import Mapping
from dataclasses import dataclass

from lab.analysis import summary
from lab.analysis.comparison.rows import Comparison, compare
from lab.analysis.costs import Cost
from lab.analysis.summary import Judged
from lab.analysis.validity.limits import Limits, limits_of
from lab.model.cell import Cell
from lab.model.effective import recorded
from lab.model.stack import AA
from lab.report.read import Run


@dataclass(frozen=True)
class Findings:
    """What a run found; the A/A arms are among the trials and the comparisons, not among the cells."""

    trials: tuple[Judged, ...]
    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    costs: tuple[Cost, ...]


def derive(run: Run) -> Findings:
    trials = judged(run)
    cells = summary.cells(trials)
    return Findings(
        trials=tuple(trials),
        cells=tuple(cell for cell in cells if not cell.stack.endswith(AA)),
        comparisons=tuple(compare(summary.observations(trials, cells), run.baseline)),
        costs=tuple(cost for cost in summary.costs(trials, cells) if not cost.stack.endswith(AA)),
    )


def judged(run: Run) -> list[Judged]:
    """Return the trials that count with their verdicts."""
    limits = _limits(run)
    return summary.judged(run.outcomes, lambda trial: limits[trial.stack.removesuffix(AA), trial.scenario])


def _limits(run: Run) -> Mapping[tuple[str, str], Limits]:
    settings, cpu_plan = recorded(run.facts), run.facts.get("cpu_plan", {})
    return {
        (stack.name, scenario.id): limits_of(stack, scenario, settings.get(stack.name, {}), cpu_plan)
        for stack in run.stacks
        for scenario in run.scenarios
    }
