"""The columns of the derived tables, each written once: summary.csv, costs.csv, both reports and results/README.md have them from here.

A new figure is one more `Column`, or `CostColumn` for what each role used.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import Field

from lab.analysis import stats
from lab.analysis.stats import P50, P95, P99
from lab.analysis.validity.objections import unexpected_errors
from lab.model.cell import Cell, Figure, Value
from lab.model.loads import LOADS
from lab.model.noun import Amount, Noun
from lab.model.outcome import Driven, Role, Sample, Usage


@dataclass(frozen=True)
class Counted:
    """What a cell is computed from."""

    samples: Sequence[Sample]
    """Those of the blocks that count, with those of the A/A arm where it is the same stack; none where the cell is invalid."""
    measured: Sequence[Sample]
    """All of them."""
    expected_errors: tuple[str, ...]
    """Reasons of errors that the scenario declares."""

    def latency_ms(self, wanted: stats.Percentile) -> float | None:
        return stats.percentile_ms(self.samples, lambda sample: sample.driven.latency, wanted)

    def timing_ms(self, name: str, wanted: stats.Percentile) -> float | None:
        return stats.percentile_ms(self.samples, lambda sample: sample.driven.secondary_timings.get(name), wanted)

    def share(self, requests: int) -> float | None:
        """Return so many requests as a share of all in the windows; None without a request."""
        return stats.per(requests, sum(sample.driven.requests for sample in self.samples))


@dataclass(frozen=True)
class Column:
    """One column of summary.csv, with how a report shows it."""

    name: str
    meaning: str
    """For people: what it is, and when it is empty."""
    measure: Callable[[Counted], Figure] | None = None
    """None: not a figure but an attribute of the cell."""
    title: str = ""
    unit: str = ""
    table: Literal["numbers", "costs", "streams", "shares", ""] = ""
    """Where a report shows it, if any cell of the table has it."""
    digits: int = 3
    is_share: bool = False
    interval: str = ""
    """What the names of the two columns of its interval begin with; empty where it has none."""

    @property
    def names(self) -> list[str]:
        return [self.name, *([f"{self.interval}_lo", f"{self.interval}_hi"] if self.interval else [])]

    def fields(self, cell: Cell) -> dict[str, object]:
        """Return the column's fields in the cell's row of summary.csv."""
        if self.measure is None:
            return {self.name: getattr(cell, self.name)}
        found = cell.figures[self.name]
        bounds = (found.lo, found.hi) if isinstance(found, Value) else (None, None)
        return dict(zip(self.names, (cell.amount(self.name), *bounds), strict=False))


def _error_rate(of: Counted) -> float | None:
    wrong = (unexpected_errors(s, of.expected_errors) + s.driven.dropped for s in of.samples)
    return of.share(sum(wrong))


def _expected_error_rate(of: Counted) -> float | None:
    if not of.expected_errors:
        return None
    return of.share(sum(s.driven.errors.get(reason, 0) for s in of.samples for reason in of.expected_errors))


def _in_flight(of: Counted) -> float | None:
    thinks = any(s.driven.thinking_s for s in of.samples)
    return stats.held_at_once(of.samples) if thinks else None


def _streams_held(of: Counted) -> float | None:
    return stats.held_at_once(of.samples) if any(s.driven.secondary_timings for s in of.samples) else None


def _busiest(sample: Sample) -> float | None:
    workers = sample.usage["server"].workers if "server" in sample.usage else ()
    return stats.per(max(one.completed for one in workers), sum(one.completed for one in workers)) if workers else None


COLUMNS: tuple[Column, ...] = (
    Column("stack", "a service of docker-compose.yml, or a variant of one"),
    Column("scenario", "the path and its parameters"),
    Column("load", LOADS),
    Column("blocks", "valid blocks"),
    Column("valid", "`true` or `false`: whether the outcome is `valid`"),
    Column("outcome", "`valid`, `failed` (the stack's result) or `invalid` (the lab's fault)"),
    Column("reason", "why it is not valid; of a valid cell, which blocks were left out"),
    Column("rps", "correct responses per second that ended in the window; geometric mean over blocks with its 95 % interval",
           lambda of: stats.geometric(stats.over_blocks(of.samples, stats.rps)), "requests/s", "95 % interval", "numbers", interval="rps"),
    Column("mean_ms", "mean latency of the requests that started in the window; this and the percentiles are geometric means over "
           "blocks of each block's own", lambda of: stats.mean_ms(of.samples), "mean", "ms", "numbers"),
    Column("p50_ms", "median latency; it needs 20 requests",
           lambda of: of.latency_ms(P50), "p50", "ms", "numbers"),
    Column("p95_ms", "95th percentile of the latency; it needs 200 requests",
           lambda of: of.latency_ms(P95), "p95", "ms", "numbers"),
    Column("p99_ms", "99th percentile of the latency; it needs 1,000 requests",
           lambda of: of.latency_ms(P99), "p99", "ms", "numbers"),
    Column("error_rate", "share of the window's requests that ended in an unexpected error, were dropped or stayed unfinished",
           _error_rate, "errors", "", "numbers", is_share=True),
    Column("cpu_us_per_request", "CPU time of the server per correct response, in µs; geometric mean over blocks with its 95 % interval",
           lambda of: stats.geometric(stats.over_blocks(of.samples, stats.cpu_us_per_request)), "CPU/request", "µs, 95 % interval", "numbers",
           interval="cpu_us"),
    Column("memory_mb", "memory of the server at the window's end (MB = 10^6 bytes), median over blocks: PSS as processes, the control "
           "group's in containers", lambda of: stats.memory_mb(of.samples), "memory", "MB", "numbers"),
    Column("connects_per_request", "share of the requests sent in the window for which a connection was opened: 0 with perfect "
           "keep-alive, 1 where the server closes after each response; empty in runs of format 1",
           lambda of: stats.per_request(of.samples, lambda driven: driven.connects), "connects", "/request", "numbers", digits=2),
    Column("other_cpus_busy", "share of the CPUs of generator, database and upstream that was busy, with whatever else ran there, "
           "and with the server where it shares them",
           lambda of: stats.middle(sample.other_cores_busy for sample in of.measured), "other CPUs", "busy", "numbers",
           is_share=True),
    Column("bound_by", "CPU quota, server CPU, server slots, generator, database, upstream, stall, or offered rate"),
    Column("first_event_p50_ms", "streams: median time from the request to the first event",
           lambda of: of.timing_ms("first event", P50), "first event p50", "ms", "streams"),
    Column("first_event_p99_ms", "streams: 99th percentile of the time from the request to the first event",
           lambda of: of.timing_ms("first event", P99), "first event p99", "ms", "streams"),
    Column("event_gap_p50_ms", "streams: median time from an event to the next",
           lambda of: of.timing_ms("gap", P50), "gap p50", "ms", "streams"),
    Column("event_gap_p99_ms", "streams: 99th percentile of the time from an event to the next",
           lambda of: of.timing_ms("gap", P99), "gap p99", "ms", "streams"),
    Column("streams_held", "streams that were open at once: mean over the window, from how long each was open",
           _streams_held, "held at once", "streams, mean", "streams"),
    Column("reconnects_per_request", "share of the requests whose kept connection the server had closed; empty in runs of format 1",
           lambda of: stats.per_request(of.samples, lambda driven: driven.reconnects), "reconnects", "/request", "costs", digits=2),
    Column("service_p99_ms", "open load: 99th percentile of the time from the actual send; the latency counts from the intended one",
           lambda of: stats.percentile_ms(of.samples, lambda sample: sample.driven.service, P99), "service p99", "ms, from the send", "costs"),
    Column("lag_p99_ms", "open load: how late the generator sent, 99th percentile",
           lambda of: stats.percentile_ms(of.samples, lambda sample: sample.driven.lag, P99), "lag p99", "ms, generator", "costs"),
    Column("expected_error_rate", "share that ended in an error that the scenario declares (a full upstream's refusal), which is not in "
           "error_rate; empty where it declares none", _expected_error_rate, "expected errors", "", "numbers", is_share=True),
    Column("offered_rps", "open load: requests per second that were offered, median over blocks; at a share of capacity each stack has "
           "its own; empty in older runs", lambda of: stats.middle(sample.offered_rps for sample in of.samples),
           "offered", "requests/s, median", "shares"),
    Column("all_served_s", "closed load: seconds until each user had been answered once, median over blocks; the window begins after "
           "it; empty in open load, and where in some block a user was not",
           lambda of: stats.middle_of_all(s.driven.all_served_s for s in of.samples)),
    Column("in_flight", "closed load with think time: requests in flight, mean over the window, while the other users think; empty "
           "without think time", _in_flight, "in flight", "requests, mean", "numbers"),
    Column("recovery_s", "burst: seconds from the end of the step to 120 % of capacity until the median latency of a tenth of a second is "
           "at most twice that before the step, median over blocks; empty under other loads, and where in some block it was not back "
           "within the window", lambda of: stats.middle_of_all(s.driven.recovery_s for s in of.samples), "recovery", "s", "numbers",
           digits=2),
    Column("busiest_worker", "server of several workers under closed load: share of the responses that its busiest worker gave, median over "
           "blocks; 0.5 is even for two; empty for one worker, and where it is not known whose a connection is",
           lambda of: stats.middle(_busiest(sample) for sample in of.samples), "busiest worker", "of the responses", "numbers", is_share=True),
    Column("notes", "what must be known before the figures are quoted: replaced workers, quotas, stalls, a mean far above the p50, "
           "throughput that was not steady, a failed block that is excused"),
)  # fmt: skip
"""In the order of summary.csv."""


def figures(of: Counted) -> dict[str, Figure]:
    """Return every figure of a cell by the name of its column."""
    return {column.name: column.measure(of) for column in COLUMNS if column.measure}


@dataclass(frozen=True)
class CostColumn:
    """One column of costs.csv: how much a role used in a block."""

    name: str
    meaning: str
    measure: Callable[[Usage, Driven], float | None]
    title: str = ""
    unit: str = ""
    roles: tuple[Role, ...] = ()
    """Those of which a report shows it."""
    digits: int = 3

    def median(self, role: Role, samples: Iterable[Sample]) -> float | None:
        """Return the median over blocks of what the role used; None where it could not be read."""
        used = ((usage, sample.driven) for sample in samples if (usage := sample.usage.get(role)))
        return stats.middle(self.measure(usage, driven) for usage, driven in used)


COSTS: tuple[CostColumn, ...] = (
    CostColumn("cpu_us_per_request", "CPU time per correct response, in µs", lambda used, driven: stats.per(used.cpu_s, driven.completed, 1e6),
               "CPU/request", "µs", ("generator", "database", "upstream")),
    CostColumn("cores", "CPUs kept busy: 1.0 is one whole CPU", lambda used, driven: stats.per(used.cpu_s, driven.window_s)),
    CostColumn("memory_mb", "memory at the window's end (MB = 10^6 bytes): PSS of processes, or the control group's memory without its "
               "page cache", lambda used, _: stats.per(used.memory_bytes, 1e6)),
    CostColumn("threads", "threads at the window's end", lambda used, _: used.threads, "threads", "", ("server",)),
    CostColumn("context_switches_per_request", "context switches per correct response",
               lambda used, driven: stats.per(used.context_switches, driven.completed), "context switches", "/request", ("server",), digits=2),
    CostColumn("connections", "database: the most that were executing something at any of a few moments of the window",
               lambda used, _: used.connections, "connections busy", "", ("database",)),
)  # fmt: skip
"""In the order of costs.csv, after stack, scenario, load and role."""
ROLES: tuple[Role, ...] = get_args(Role)


class Cost(Noun):
    """One row of costs.csv: what server, generator, database or upstream used for a cell's requests."""

    stack: str
    scenario: str
    load: str
    role: Role
    figures: dict[str, Amount | None] = Field(default_factory=dict)
    """Name of a column -> the median over blocks; None where it could not be read."""


def costs(samples: Sequence[Sample]) -> list[Cost]:
    """Return one row for each role of a cell's samples."""
    trial = samples[0].trial
    cell = {"stack": trial.stack, "scenario": trial.scenario, "load": str(trial.load)}
    medians = {role: {column.name: column.median(role, samples) for column in COSTS} for role in ROLES}
    return [Cost(**cell, role=role, figures=figures) for role, figures in medians.items()]


COMPARISONS: Mapping[str, str] = {
    "scenario": "the path and its parameters",
    "load": "as in summary.csv",
    "stack": "the stack, or the A/A arm (`@aa`): the baseline a second time",
    "baseline": "what it is compared with: the run's baseline, or in a contrast without it the other stack",
    "metric": "`rps` (not at a share of capacity, where it was offered), `cpu_us_per_request` or `p99_ms`",
    "ratio": "stack over baseline, from the ratio inside each block",
    "lo": "lower end of the interval that decided: 90 % where the verdict is `equivalent`, else 95 % for the whole family",
    "hi": "its upper end",
    "verdict": "`different`, `equivalent` or `inconclusive`",
    "mde": "minimum detectable difference of this pair (0.08: 8 %), with a power of 80 %",
    "factors": "factors and changed settings in which the two differ, separated by commas; a contrast has one, runs of older formats have none",
    "blocks": "blocks that both have",
    "confidence": "level of the interval: 0.9 of this pair alone, 0.95 of its family",
    "p_adjusted": "p that the mean log ratio is 0, adjusted for the family (step-down maxT)",
    "p_signed_rank": "exact p of Wilcoxon's signed-rank test",
}
"""Column of comparisons.csv, an attribute of `Comparison` -> what it means."""
