"""What a run's report and its last lines on the terminal say: derived once, shown by both."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf

from lab.analysis.summary import Judged
from lab.model.outcome import Failure, Outcome
from lab.model.stack import NOT_OPTIMIZED
from lab.model.workload import Scenario
from lab.paths import RESULTS
from lab.report import noisy_blocks, resolution, settings_table, short
from lab.report.derive import Findings
from lab.report.read import Run
from lab.report.section import Line, Section, headline

_NAMED = 4
"""So many stacks are named in the title."""
_RANK = {"valid": 0, "failed": 1, "invalid": 2}


@dataclass(frozen=True)
class View:
    """A whole report."""

    run: Run
    findings: Findings

    @cached_property
    def sections(self) -> list[Section]:
        return [
            self._section(scenario, str(load)) for scenario in self.run.scenarios for load in self.run.profile.loads
        ]

    def _section(self, scenario: Scenario, load: str) -> Section:
        cells = [cell for cell in self.findings.cells if (cell.scenario, cell.load) == (scenario.id, load)]
        rows = [row for row in self.findings.comparisons if (row.scenario, row.load) == (scenario.id, load)]
        metric = headline(load)
        against = {row.stack: row for row in rows if row.metric == metric}
        base = next((cell for cell in cells if cell.stack == self.run.baseline), None)
        lines = [Line(cell, against.get(cell.stack), base) for cell in cells]
        return Section(
            scenario=scenario,
            load=load,
            lines=tuple(sorted(lines, key=_best_first)),
            not_supported=self._not_supported(scenario),
            comparisons=tuple(row for row in rows if not row.is_aa),
            aa=tuple(row for row in rows if row.is_aa),
            metric=metric,
            warmup_s=self.run.profile.warmup_s,
            costs={
                (cost.stack, cost.role): cost
                for cost in self.findings.costs
                if (cost.scenario, cost.load) == (scenario.id, load)
            },
        )

    def _not_supported(self, scenario: Scenario) -> dict[str, str]:
        reasons = {stack.name: stack.why_omitted(scenario.path) for stack in self.run.stacks}
        return {stack: reason for stack, reason in reasons.items() if reason is not None}

    @cached_property
    def blocks_measured(self) -> int:
        """Return the number of blocks in which every planned trial ended in some outcome."""
        sizes = Counter(judged.trial.block for judged in self.findings.trials)
        whole = self.run.facts.get("trials_per_block", max(sizes.values(), default=0))
        return sum(size == whole for size in sizes.values())

    @cached_property
    def partial(self) -> str | None:
        """Say why this is no whole run; None where it is one."""
        measured, planned = self.blocks_measured, self.run.profile.blocks
        if measured >= planned and self.run.facts.get("ended_at", ""):
            return None
        return f"Partial run: {measured} of at least {planned} blocks were measured whole before it was stopped."

    @cached_property
    def resolution(self) -> list[str]:
        """Return the minimum detectable differences of the metrics that decide."""
        return resolution.sentences(self.sections, headlines=True)

    @property
    def title(self) -> str:
        """Name the stacks that are compared; many are counted."""
        names = self.stack_names
        return ", ".join(names) if len(names) <= _NAMED else f"{len(names)} stacks, {len(self.run.scenarios)} scenarios"

    @property
    def stack_names(self) -> list[str]:
        return [stack.name for stack in self.run.stacks]

    def phrases(self, section: Section) -> list[short.Phrase]:
        """Return the short answer of a scenario."""
        return short.phrases(section, self.compared)

    @property
    def compared(self) -> list[str]:
        return [stack.name for stack in self.run.stacks if stack.name != self.run.baseline]

    @property
    def not_valid(self) -> list[Judged]:
        return [judged for judged in self.findings.trials if judged.verdict.result != "valid"]

    @cached_property
    def warnings(self) -> list[str]:
        return list(self._warnings())

    def _warnings(self) -> Iterator[str]:
        if self.partial:
            yield self.partial
        yield from settings_table.unequal(self.run)
        if again := len(self.run.outcomes) - len(self.findings.trials):
            yield f"{again} trials of interrupted or noisy blocks were measured again; the last whole attempt counts."
        yield from noisy_blocks.warnings(self.run.blocks)
        if self.run.cut_lines:
            yield f"{self.run.cut_lines} line(s) of the run's files were cut off by a kill and are left out."
        yield from self.run.damaged
        if (self.run.facts.get("git") or {}).get("dirty"):
            yield "The checkout had uncommitted changes: the recorded commit is not exactly what was measured."
        if (
            self.run.facts.get("runtime") == "process"
            and self.run.facts.get("machine", {}).get("python_build") == NOT_OPTIMIZED
        ):
            yield f"The stacks ran on a Python that was built {NOT_OPTIMIZED}: one that was built with them is faster."
        for section in self.sections:
            for row in section.aa:
                if row.verdict == "different":
                    yield f"{section.title}: the baseline came out different from itself; distrust these verdicts."

    @property
    def glossary(self) -> str:
        """Return the address of the glossary, from the run's folder; a run outside of results/ has it as if it were inside."""
        folder = self.run.folder
        depth = len(folder.relative_to(RESULTS).parts) if folder.is_relative_to(RESULTS) else 1
        return f"{'../' * (depth + 1)}docs/glossary.md"

    @property
    def command(self) -> str:
        """Return the command that repeats such a run."""
        words_ = {
            "PROFILE": self.run.profile.name,
            "STACKS": ",".join(stack.name for stack in self.run.stacks),
            "SCENARIOS": _quoted(",".join(scenario.id for scenario in self.run.scenarios)),
            "RUNTIME": self.run.facts.get("runtime"),
            "SEED": self.run.facts.get("seed"),
        }
        return " ".join(["make bench", *(f"{name}={value}" for name, value in words_.items() if value is not None)])


def _quoted(text: str) -> str:
    """Quote for a shell: a question mark would be a pattern."""
    return f"'{text}'" if "?" in text else text


def log_tail(outcome: Outcome) -> Sequence[str]:
    return outcome.log_tail if isinstance(outcome, Failure) else ()


def _best_first(line: Line) -> tuple[int, float, str]:
    """Rank by throughput; where the rate was given, by p99. Failed comes after valid, invalid last."""
    cell = line.cell
    if headline(cell.load) == "p99_ms":
        return _RANK[cell.outcome], cell.amount("p99_ms") or inf, cell.stack
    return _RANK[cell.outcome], -(cell.rps.mean if cell.rps else 0), cell.stack
