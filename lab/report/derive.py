"""Everything that follows from a run's originals: what each trial counts as, the cells, the comparisons."""

from dataclasses import dataclass

from lab.analysis import summary
from lab.analysis.columns import Cost
from lab.analysis.comparison.rows import Comparison, compare
from lab.analysis.summary import Judged
from lab.model.cell import Cell
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
    return summary.judged(run.outcomes, lambda trial: run.limits[trial.stack.removesuffix(AA)][trial.scenario])
