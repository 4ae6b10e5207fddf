"""A row of a report: all trials of one stack on one scenario and load."""

from typing import Literal, Self

from pydantic import model_validator

from lab.model.noun import Amount, Count, Noun


class Value(Noun):
    """An estimate with its 95 % interval over blocks; the interval is None with fewer than two blocks."""

    mean: Amount
    lo: Amount | None = None
    hi: Amount | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lo is not None and self.hi is not None and not self.lo <= self.mean <= self.hi:
            raise ValueError("an interval holds its estimate")
        return self


class Cell(Noun):
    """One row of summary.csv: stack x scenario x load over all blocks."""

    stack: str
    scenario: str
    load: str
    blocks: Count
    """Valid blocks."""
    outcome: Literal["valid", "failed", "invalid"]
    reason: str = ""
    rps: Value | None = None
    mean_ms: Amount | None = None
    """Mean latency; this and the percentiles are geometric means over blocks of each block's own."""
    p50_ms: Amount | None = None
    p95_ms: Amount | None = None
    p99_ms: Amount | None = None
    error_rate: Amount | None = None
    """Share of the requests that erred unexpectedly, were dropped or stayed unfinished."""
    expected_error_rate: Amount | None = None
    """Share that ended in an error that the scenario declares: None where it declares none."""
    cpu_us_per_request: Value | None = None
    memory_mb: Amount | None = None
    connects_per_request: Amount | None = None
    reconnects_per_request: Amount | None = None
    """Kept connections that the server had closed, per request: what is lost where keep-alive does not hold."""
    service_p99_ms: Amount | None = None
    """Open load: from the actual send; the latency counts from the intended one."""
    lag_p99_ms: Amount | None = None
    """Open load: how late the generator sent."""
    other_cpus_busy: Amount | None = None
    """Share (0 to 1) of all CPUs outside the server's that was busy in the window: generator, database, upstream, others."""
    bound_by: str = ""
    first_event_p50_ms: Amount | None = None
    """Streams: from the request to the first event."""
    first_event_p99_ms: Amount | None = None
    event_gap_p50_ms: Amount | None = None
    """Streams: from an event to the next."""
    event_gap_p99_ms: Amount | None = None
    streams_held: Amount | None = None
    """Streams that were open at once: mean over the window, from how long each was."""
    all_served_s: Amount | None = None
    """Closed load: until each user had been answered once, median over blocks; None where in one some were not."""
    notes: tuple[str, ...] = ()
    """What a reader must know beside the outcome, one sentence each, with the amount and in how many of the blocks."""
