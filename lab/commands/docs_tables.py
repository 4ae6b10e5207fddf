"""`readme`: write the tables in README, docs and results/README.md that follow from something else; a test compares them.

What a committed run says stands between `<!-- run results/reference/<name> -->` and `<!-- /run -->`, what the columns of a
derived file mean between `<!-- columns <file> -->` and `<!-- /columns -->`, the factors of every stack between
`<!-- stacks -->` and `<!-- /stacks -->`, and the table of a run's contrasts between `<!-- contrasts <run> -->` and `<!-- /contrasts -->`,
of some with `<!-- contrasts <run> <factors> <scenarios> -->`, each with commas.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from lab.analysis import columns
from lab.config.project import Project
from lab.errors import Exit, LabError
from lab.model.loads import Family, Load
from lab.model.stack import FACTORS
from lab.paths import ROOT
from lab.report import contents, words
from lab.run.store import RunFolder

Row = Mapping[str, str]
HEAD = 2
"""Lines of the head of a table."""
FIRST = 3
"""Columns of a table of contrasts before those of the scenarios."""
WIDTH = 150
"""Characters of a line of a document."""
_COLUMNS = re.compile(r"(<!-- columns (?P<file>\S+) -->\n).*?(?P<end><!-- /columns -->)", re.DOTALL)
_STACKS = re.compile(r"(<!-- stacks -->\n).*?(?P<end><!-- /stacks -->)", re.DOTALL)
_CONTRASTS = re.compile(
    r"(<!-- contrasts (?P<run>\S+)(?: (?P<factors>\S+) (?P<scenarios>\S+))? -->\n).*?(?P<end><!-- /contrasts -->)",
    re.DOTALL,
)
_QUOTED = re.compile(r"(<!-- run (?P<run>\S+) -->\n).*?(?P<end><!-- /run -->)", re.DOTALL)


def readme() -> Exit:
    """Write all these tables again."""
    for path in quoting_files():
        path.write_text(quoted(path.read_text()))
    return Exit.DONE


def quoting_files() -> list[Path]:
    """Return the files that may have such tables."""
    return [ROOT / "README.md", ROOT / "results/README.md", *sorted((ROOT / "docs").glob("*.md"))]


def quoted(text: str) -> str:
    """Return the text with every table as the runs, the registry of columns and docker-compose.yml have it.

    Raises:
        LabError: it quotes a run that is not there.
    """
    text = _COLUMNS.sub(lambda match: match[1] + _meanings(match["file"]) + match["end"], text)
    text = _STACKS.sub(lambda match: match[1] + _stacks() + match["end"], text)
    text = _CONTRASTS.sub(lambda match: match[1] + _contrasts_of(match) + match["end"], text)
    return _QUOTED.sub(lambda match: match[1] + table(ROOT / match["run"]) + match["end"], text)


def _stacks() -> str:
    """Return every stack with its factors; a factor is empty where the server leaves no choice."""
    stacks = Project.here().stacks.values()
    rows = (" | ".join([stack.name, *(stack.factors.get(factor, "") for factor in FACTORS)]) for stack in stacks)
    return "\n".join(
        [f"| stack | {' | '.join(FACTORS)} |", "| --- " * (1 + len(FACTORS)) + "|", *(f"| {row} |" for row in rows), ""]
    )


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
    facts = RunFolder(run).read_run()
    try:
        with (run / "summary.csv").open() as rows:
            cells = list(csv.DictReader(rows))
    except FileNotFoundError:
        raise LabError(f"{run} has no summary.csv: `make report` derives it.") from None
    return "\n".join([_origin(run, facts, cells), "", *contrasts(run, _load(cells, "closed")), *_lines(cells), ""])


def contrasts(run: Path, load: str) -> Iterator[str]:
    """Yield what the run's report says of its contrasts under a load, as a list in Markdown; nothing where it has none."""
    if not load:
        return
    found = [line for line in _of_contrasts(run) if line.startswith("- ") and f" at {words.load(load)}: " in line]
    yield from [*(fill(line, WIDTH, subsequent_indent="  ") for line in found), ""] if found else ()


def contrast_table(run: Path, factors: Sequence[str] = (), scenarios: Sequence[str] = ()) -> str:
    """Return the table of a run's contrasts, as its report has it; without factors or scenarios, of all."""
    lines = [line.strip("| ").split(" | ") for line in _of_contrasts(run) if line.startswith("|")]
    heads = lines[0] if lines else []
    wanted = [place for place, head in enumerate(heads) if place < FIRST or not scenarios or head in scenarios]
    chosen = [row for place, row in enumerate(lines) if place < HEAD or not factors or row[0] in factors]
    return "".join(f"| {' | '.join(row[place] for place in wanted)} |\n" for row in chosen)


def _contrasts_of(match: re.Match[str]) -> str:
    """Return the table that a marker asks for."""
    factors, scenarios = (match[name].split(",") if match[name] else [] for name in ("factors", "scenarios"))
    return contrast_table(ROOT / match["run"], factors, scenarios)


def _of_contrasts(run: Path) -> list[str]:
    """Return the lines of a report on contrasts."""
    section = (run / "report.md").read_text().partition(f"## {contents.CONTRASTS}\n")[2]
    return section.partition("\n## ")[0].splitlines()


def _origin(run: Path, facts: Mapping[str, Any], cells: Sequence[Mapping[str, str]]) -> str:
    machine = facts["machine"]
    where = f"{machine['cpus']} CPUs ({machine.get('cpu', 'unknown')}), {machine['system']}"
    profile = facts["profile"]
    name = run.relative_to(ROOT)
    blocks = max(int(cell["blocks"]) for cell in cells)  # a run with a target of precision adds some to the profile's
    return (
        f"Measured {facts['started_at'][:10]} on a machine of {where}, runtime {facts['runtime']}, profile {profile['name']}: "
        f"{blocks} blocks, windows of {profile['window_s']:g} s.\nThe run: [{name}]({name}/report.md)."
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
