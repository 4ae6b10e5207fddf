"""Calibrations on disk, and whether this machine has one."""

import json
from pathlib import Path
from typing import Any

from lab.calibrate.result import Calibration

FOLDER = "calibration"
IDENTITY = ("cpu", "cpus")
"""Facts that say it is the same machine."""


def write(results: Path, calibration: Calibration) -> Path:
    """Writes results/calibration/<UTC time>.json and returns its path."""
    written = path_of(results, calibration)
    written.parent.mkdir(parents=True, exist_ok=True)
    unfinished = written.with_suffix(".partial")
    unfinished.write_text(calibration.model_dump_json(indent=1) + "\n")
    return unfinished.replace(written)


def path_of(results: Path, calibration: Calibration) -> Path:
    """Return the file of a calibration, whichever of its parts are in it."""
    return results / FOLDER / f"{calibration.started_at:%Y%m%dT%H%M%SZ}.json"


def calibrated(results: Path, machine: dict[str, Any]) -> bool:
    """Whether a machine like this one was ever calibrated whole here."""
    return any(_machine(path) == _identity(machine) for path in _paths(results))


def warning(results: Path, machine: dict[str, Any]) -> str | None:
    """What a run says on a machine that nobody calibrated."""
    if calibrated(results, machine):
        return None
    return (
        "No whole calibration of this machine is here, so nobody knows what its generator can drive and its noise lets see: "
        "run `make calibrate` (about eight minutes)."
    )


def _paths(results: Path) -> list[Path]:
    return sorted((results / FOLDER).glob("*.json"))


def _machine(path: Path) -> tuple[Any, ...] | None:
    """Of which machine a file speaks; None where it is no whole calibration, whoever put it there."""
    try:
        found = json.loads(path.read_text())
        return None if found.get("missing") else _identity(found["machine"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _identity(machine: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(machine.get(fact) for fact in IDENTITY)
