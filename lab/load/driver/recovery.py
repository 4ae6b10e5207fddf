"""How long a stack takes after a burst until it answers as it did before."""

import numpy as np

from lab.load.driver.recorder import Recorder, Times

BIN_S = 0.1
RECOVERED = 2
"""Times the median latency before the step."""


def recovery_s(recorder: Recorder, start_s: float, window_s: float) -> float | None:
    """Return the seconds from the end of the step until the median of a tenth of a second is back; None where none is.

    `start_s` is the start of the window in the recorder's time. What was not answered correctly took for ever.
    """
    due, latency = _all_of(recorder)
    part_s = window_s / 3
    usual_s = _median(latency[(start_s <= due) & (due < start_s + part_s)])
    after_s = due - (start_s + 2 * part_s)
    for number in range(round(part_s / BIN_S)):
        found_s = _median(latency[(number * BIN_S <= after_s) & (after_s < (number + 1) * BIN_S)])
        if found_s is not None and usual_s is not None and found_s <= RECOVERED * usual_s < np.inf:
            return number * BIN_S
    return None


def _all_of(recorder: Recorder) -> tuple[Times, Times]:
    dropped = np.frombuffer(recorder.dropped)
    known = [(due, latency) for due, latency, _ in recorder.correct.chunks()]
    known += [(due, np.full_like(latency, np.inf)) for due, latency, _ in recorder.faulty.chunks()]
    known.append((dropped, np.full_like(dropped, np.inf)))
    return np.concatenate([due for due, _ in known]), np.concatenate([latency for _, latency in known])


def _median(latency: Times) -> float | None:
    return float(np.median(latency)) if len(latency) else None
