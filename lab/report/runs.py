"""All runs of results/, as far as a list needs them: run.json and comparisons.csv are read, no report is derived."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.paths import MICRO
from lab.report import pair
from lab.report.again import is_micro
from lab.report.pair import COMPARISONS, HANDLERS, Ratios
from lab.run import packs
from lab.run.store import RunFolder

_PAGES = ("report.html", "report.md", "micro.md")
_BEGAN = re.compile(r"(\d{8}T\d{6}Z)-")
"""Begins the name of a run that nobody named."""
_BLOCK = re.compile(rb'^\{"block":\s*(\d+)', re.MULTILINE)
"""Begins a line of blocks.jsonl."""
_DAMAGE = (AttributeError, KeyError, TypeError, ValueError, RecursionError, OSError, csv.Error)
"""What is raised by the files that no lab wrote so."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Past:
    """A run as the list has it; what is not known is empty."""

    name: str
    """As RUN has it: `reference/x` for one of those."""
    started_at: datetime | None = None
    is_finished: bool = False
    profile: str = ""
    runtime: str = ""
    machine: str = ""
    blocks: int | None = None
    stacks: tuple[str, ...] = ()
    ratios: Ratios = field(default_factory=dict, repr=False)
    report: str = ""
    """Address of its report from results/; empty without one."""
    problem: str = ""
    """What could not be read, and what to do."""

    @property
    def is_broken(self) -> bool:
        """Return whether nothing is known but its name."""
        return not self.profile

    @property
    def time(self) -> datetime:
        """Return when it began; of a broken run, what its name says."""
        named = _BEGAN.match(Path(self.name).name)
        return self.started_at or (datetime.strptime(named[1], "%Y%m%dT%H%M%S%z") if named else _LONG_AGO)


def found(results: Path) -> list[Past]:
    """Return the runs of results/ and results/reference/, the newest first; broken ones with their problem."""
    return sorted((_past(folder, results) for folder in _folders(results)), key=lambda run: run.time, reverse=True)


def _folders(results: Path) -> Iterator[Path]:
    """Yield what holds originals; `latest` is a link to one of them."""
    for place in (results, results / "reference"):
        for folder in sorted(place.iterdir()) if place.is_dir() else ():
            if not folder.is_symlink() and any((folder / name).exists() for name in packs.ORIGINALS):
                yield folder


def _past(folder: Path, results: Path) -> Past:
    name = folder.relative_to(results).as_posix()
    report = next((f"{name}/{page}" for page in _PAGES if (folder / page).exists()), "")
    try:
        known = _of_micro(folder) if is_micro(RunFolder(folder)) else _of_run(folder, name)
    except LabError as error:
        return Past(name, report=report, problem=str(error).replace(f"{results}/", ""))
    except _DAMAGE:
        return Past(name, report=report, problem=f"An original of {name} is damaged: restore the file.")
    return Past(name, report=report, **known)


def _of_micro(folder: Path) -> dict[str, Any]:
    facts = json.loads((folder / MICRO).read_text())
    if not facts["steps"]:
        raise ValueError(f"{MICRO} has no steps")
    return {**_facts(facts), "profile": "micro", "is_finished": True}


def _of_run(folder: Path, name: str) -> dict[str, Any]:
    facts = RunFolder(folder).read_run()
    known = {
        **_facts(facts),
        "profile": str(facts["profile"]["name"]),
        "is_finished": bool(facts.get("ended_at")),
        "blocks": _blocks(folder / "blocks.jsonl"),
        "stacks": tuple(str(stack["name"]) for stack in facts["stacks"]),
    }
    asynchronous = {stack["name"] for stack in facts["stacks"] if stack.get(HANDLERS) == "async"}
    try:
        return known | {"ratios": pair.ratios(folder, asynchronous)}
    except FileNotFoundError:
        return known | {"problem": f"No {COMPARISONS}: `make report RUN={name}` derives it."}
    except _DAMAGE:
        return known | {"problem": f"{COMPARISONS} is damaged: `make report RUN={name}` derives it again."}


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every original says of its time and its place."""
    machine = facts.get("machine") or {}
    cpus = machine.get("cpus", "?")
    began = datetime.fromisoformat(facts["started_at"]) if facts.get("started_at") else None
    return {
        "started_at": began.replace(tzinfo=began.tzinfo or UTC) if began else None,
        "runtime": str(facts.get("runtime", "")),
        "machine": f"{cpus} CPU{'s' * (cpus != 1)} ({machine.get('cpu', 'unknown')})" if machine else "",
    }


def _blocks(file: Path) -> int | None:
    """Return how many blocks were measured, whatever the attempts at each; None without a record of them."""
    return len(set(_BLOCK.findall(file.read_bytes()))) if file.exists() else None
