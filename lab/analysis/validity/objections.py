"""The checks of a measured trial: a table, asked in order; all objections are kept, the first decides.

The order decides whose result it is. Wrong answers are the stack's, whatever the machine did. What time can cause (no answer,
starved, dropped, behind, over capacity) is the stack's only where nothing disturbed the machine. Limits are fixed beforehand.
"""

from collections.abc import Callable, Container

from lab.analysis.stats import latencies
from lab.analysis.validity.bounds import bound_by
from lab.analysis.validity.causes import Cause
from lab.analysis.validity.limits import Limits, ceiling_per_s
from lab.analysis.validity.use import foreign_beside, foreign_share, generator_share
from lab.model.outcome import Sample

ERRORS_ALLOWED = 0.001
"""Share of the window's requests that may err, be dropped or stay unfinished before the stack has failed."""
SHORTFALL_ALLOWED = 0.05
"""Open load: share of the scheduled arrivals that may be missing from the responses."""
LAG_MS = 1.5
"""A lag of the generator up to this is allowed. Above it, it must be less than a share of the latency at the same percentile."""
LAG_SHARES = {50: 0.1, 99: 1 / 3}
GENERATOR_BUSY = 0.9
IN_FLIGHT_SHARE = 0.9
USERS_ACCOUNTED = 4
"""Fewer users than this are reported, not judged: their gaps weigh too much."""
NOT_IDLE = 0.05
"""Share of the window for which the idle stacks' servers together may have used a CPU."""
FOREIGN = 0.1
"""Share of the server's CPUs that other programs may have used; interrupts, which are counted here on some kernels, were at most 0.035."""
FOREIGN_BESIDE = 0.2
"""Share of the generator's CPUs that other programs may have used where these CPUs were full (use.py has what the lab itself takes)."""
STOLEN = 0.1
"""Share of all CPUs' time that the hypervisor may have given to others."""
THROTTLED = 0.05
"""Share of the window for which a CPU quota may have kept the lab from running."""
STEP_S = 0.01
STARVED_ALLOWED = 0.01
"""Share of the users that may be starved."""
STARVING = 10
"""A user that waits for one answer during the whole window is starved, where the median user got so many."""
CEILING_WAIT_MS = 10
WRONG_BODIES = frozenset({"wrong body", "wrong length"})
"""Reasons of loadtests/client/fast.py that are about a body."""
EARLY_MS = 1
"""A timer may wake this much too early."""


Check = Callable[[Sample, Limits], str | None]
"""Says what happened, with figures, or None where there is nothing to object to."""


def unexpected_errors(sample: Sample, expected: Container[str]) -> int:
    """Count the requests of the window that ended in an error that the scenario does not declare."""
    return sum(count for reason, count in sample.driven.errors.items() if reason not in expected)


def _nothing_answered(sample: Sample, limits: Limits) -> str | None:
    if sample.driven.completed or sample.driven.errors.keys() & limits.expected_errors:
        return None
    if late := latencies(sample.driven.service or sample.driven.latency).count:
        return (
            f"No answer came in the window, and {late:,} correct ones to its {sample.driven.requests:,} requests later"
        )
    return f"Not one of {sample.driven.requests:,} requests was answered correctly{_most_frequent(sample)}{_wrong_body(sample)}"


def is_answer(reason: str) -> bool:
    """Return whether an error is a wrong answer, which no delay can cause; others are answers that came not, or not whole."""
    return reason.startswith(("status ", "wrong ", "not ", "more than one "))


def _erred(sample: Sample, limits: Limits) -> str | None:
    reasons = filter(is_answer, sample.driven.errors.keys() - limits.expected_errors)
    wrong = sum(sample.driven.errors[reason] for reason in reasons)
    if wrong <= ERRORS_ALLOWED * sample.driven.requests:
        return None
    return f"{wrong:,} of {sample.driven.requests:,} requests were answered wrongly{_most_frequent(sample)}{_wrong_body(sample)}"


def _unanswered(sample: Sample, limits: Limits) -> str | None:
    errors = unexpected_errors(sample, limits.expected_errors)
    if errors <= ERRORS_ALLOWED * sample.driven.requests or all(map(is_answer, sample.driven.errors)):
        return None
    return f"{errors:,} of {sample.driven.requests:,} requests went wrong{_most_frequent(sample)}"


def _most_frequent(sample: Sample) -> str:
    first = sorted(sample.driven.errors.items(), key=lambda item: (-item[1], item[0]))[:3]
    return f" ({', '.join(f'{reason}: {count:,}' for reason, count in first)})" if first else ""


def _wrong_body(sample: Sample) -> str:
    """Return how the first wrong body began, where wrong ones are among the window's errors; the load may have had it earlier."""
    body = sample.driven.wrong_body
    return (
        f"; the first wrong body begins '{body}'"
        if body is not None and WRONG_BODIES & sample.driven.errors.keys()
        else ""
    )


def _accounts_do_not_add_up(sample: Sample, _: Limits) -> str | None:
    """Compare arrivals and ends. In open load `latency` includes what timed out, `service` does not."""
    driven = sample.driven
    if driven.scheduled not in (None, driven.requests):
        return f"{driven.scheduled:,} requests were due but {driven.requests:,} are accounted for"
    correct = latencies(driven.service or driven.latency).count
    ended = correct + sum(driven.errors.values()) + driven.dropped
    if ended == driven.requests:
        return None
    return f"{driven.requests:,} requests were made but {ended:,} ended"


def _generator_late(sample: Sample, _: Limits) -> str | None:
    if sample.driven.lag is None:
        return None
    lag_ms, latency_ms = latencies(sample.driven.lag).percentiles_ms, latencies(sample.driven.latency).percentiles_ms
    for percent, share in LAG_SHARES.items():
        late_ms, whole_ms = lag_ms[percent], latency_ms[percent]
        if late_ms is not None and late_ms > max(LAG_MS, share * (whole_ms or 0)):
            return f"The generator sent late (p{percent} of its lag {late_ms:.1f} ms)"
    return None


def _generator_busy(sample: Sample, limits: Limits) -> str | None:
    share = generator_share(sample, limits.other_cpus)
    if share is None or share <= GENERATOR_BUSY or bound_by(sample, limits) != "generator":
        return None
    return f"The generator's core was {100 * share:.0f} % busy and nothing else explains the throughput"


def _requests_not_in_flight(sample: Sample, limits: Limits) -> str | None:
    """Compare users with requests in flight and think time: N = X (R + Z), summed over the window.

    Where most requests erred, a refused user waits until it may ask again.
    """
    load = sample.trial.load
    if load.kind == "open" or load.amount < USERS_ACCOUNTED:
        return None
    if unexpected_errors(sample, limits.expected_errors) > sample.driven.completed:
        return None
    share = (sample.driven.in_flight_s + sample.driven.thinking_s) / (load.amount * sample.driven.window_s)
    if share >= IN_FLIGHT_SHARE:
        return None
    thought = " or thought" if load.think_ms else ""
    return f"The {load.amount} users had a request in flight{thought} for {100 * share:.0f} % of the window only"


def _others_not_idle(sample: Sample, _: Limits) -> str | None:
    share = (sample.idle_cpu_s or 0) / sample.driven.window_s
    if share <= NOT_IDLE:
        return None
    most = f", {sample.least_idle} most of it," if sample.least_idle else ""
    return f"The idle stacks' servers took {100 * share:.0f} % of a core{most} during the window"


def _steps(sample: Sample) -> float:
    """Return how far off /proc/stat, which counts in steps of 10 ms, may be at both edges, as a share of the window."""
    return 2 * STEP_S / sample.driven.window_s


def _stolen(sample: Sample, _: Limits) -> str | None:
    if sample.stolen is None or sample.stolen <= STOLEN + _steps(sample):
        return None
    return f"The hypervisor took {100 * sample.stolen:.0f} % of a CPU's time"


def _lab_throttled(sample: Sample, _: Limits) -> str | None:
    throttled_s = sample.lab_throttled_s
    if throttled_s is None or throttled_s <= THROTTLED * sample.driven.window_s:
        return None
    return f"A CPU quota kept the lab from running for {throttled_s:.2f} s of a window of {sample.driven.window_s:g} s"


def _foreign_load(sample: Sample, limits: Limits) -> str | None:
    share = foreign_share(sample, limits.server_cpus, shared=limits.shares_cpus)
    if share is None or share <= FOREIGN + _steps(sample):
        return None
    return f"Other programs took {100 * share:.0f} % of the server's CPU time"


def _foreign_beside(sample: Sample, limits: Limits) -> str | None:
    """Object whatever the bound is: requests that wait for the generator's CPU count as the server's latency."""
    share = foreign_beside(sample, limits.other_cpus, shared=limits.shares_cpus)
    if share is None or share <= FOREIGN_BESIDE + _steps(sample) or (sample.other_cores_busy or 0) <= GENERATOR_BUSY:
        return None
    return f"Other programs took {100 * share:.0f} % of the generator's CPU time, and nothing of it was left"


def _ceiling_exceeded(sample: Sample, limits: Limits) -> str | None:
    """Compare responses with the slots: at most slots x (T + d) / d end in a window T; timers may shorten d a little."""
    ceiling = ceiling_per_s(limits, early_ms=EARLY_MS)
    if ceiling is None or limits.slots is None or limits.wait_ms < CEILING_WAIT_MS:
        return None
    most = ceiling * sample.driven.window_s + limits.slots
    if sample.driven.completed <= most:
        return None
    return f"{sample.driven.completed:,} responses came where {limits.slots:g} slots allow {most:,.0f}"


def _starved(sample: Sample, _: Limits) -> str | None:
    """Count users without an answer: they send nothing more, so neither percentiles nor the error rate show them."""
    users = sample.trial.load.amount
    if sample.driven.starved <= STARVED_ALLOWED * users:
        return None
    p50_ms = latencies(sample.driven.latency).percentiles_ms[50]
    if p50_ms is None or STARVING * p50_ms > sample.driven.window_s * 1e3:
        return None
    return f"{sample.driven.starved} of {users} users waited for one answer during the whole window"


def _dropped(sample: Sample, _: Limits) -> str | None:
    return None if sample.trial.load.is_share else _what_was_dropped(sample)


def _fell_behind(sample: Sample, _: Limits) -> str | None:
    return None if sample.trial.load.is_share else _how_far_behind(sample)


def _over_capacity(sample: Sample, _: Limits) -> str | None:
    """Object to a share that was too much in this block: at a rate of its own, which the noise of its capacity is in.

    A burst is meant to be too much for a while.
    """
    load = sample.trial.load
    if not load.is_share or load.burst:
        return None
    return _what_was_dropped(sample) or _how_far_behind(sample)


def _what_was_dropped(sample: Sample) -> str | None:
    if sample.driven.dropped <= ERRORS_ALLOWED * sample.driven.requests:
        return None
    return f"{sample.driven.dropped:,} of {sample.driven.requests:,} scheduled requests could not be sent"


def _how_far_behind(sample: Sample) -> str | None:
    """Compare arrivals and responses: in a stable queue they differ by about sqrt(2 x mean of those in flight)."""
    driven = sample.driven
    if sample.trial.load.kind == "closed":
        return None
    shortfall = driven.requests - driven.completed - sum(driven.errors.values()) - driven.dropped
    chance = 3 * (2 * driven.in_flight_s / driven.window_s) ** 0.5
    if shortfall <= max(SHORTFALL_ALLOWED * driven.requests, chance):
        return None
    return f"It fell behind the schedule: {driven.completed:,} responses to {driven.requests:,} arrivals"


CHECKS: tuple[tuple[Cause, Check], ...] = (
    (Cause.ERRED, _erred),
    (Cause.ACCOUNTS, _accounts_do_not_add_up),
    (Cause.STOLEN, _stolen),
    (Cause.FOREIGN, _foreign_load),
    (Cause.FOREIGN_BESIDE, _foreign_beside),
    (Cause.QUOTA, _lab_throttled),
    (Cause.LATE, _generator_late),
    (Cause.IDLE, _requests_not_in_flight),
    (Cause.NOT_IDLE, _others_not_idle),
    (Cause.NOTHING, _nothing_answered),
    (Cause.UNANSWERED, _unanswered),
    (Cause.BUSY, _generator_busy),
    (Cause.CEILING, _ceiling_exceeded),
    (Cause.STARVED, _starved),
    (Cause.DROPPED, _dropped),
    (Cause.BEHIND, _fell_behind),
    (Cause.OVER_CAPACITY, _over_capacity),
)
