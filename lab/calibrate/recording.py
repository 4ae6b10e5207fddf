"""Measure the memory of the driver's recorder: `python -m lab.calibrate.recording closed|open <requests>` prints a Memory."""

import sys
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
from numpy.typing import NDArray

from lab.calibrate.result import Memory
from lab.load.driver.recorder import Digest, Recorder

RATE = 30_000
"""Simulated requests per second."""


def record(load: Literal["closed", "open"], requests: int) -> Memory:
    """Fill a recorder as the loops of the driver do, compute the figures, and return the memory that this took."""
    schedule = np.arange(requests) / RATE  # open load draws it before it begins
    _digest(_filled(load, schedule[:1000]), load)  # modules loaded at the first use are not the recorder's memory
    before = psutil.Process().memory_info().rss
    recorder = _filled(load, schedule)
    added = psutil.Process().memory_info().rss - before
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here (proc(5))
    _digest(recorder, load)
    return Memory(load=load, requests=requests, added_bytes=added, peak_added_bytes=_peak_bytes() - before)


def _filled(load: str, schedule: NDArray[np.float64]) -> Recorder:
    recorder, is_open = Recorder(), load == "open"
    if is_open:
        recorder.follow(schedule)
    note_due, note_latency, note_lag = (
        column.append for column in (recorder.correct.due, recorder.correct.latency, recorder.correct.lag)
    )
    for number in range(len(schedule)):
        note_due(number if is_open else number / RATE)
        note_latency(0.005)
        if is_open:
            note_lag(0.0001)
    return recorder


def _digest(recorder: Recorder, load: str) -> None:
    end_s = len(recorder.correct.due) / RATE
    Digest(recorder, 0, end_s, is_open=load == "open")


def _peak_bytes() -> int:
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return next((int(words[1]) * 1024 for words in lines if words[0] == "VmHWM:"), 0)


if __name__ == "__main__":
    kind: Literal["closed", "open"] = "open" if sys.argv[1] == "open" else "closed"
    print(record(kind, int(sys.argv[2])).model_dump_json())  # noqa: T201  # the answer
