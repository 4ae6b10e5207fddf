"""`readme`: write the tables in README, docs and results/README.md that follow from something else; a test compares them.

What a committed run says stands between `<!-- run results/reference/<name> -->` and `<!-- /run -->`, what the columns of a
derived file mean between `<!-- columns <file> -->` and `<!-- /columns -->`, the factors of every stack between
`<!-- stacks -->` and `<!-- /stacks -->`, and the table of a run's contrasts between `<!-- contrasts <run> -->` and `<!-- /contrasts -->`,
of some with `<!-- contrasts <run> <factors> <scenarios> -->`, each with commas. `<!-- cells <run> <columns> -->` (until `<!-- /cells -->`) has
every cell of a run with these columns of summary.csv, and `<!-- table <run> <heading> -->` the table of a section of its report.
`<!-- differing <run> <other run> -->` has the statements on which another run has another verdict.
`<!-- advised <run> <fresh run> -->` has the advice of a run on the points of another.
`<!-- micro <run> -->` has the answer and the steps of micro benchmarks.
`<!-- bounds -->` has what each bound of a cell means.
`<!-- targets -->` has the targets of the Makefile, and `<!-- commands -->` the help text of every command.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill

from lab.analysis import columns, micro
from lab.analysis.validity.bounds import MEANING
from lab.commands import help_texts
from lab.config.project import Project
from lab.errors import Exit, LabError
from lab.model.loads import Family, Load
from lab.model.stack import FACTORS
from lab.paths import ROOT
from lab.report import checked, effects, ladder, statements, words
from lab.run.store import RunFolder

Row = Mapping[str, str]
HEAD = 2
"""Lines of the head of a table."""
FIRST = 3
"""Columns of a table of contrasts before those of the scenarios."""
WIDTH = 150
"""Characters of a line of a document."""
WRITERS: Mapping[str, Callable[[str, str], str]] = {
    "columns": lambda file, _: _meanings(file),
    "stacks": lambda *_: _stacks(),
    "contrasts": lambda run, names: contrast_table(ROOT / run, *(part.split(",") for part in names.split())),
    "cells": lambda run, names: cells(ROOT / run, names.split(",")),
    "table": lambda run, heading: report_table(ROOT / run, heading),
    "differing": lambda run, other: differing(ROOT / run, ROOT / other),
    "advised": lambda run, fresh: advised(ROOT / run, ROOT / fresh),
    "micro": lambda run, _: "".join(f"{line}\n" for line in ladder.table(micro.original(ROOT / run))),
    "bounds": lambda *_: _bounds(),
    "targets": lambda *_: help_texts.targets(),
    "commands": lambda *_: help_texts.commands(),
    "run": lambda run, _: table(ROOT / run),
}
"""Word of a marker -> what writes its text, from the first word behind it and from the rest."""
_MARKED = re.compile(
    rf"(<!-- (?P<word>{'|'.join(WRITERS)})(?: (?P<rest>[^>]+?))? -->\n).*?(?P<end><!-- /(?P=word) -->)", re.DOTALL
)


def readme() -> Exit:
    """Write all these tables again."""
    for path in quoting_files():
        path.write_text(quoted(path.read_text()))
    return Exit.DONE


def quoting_files() -> list[Path]:
    """Return the files that may have such tables."""
    return [ROOT / "README.md", ROOT / "results/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def quoted(text: str) -> str:
    """Return the text with every table as the runs, the registry of columns and docker-compose.yml have it.

    Raises:
        LabError: it quotes a run that is not there.
    """
    return _MARKED.sub(lambda match: match[1] + _written(match["word"], match["rest"] or "") + match["end"], text)


def _written(word: str, rest: str) -> str:
    """Return the text that a marker asks for."""
    first, _, others = rest.partition(" ")
    return WRITERS[word](first, others)


def _stacks() -> str:
    """Return every stack with its factors; a factor is empty where the server leaves no choice."""
    stacks = Project.here().stacks.values()
    rows = (" | ".join([stack.name, *(stack.factors.get(factor, "") for factor in FACTORS)]) for stack in stacks)
    return "\n".join(
        [f"| stack | {' | '.join(FACTORS)} |", "| --- " * (1 + len(FACTORS)) + "|", *(f"| {row} |" for row in rows), ""]
    )


def _bounds() -> str:
    """Return what may limit a cell, with what it means."""
    rows = (f"| {bound} | {meaning} |" for bound, meaning in MEANING.items())
    return "\n".join(["| Bound by | Meaning |", "| --- | --- |", *rows, ""])


def _meanings(file: str) -> str:
    """Return the columns of a derived file, with what each means."""
    found = {
        "summary.csv": {", ".join(column.names): column.meaning for column in columns.COLUMNS},
        "costs.csv": {column.name: column.meaning for column in columns.COSTS},
        "comparisons.csv": columns.COMPARISONS,
    }
    rows = (f"| {names} | {meaning} |" for names, meaning in found[file].items())
    return "\n".join(["| Column | Meaning |", "| --- | --- |", *rows, ""])


def table(run: Path) -> str:
    """Return when and where a run was made, its contrasts, and its cells: throughput under closed, latency under open load."""
    found = _summary(run)
    name = run.relative_to(ROOT)
    origin = f"{_measured(run, found)}\nThe run: [{name}]({name}/report.md)."
    return "\n".join([origin, "", *contrasts(run, _load(found, "closed")), *_lines(found), ""])


def _summary(run: Path) -> list[Row]:
    """Return the cells of a run, as summary.csv has them."""
    try:
        with (run / "summary.csv").open(newline="") as rows:
            return list(csv.DictReader(rows))
    except FileNotFoundError:
        raise LabError(f"{run} has no summary.csv: `make report` derives it.") from None


def cells(run: Path, wanted: Sequence[str]) -> str:
    """Return when and where a run was made, and every cell with these columns of summary.csv, an interval beside its estimate."""
    found = _summary(run)
    shown = [column for column in columns.COLUMNS if column.name in wanted]
    heads = (
        f"{column.title} {column.unit.partition(',')[0]}".strip() if column.title else column.name for column in shown
    )
    lines = (
        " | ".join([row["scenario"], row["load"], row["stack"], *(_with_interval(row, column) for column in shown)])
        for row in sorted(
            found, key=lambda row: (row["scenario"], Load.model_validate(row["load"]).amount, row["load"])
        )
    )
    table = [
        f"| scenario | load | stack | {' | '.join(heads)} |",
        "| --- " * (3 + len(shown)) + "|",
        *(f"| {line} |" for line in lines),
    ]
    return "\n".join([_measured(run, found), "", *table, ""])


def _with_interval(row: Row, column: columns.Column) -> str:
    if column.measure is None:
        return row[column.name]
    estimate, *bounds = (_short(row[name]) for name in column.names)
    return f"{estimate} ({' to '.join(bounds)})" if all(bounds) and bounds else estimate


def advised(run: Path, fresh: Path) -> str:
    """Return how the advice of a run compares with what another one measured."""
    from lab.report.view import view_of  # late: scipy takes seconds to import

    known, found = view_of(run), view_of(fresh)
    if known.crossover is None:
        raise LabError(f"{run} has too few points of wait and CPU time.")
    told, *lines = checked.table(checked.checked(known.crossover, found.points))
    return "\n".join([_measured(fresh, _summary(fresh)), "", fill(told, WIDTH), *lines, ""])


def report_table(run: Path, heading: str) -> str:
    """Return the table of a section of a run's report.

    Raises:
        LabError: the report has no such section.
    """
    lines = [line for line in _section(run, heading) if line.startswith("|")]
    if not lines:
        raise LabError(f"{run}/report.md has no table under {heading!r}.")
    return "".join(f"{line}\n" for line in lines)


def differing(run: Path, other: Path) -> str:
    """Return the table of another run's verdicts, of statements on which the first one has another verdict."""
    first, second = (report_table(one, statements.ANSWERS).splitlines(keepends=True) for one in (run, other))
    known = dict(map(_statement, first))
    return "".join(
        line for line in second if known.get(_statement(line)[0]) != _statement(line)[1] or line in second[:HEAD]
    )


def _statement(line: str) -> tuple[str, str]:
    """Return the statement of a row, and its verdict."""
    statement, verdict, *_ = line.strip("| \n").split(" | ")
    return statement, verdict


def contrasts(run: Path, load: str) -> Iterator[str]:
    """Yield what the run's report says of its contrasts under a load, as a list in Markdown; nothing where it has none."""
    if not load:
        return
    found = [line for line in _section(run) if line.startswith("- ") and f" at {words.load(load)}: " in line]
    yield from [*(fill(line, WIDTH, subsequent_indent="  ") for line in found), ""] if found else ()


def contrast_table(run: Path, factors: Sequence[str] = (), scenarios: Sequence[str] = ()) -> str:
    """Return the table of a run's contrasts, as its report has it; without factors or scenarios, of all."""
    lines = [line.strip("| ").split(" | ") for line in _section(run) if line.startswith("|")]
    heads = lines[0] if lines else []
    wanted = [place for place, head in enumerate(heads) if place < FIRST or not scenarios or head in scenarios]
    chosen = [row for place, row in enumerate(lines) if place < HEAD or not factors or row[0] in factors]
    return "".join(f"| {' | '.join(row[place] for place in wanted)} |\n" for row in chosen)


def _section(run: Path, heading: str = effects.CONTRASTS) -> list[str]:
    """Return the lines of a section of a report, that on contrasts without another heading."""
    section = (run / "report.md").read_text().partition(f"## {heading}\n")[2]
    return section.partition("\n## ")[0].splitlines()


def _measured(run: Path, cells: Sequence[Row]) -> str:
    """Return when, where and how a run was made."""
    facts = RunFolder(run).read_run()
    machine, profile = facts["machine"], facts["profile"]
    where = f"{machine['cpus']} CPUs ({machine.get('cpu', 'unknown')}), {machine['system']}"
    blocks = max(int(cell["blocks"]) for cell in cells)  # a run with a target of precision adds some to the profile's
    return (
        f"Measured {facts['started_at'][:10]} on a machine of {where}, runtime {facts['runtime']}, profile {profile['name']}: "
        f"{blocks} blocks, windows of {profile['window_s']:g} s."
    )


def _lines(cells: Sequence[Row]) -> Iterator[str]:
    """Return a line for each scenario and stack, the highest throughput first; loads are one of each kind."""
    closed, opened = _load(cells, "closed"), _load(cells, "open") or _load(cells, "share")
    latency = (f" p50 ms, {opened} | p99 ms, {opened} |", " --: | --: |") if opened else ("", "")
    yield f"| scenario | stack | requests/s, {closed} | 95 % interval | mean ms, {closed} | CPU µs/request | bound by |{latency[0]}"
    yield f"| --- | --- | --: | --: | --: | --: | --- |{latency[1]}"
    beside = {(cell["scenario"], cell["stack"]): cell for cell in cells if cell["load"] == opened}
    own = [cell for cell in cells if cell["load"] == closed]
    for cell in sorted(own, key=lambda cell: (cell["scenario"], -float(cell["rps"] or 0))):
        yield _throughput(cell) + (_latency(beside.get((cell["scenario"], cell["stack"]))) if opened else "")


def _load(cells: Sequence[Row], family: Family) -> str:
    """Return the middle one of the loads of a family, the lower of two; empty where the run has none."""
    loads = {Load.model_validate(cell["load"]) for cell in cells}
    found = sorted((load for load in loads if load.question == family), key=lambda load: load.amount)
    return str(found[(len(found) - 1) // 2]) if found else ""


def _throughput(cell: Row) -> str:
    if cell["outcome"] != "valid":
        return f"| {cell['scenario']} | {cell['stack']} | {cell['outcome']} | | | | |"
    interval = f"{_short(cell['rps_lo'])} to {_short(cell['rps_hi'])}" if cell["rps_lo"] else ""
    numbers = " | ".join(_short(cell[column]) for column in ("mean_ms", "cpu_us_per_request"))
    return f"| {cell['scenario']} | {cell['stack']} | {_short(cell['rps'])} | {interval} | {numbers} | {cell['bound_by']} |"


def _latency(cell: Row | None) -> str:
    if cell is None or cell["outcome"] != "valid":
        return f" {cell['outcome'] if cell else ''} | |"
    return f" {_short(cell['p50_ms'])} | {_short(cell['p99_ms'])} |"


def _short(text: str) -> str:
    """Return three significant digits; empty where nothing was measured."""
    return words.number(float(text)) if text else ""
