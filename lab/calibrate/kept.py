"""Calibrations on disk, and whether this machine has one."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.calibrate.result import Calibration

FOLDER = "calibration"
IDENTITY = ("cpu", "cpus")
"""Facts that say it is the same machine."""


def write(results: Path, calibration: Calibration) -> Path:
    """Writes results/calibration/<UTC time>.json and returns its path."""
    folder = results / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_name(calibration.started_at)}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(calibration.model_dump_json(indent=1) + "\n")
    return partial.replace(path)


def calibrated(results: Path, machine: dict[str, Any]) -> bool:
    """Whether a machine like this one was ever calibrated here."""
    return any(_machine(path) == _identity(machine) for path in _paths(results))


def warning(results: Path, machine: dict[str, Any]) -> str | None:
    """What a run says on a machine that nobody calibrated."""
    if calibrated(results, machine):
        return None
    return (
        "This machine was never calibrated, so nobody knows what its generator can drive and its noise lets see: "
        "run `make calibrate` (about eight minutes)."
    )


def _paths(results: Path) -> list[Path]:
    return sorted((results / FOLDER).glob("*.json"))


def _machine(path: Path) -> tuple[Any, ...] | None:
    """Of which machine a file speaks; None where it is not a calibration, whoever put it there."""
    try:
        return _identity(json.loads(path.read_text())["machine"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _identity(machine: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(machine.get(fact) for fact in IDENTITY)


def _name(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"
