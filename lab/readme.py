"""`readme`: writes the tables that README and docs quote from committed runs; a test holds them against the runs.

A quoted table stands between `<!-- run results/reference/<name> -->` and `<!-- /run -->`; `closed` or `open` after the name
leaves the other loads out.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.errors import Exit, LabError
from lab.project import ROOT
from lab.report import words
from lab.store import RunFolder

_QUOTED = re.compile(r"(<!-- run (?P<run>\S+)( (?P<kind>closed|open))? -->\n).*?(?P<end><!-- /run -->)", re.DOTALL)
_HEAD = "| scenario | stack | requests/s | 95 % interval | p50 ms | p99 ms | CPU µs/request | bound by |"
_RULE = "| --- | --- | --: | --: | --: | --: | --: | --- |"


def readme() -> Exit:
    """Writes every quoted table of README.md and docs/ anew."""
    for path in quoting_files():
        path.write_text(quoted(path.read_text()))
    return Exit.DONE


def quoting_files() -> list[Path]:
    """Files that may quote runs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def quoted(text: str) -> str:
    """The text with every quoted table as the runs have it.

    Raises:
        LabError: it quotes a run that is not there.
    """
    return _QUOTED.sub(lambda match: match[1] + table(ROOT / match["run"], match["kind"] or "") + match["end"], text)


def table(run: Path, kind: str = "") -> str:
    """A sentence on when and where a run was made, and its cells (under that kind of load) as a table in Markdown."""
    facts = RunFolder(run).read_run()
    try:
        with (run / "summary.csv").open() as rows:
            cells = [cell for cell in csv.DictReader(rows) if cell["load"].startswith(kind)]
    except FileNotFoundError:
        raise LabError(f"{run} has no summary.csv: `make report` derives it.") from None
    return "\n".join([_origin(run, facts, cells), "", _HEAD, _RULE, *_rows(cells), ""])


def _origin(run: Path, facts: Mapping[str, Any], cells: Sequence[Mapping[str, str]]) -> str:
    machine = facts["machine"]
    where = f"{machine['cpus']} CPUs ({machine.get('cpu', 'unknown')}), {machine['system']}"
    profile = facts["profile"]
    name = run.relative_to(ROOT)
    return (
        f"Measured {facts['started_at'][:10]} on a machine of {where}, runtime {facts['runtime']}, profile {profile['name']}: "
        f"{_blocks(cells)} blocks, windows of {profile['window_s']:g} s. The run: [{name}]({name}/report.md)."
    )


def _blocks(cells: Iterable[Mapping[str, str]]) -> int:
    """The most that a cell has: a run with a target of precision adds blocks to those of the profile."""
    return max(int(cell["blocks"]) for cell in cells)


def _rows(cells: list[dict[str, str]]) -> Iterator[str]:
    ordered = sorted(cells, key=lambda cell: (cell["scenario"], cell["load"], -float(cell["rps"] or 0)))
    for cell in ordered:
        name = f"{cell['scenario']} {cell['load']}"
        if cell["outcome"] != "valid":
            yield f"| {name} | {cell['stack']} | {cell['outcome']} | | | | | |"
            continue
        interval = f"{_short(cell['rps_lo'])} to {_short(cell['rps_hi'])}" if cell["rps_lo"] else ""
        numbers = " | ".join(_short(cell[column]) for column in ("p50_ms", "p99_ms", "cpu_us_per_request"))
        yield f"| {name} | {cell['stack']} | {_short(cell['rps'])} | {interval} | {numbers} | {cell['bound_by']} |"


def _short(text: str) -> str:
    """Three significant digits; empty where nothing was measured."""
    return words.number(float(text)) if text else ""
