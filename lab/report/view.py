"""What follows from a run's originals: what each trial counts as, the cells, the comparisons, and what a report says of them."""

import shlex
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from math import inf
from pathlib import Path

from lab.analysis import summary
from lab.analysis.columns import Cost
from lab.analysis.comparison.contrasts import differences
from lab.analysis.comparison.rows import Comparison, compare
from lab.analysis.mixed import Influence, influences, with_portions
from lab.analysis.summary import Judged
from lab.analysis.validity.limits import Limits
from lab.answers.crossover import Crossover, Measured, measured
from lab.answers.decide import Answer, decided
from lab.answers.estimate import Material
from lab.answers.service_level import found_in
from lab.model import mixtures
from lab.model.cell import Cell
from lab.model.outcome import Outcome, Role, Sample
from lab.model.stack import AA, SETTINGS
from lab.model.workload import Scenario, Trial
from lab.paths import ROOT
from lab.report.levels import Capacity
from lab.report.read import Run, read
from lab.report.section import Chapter, Line, Section, chapters, headline

_NAMED = 4
"""So many stacks are named in the title."""
_DEPTH = 2
"""Of the folder of a run in results/."""
_RANK = {"valid": 0, "failed": 1, "invalid": 2}


@dataclass(frozen=True)
class View:
    """A whole report; the A/A arms are among the trials and the comparisons, not among cells and costs."""

    run: Run

    @cached_property
    def trials(self) -> list[Judged]:
        """Return the trials that count with their verdicts."""
        return summary.judged(with_portions(self.run.outcomes, self.run.scenarios), self._limits)

    @cached_property
    def measured(self) -> list[Judged]:
        """Return those that were measured, without what single scenarios of mixtures did in them."""
        return [one for one in self.trials if one.trial.scenario not in self._alone]

    def _limits(self, trial: Trial) -> Limits:
        """Return what a trial could do at most; the slots of a scenario beside others are theirs too."""
        known = self.run.limits[trial.stack.removesuffix(AA)]
        alone = self._alone.get(trial.scenario)
        return known[alone].model_copy(update={"slots": None}) if alone else known[trial.scenario]

    @cached_property
    def _alone(self) -> dict[str, str]:
        """Return for each scenario beside others the id that it has on its own."""
        return {
            portion.beside.id: portion.alone.id
            for row in self._asked
            for portion in mixtures.portions(*row)
            if portion.beside is not row.scenario
        }

    @cached_property
    def all_cells(self) -> list[Cell]:
        return summary.cells(self.trials)

    @cached_property
    def cells(self) -> list[Cell]:
        return [cell for cell in self.all_cells if not cell.stack.endswith(AA)]

    def trials_of(self, cell: Cell) -> list[Judged]:
        """Return the trials of a cell, block by block, whatever they count as."""
        return self._by_cell[cell.scenario, cell.load, cell.stack]

    def samples(self, cell: Cell) -> list[Sample]:
        """Return the samples that a cell's figures are of: of the baseline, those of a valid A/A arm too."""
        arms = [cell.stack]
        if (cell.scenario, cell.load, cell.stack + AA) in self._valid:
            arms.append(cell.stack + AA)
        found = (judged.sample for arm in arms for judged in self._by_cell[cell.scenario, cell.load, arm])
        return [sample for sample in found if sample]

    @cached_property
    def _valid(self) -> set[tuple[str, str, str]]:
        return {(cell.scenario, cell.load, cell.stack) for cell in self.all_cells if cell.valid}

    @cached_property
    def _by_cell(self) -> dict[tuple[str, str, str], list[Judged]]:
        found: dict[tuple[str, str, str], list[Judged]] = defaultdict(list)
        for judged in self.trials:
            found[judged.key].append(judged)
        return found

    @cached_property
    def comparisons(self) -> list[Comparison]:
        differing = differences(self.run.stacks, self.run.baseline)
        return compare(summary.observations(self.trials, self.all_cells), self.run.baseline, differing)

    @cached_property
    def influences(self) -> list[Influence]:
        return influences(self.trials, self._asked, self.stack_names)

    @cached_property
    def costs(self) -> list[Cost]:
        return summary.costs(self.trials, self.cells)

    @cached_property
    def answers(self) -> list[Answer]:
        """Return every statement that the run declares, with its verdict."""
        trials: dict[tuple[str, str, str], list[Judged]] = defaultdict(list)
        for one in self.trials:
            trials[one.trial.stack, one.trial.scenario, str(one.trial.load)].append(one)
        material = Material(
            trials=trials,
            cells={(cell.stack, cell.scenario, cell.load): cell for cell in self.all_cells},
            scenarios=mixtures.all_of(self.run.scenarios),
            stacks={stack.name: stack for stack in self.run.stacks},
            micro=self.run.micro,
        )
        return [decided(experiment, material) for experiment in self.run.experiments]

    @cached_property
    def crossover(self) -> Crossover | None:
        """Return the law of threads against coroutines with its points; None where the run has too few of them."""
        return Crossover.of(self.points)

    @cached_property
    def points(self) -> tuple[Measured, ...]:
        """Return the cells that are points of that law."""
        scenarios = {scenario.id: scenario for scenario in self.run.scenarios}
        return measured(self.cells, scenarios, {stack.name: stack for stack in self.run.stacks})

    @cached_property
    def sections(self) -> list[Section]:
        """Return a section for each scenario and load; the points of a grid have a map in their place."""
        profile, measured = self.run.profile, {(cell.scenario, cell.load) for cell in self.cells}
        in_map = profile.of_cells if profile.grid and self.crossover else {}
        return [
            self._section(scenario, str(load))
            for scenario, load in mixtures.shown(self._asked)
            if scenario.id not in in_map and (profile.is_matrix or (scenario.id, str(load)) in measured)
        ]

    @property
    def _asked(self) -> list[mixtures.Row]:
        return mixtures.asked(self.run.profile, self.run.scenarios)

    @cached_property
    def chapters(self) -> list[Chapter]:
        return chapters(self.sections)

    @cached_property
    def capacities(self) -> list[Capacity]:
        """Return the capacity of each stack in each scenario that the run searched."""
        limit_ms, found = self.run.profile.capacity_p99_ms, defaultdict[tuple[str, str], list[Outcome]](list)
        for one in self.run.searched:
            found[one.trial.scenario, one.trial.stack].append(one)
        return [
            Capacity(stack, scenario, *found_in(outcomes, self._limits, limit_ms))
            for (scenario, stack), outcomes in sorted(found.items())
            if limit_ms is not None
        ]

    def _section(self, scenario: Scenario, load: str) -> Section:
        cells = [cell for cell in self.cells if (cell.scenario, cell.load) == (scenario.id, load)]
        rows = [row for row in self.comparisons if (row.scenario, row.load) == (scenario.id, load)]
        metric = headline(load)
        against = {row.stack: row for row in rows if row.metric == metric and row.baseline == self.run.baseline}
        base = next((cell for cell in cells if cell.stack == self.run.baseline), None)
        costs: dict[str, dict[Role, Cost]] = defaultdict(dict)
        for cost in self.costs:
            if (cost.scenario, cost.load) == (scenario.id, load):
                costs[cost.stack][cost.role] = cost
        lines = [Line(cell, against.get(cell.stack), base, costs[cell.stack]) for cell in cells]
        return Section(
            scenario=scenario,
            load=load,
            lines=tuple(sorted(lines, key=_best_first)),
            not_supported=self._not_supported(scenario),
            comparisons=tuple(row for row in rows if not row.is_aa),
            aa=tuple(row for row in rows if row.is_aa),
            metric=metric,
            warmup_s=self.run.profile.warmup_s,
        )

    def _not_supported(self, scenario: Scenario) -> dict[str, str]:
        asked = [stack for stack in self.run.stacks if stack.name in self._of_matrix]
        reasons = {stack.name: stack.why_omitted(*scenario.paths) for stack in asked}
        return {stack: reason for stack, reason in reasons.items() if reason is not None}

    @property
    def title(self) -> str:
        """Name the stacks that are compared; many are counted."""
        names = self.stack_names
        return ", ".join(names) if len(names) <= _NAMED else f"{len(names)} stacks, {len(self.run.scenarios)} scenarios"

    @property
    def stack_names(self) -> list[str]:
        return [stack.name for stack in self.run.stacks]

    @property
    def compared(self) -> list[str]:
        return [name for name in self.stack_names if name != self.run.baseline]

    @property
    def _of_matrix(self) -> list[str]:
        profile = self.run.profile
        return [name for name in self.stack_names if profile.is_matrix and name not in profile.only_of_cells]

    @property
    def glossary(self) -> str:
        """Return the address of the glossary, from the run's folder; a run outside of the checkout has it as if it were in results/."""
        folder = self.run.folder
        depth = len(folder.relative_to(ROOT).parts) if folder.is_relative_to(ROOT) else _DEPTH
        return f"{'../' * depth}docs/glossary.md"

    @property
    def command(self) -> str:
        """Return the command that repeats such a run; whatever a run of somebody else says, it is one command."""
        profile = self.run.profile
        words_: dict[str, object] = {
            "PROFILE": profile.name,
            **{name: profile.words[name] for name in profile.replaced},
            **self._choice,
            **{name.upper(): value for name, value in self.run.facts.get("budget", {}).items() if name in SETTINGS},
            "RUNTIME": self.run.facts.get("runtime"),
            "SEED": self.run.facts.get("seed"),
        }
        told = (f"{name}={_quoted(str(value))}" for name, value in words_.items() if value is not None)
        return " ".join(["make bench", *told])

    @property
    def _choice(self) -> dict[str, object]:
        """Return the words for stacks and scenarios; none where a profile without a matrix had all of its own."""
        ids, profile = [scenario.id for scenario in self.run.scenarios], self.run.profile
        names = self._of_matrix or self.stack_names
        chosen = {"STACKS": (names, profile.all_stacks), "SCENARIOS": (ids, profile.all_scenarios)}
        return {
            word: ",".join(names)
            for word, (names, own) in chosen.items()
            if profile.is_matrix or set(names) != set(own)
        }


def _quoted(text: str) -> str:
    """Quote for a shell, and for make, which would call what is in `$(shell …)`."""
    return shlex.quote(text.replace("$", "$$"))


def _best_first(line: Line) -> tuple[int, float, str]:
    """Rank by throughput; where the rate was given, by p99. Failed comes after valid, invalid last."""
    cell = line.cell
    if headline(cell.load) == "p99_ms":
        return _RANK[cell.outcome], cell.amount("p99_ms") or inf, cell.stack
    return _RANK[cell.outcome], -(cell.rps.mean if cell.rps else 0), cell.stack


def view_of(folder: Path) -> View:
    """Return what follows from the originals in a run's folder.

    Raises:
        LabError: the originals are missing or broken, or a newer lab wrote them.
    """
    return View(read(folder))
