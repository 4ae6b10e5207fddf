"""Write calibrations to disk, and find whether this machine has one."""

import json
from pathlib import Path
from typing import Any

from lab.calibrate.result import Calibration

FOLDER = "calibration"
IDENTITY = ("cpu", "cpus")
"""Facts that identify a machine."""


def write(results: Path, calibration: Calibration) -> Path:
    """Write results/calibration/<UTC time>.json and return its path."""
    written = path_of(results, calibration)
    written.parent.mkdir(parents=True, exist_ok=True)
    unfinished = written.with_suffix(".partial")
    unfinished.write_text(calibration.model_dump_json(indent=1) + "\n")
    return unfinished.replace(written)


def path_of(results: Path, calibration: Calibration) -> Path:
    """Return the file of a calibration, whole or partial."""
    return results / FOLDER / f"{calibration.started_at:%Y%m%dT%H%M%SZ}.json"


def calibrated(results: Path, machine: dict[str, Any]) -> bool:
    """Return whether a whole calibration of a machine like this one is here."""
    return any(_machine(path) == _identity(machine) for path in _paths(results))


def warning(results: Path, machine: dict[str, Any]) -> str | None:
    """Return the warning of a run on a machine without a calibration; None with one."""
    if calibrated(results, machine):
        return None
    return (
        "This machine has no whole calibration, so the limits of its generator and its noise are not known: "
        "run `make calibrate` (about eight minutes)."
    )


def _paths(results: Path) -> list[Path]:
    return sorted((results / FOLDER).glob("*.json"))


def _machine(path: Path) -> tuple[Any, ...] | None:
    """Return the machine of a calibration's file; None where the file is no whole calibration."""
    try:
        found = json.loads(path.read_text())
        return None if found.get("missing") else _identity(found["machine"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _identity(machine: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(machine.get(fact) for fact in IDENTITY)
