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
    written = results / FOLDER / f"{calibration.started_at:%Y%m%dT%H%M%SZ}.json"
    written.parent.mkdir(parents=True, exist_ok=True)
    unfinished = written.with_suffix(".partial")
    unfinished.write_text(calibration.model_dump_json(indent=1) + "\n")
    return unfinished.replace(written)


def warning(results: Path, machine: dict[str, Any]) -> str | None:
    """Return the warning of a run on a machine without a whole calibration; None with one."""
    if any(_calibrates(path, machine) for path in (results / FOLDER).glob("*.json")):
        return None
    return (
        "This machine has no whole calibration, so the limits of its generator and its noise are not known: "
        "run `make calibrate` (about eight minutes)."
    )


def _calibrates(path: Path, machine: dict[str, Any]) -> bool:
    """Return whether a file is a whole calibration of a machine like this one; a damaged file is none."""
    try:
        found = json.loads(path.read_text())
        return not found.get("missing") and all(found["machine"].get(fact) == machine.get(fact) for fact in IDENTITY)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
