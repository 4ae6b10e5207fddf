"""The folder of a run: `run.json`, `trials.jsonl` and `blocks.jsonl` are originals, written as soon as known and never edited by hand.

A trial's outcome is appended and flushed to disk the moment it is known; the rest of the folder can be derived again.
"""

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lab.errors import LabError
from lab.model.outcome import OUTCOME, Block, Failure, Sample
from lab.model.workload import Trial
from lab.run import jsonlines
from lab.run.jsonlines import Lines

LOCK = "lock"
PACK = ".lab.zip"
"""End of the name of a file that holds a run (lab/run/packs.py)."""
INDEX = "index.html"
"""Page of all runs, in results/."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_TAKEN = ("latest", "reference", "calibration", INDEX)
"""What else has a name in results/."""


class RunFolder:
    """One run's folder under results/."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"

    @property
    def exists(self) -> bool:
        """Return whether the run has been started."""
        return (self.path / "run.json").exists()

    def create(self) -> None:
        """Make the folder and its logs/."""
        self.logs.mkdir(parents=True, exist_ok=True)

    def write_run(self, run: dict[str, Any]) -> None:
        """Write run.json whole or not at all."""
        text = json.dumps({"format": jsonlines.VERSION, **run}, indent=1, default=str)
        partial = self.path / "run.json.partial"
        partial.write_text(text + "\n")
        partial.replace(self.path / "run.json")

    def read_run(self) -> dict[str, Any]:
        """run.json as it was written.

        Raises:
            LabError: there is none, it is broken, or a newer lab wrote it.
        """
        path = self.path / "run.json"
        try:
            run: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            raise LabError(f"{self.path} holds no run: run.json is missing.") from None
        except (OSError, ValueError, RecursionError) as error:
            raise LabError(f"{path} is broken: {error}.") from None
        if not isinstance(run, dict):
            raise LabError(f"{path} is broken: it is no object.")
        jsonlines.known(run.get("format"), path)
        return run

    def append(self, record: Sample | Failure | Block) -> None:
        """Append a line to trials.jsonl or blocks.jsonl and make sure that it is on disk."""
        self._append("blocks.jsonl" if isinstance(record, Block) else "trials.jsonl", record)

    def append_searched(self, outcome: Sample | Failure) -> None:
        """Do the same with a trial of the search for a capacity, which is in no block."""
        self._append("capacity.jsonl", outcome)

    def searched(self) -> tuple[Sample | Failure, ...]:
        """Return the trials of searches in their order; the same errors as `outcomes`."""
        path = self.path / "capacity.jsonl"
        return (
            jsonlines.read(path, OUTCOME, self._version, lambda one: _place(one.trial)).values if path.exists() else ()
        )

    def _append(self, name: str, record: Sample | Failure | Block) -> None:
        with (self.path / name).open("a+b") as lines:
            _end_last_line(lines)
            lines.write(record.model_dump_json().encode() + b"\n")
            lines.flush()
            os.fsync(lines.fileno())

    def outcomes(self) -> tuple[Sample | Failure, ...]:
        """Return all outcomes that can be read.

        Raises:
            LabError: a newer lab wrote one.
        """
        return self.outcome_lines().values

    def outcome_lines(self) -> Lines[Sample | Failure]:
        """Return all outcomes with what could not be read; the same errors as `outcomes`."""
        return jsonlines.read(
            self.path / "trials.jsonl", OUTCOME, self._version, lambda one: (one.trial.attempt, *_place(one.trial))
        )

    def blocks(self) -> tuple[Block, ...]:
        """Return how each attempt at a block went; the same errors as `outcomes`."""
        return self.block_lines().values

    def block_lines(self) -> Lines[Block]:
        """Return all attempts at blocks with what could not be read; the same errors as `outcomes`."""
        return jsonlines.read(
            self.path / "blocks.jsonl", TypeAdapter(Block), self._version, lambda one: (one.block, one.attempt)
        )

    @property
    def _version(self) -> int:
        return int(self.read_run()["format"]) if self.exists else jsonlines.VERSION


def _place(trial: Trial) -> tuple[int, str, str, str]:
    return trial.block, trial.stack, trial.scenario, str(trial.load)


def new_name(profile: str) -> str:
    """`<UTC timestamp>-<profile>`, sorted by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{profile}"


def folder(results: Path, name: str) -> RunFolder:
    """Return the folder of that name, whether it exists or not; `reference/<name>` and `latest` are names too.

    Raises:
        LabError: the name could lead out of results/.
    """
    if not all(_NAME.fullmatch(part) for part in name.removeprefix("results/").split("/")):
        raise LabError(f"{name!r} is no name of a run; use letters, digits, dots, dashes.")
    return RunFolder(results / name.removeprefix("results/"))


def is_name(name: str) -> bool:
    """Return whether a run in results/ may have this name."""
    return bool(_NAME.fullmatch(name)) and name not in _TAKEN and not name.endswith(PACK)


def writable(results: Path, name: str) -> RunFolder:
    """Return the folder of a run that is new or resumed.

    Raises:
        LabError: the name leads elsewhere, or is that of a folder which holds no run.
    """
    found = folder(results, name)
    if not is_name(found.path.relative_to(results).parts[0]):
        raise LabError(
            f"{name!r} is no name for a run: results/ has something else of that name; choose another RUN name."
        )
    if found.path.exists() and not found.exists:
        raise LabError(f"{found.path} is there and holds no run: choose another RUN name, or move it away.")
    return found


def point_latest(results: Path, run: RunFolder) -> None:
    """Let results/latest point at a finished run."""
    link = results / "latest.partial"
    link.unlink(missing_ok=True)
    link.symlink_to(run.path.relative_to(results))
    link.replace(results / "latest")


@contextlib.contextmanager
def only_one(state: Path) -> Iterator[None]:
    """Hold the checkout's lock: two runs at once would disturb each other's numbers.

    Raises:
        LabError: another command of this checkout is starting servers or measuring.
    """
    state.mkdir(exist_ok=True)
    with (state / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError("Another run is going on in this checkout; wait for it, or stop it with Ctrl-C.") from None
        yield


def _end_last_line(lines: Any) -> None:
    """End a line that a kill cut off, so that the next outcome is on a line of its own."""
    if lines.seek(0, os.SEEK_END):
        lines.seek(-1, os.SEEK_END)
        if lines.read(1) != b"\n":
            lines.write(b"\n")
