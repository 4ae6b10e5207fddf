"""Numbers as people read them: rounded to what they can carry, with their unit; a dash where nothing was measured."""

from collections.abc import Mapping, Sequence

from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.analysis.comparison.rows import MARGIN, Comparison
from lab.model.cell import Value
from lab.model.loads import Family, Load

NOTHING = "-"
LONGEST = 600
"""Characters of a reason; the 200 of a wrong body are among them."""
LOADS: Mapping[Family, str] = {
    "closed": "closed load",
    "open": "open load",
    "share": "open load at a share of capacity",
    "burst": "a burst",
}
METRICS = {"rps": "throughput", "cpu_us_per_request": "CPU time per request", "p99_ms": "99th percentile"}
_MORE_AND_LESS = {
    "rps": ("faster", "slower"),
    "cpu_us_per_request": ("more CPU", "less CPU"),
    "p99_ms": ("longer p99", "shorter p99"),
}


def number(value: float | None, digits: int = 3) -> str:
    """Write three significant digits with thousands separated: 0.0123, 1.23, 12.3, 12,300."""
    if value is None:
        return NOTHING
    rounded = float(f"{value:.{digits}g}")
    whole = len(str(int(abs(rounded)))) if abs(rounded) >= 1 else 1
    decimals = max(0, digits - whole) if abs(rounded) >= 1 or rounded == 0 else _leading_zeros(rounded) + digits
    return f"{rounded:,.{decimals}f}"


def _leading_zeros(value: float) -> int:
    """Count the zeros between the point and the first digit of a number below 1."""
    return -int(f"{value:e}".partition("e")[2]) - 1


def bracketed(value: Value) -> str:
    """Return an interval in brackets; empty where there is none."""
    return "" if value.lo is None or value.hi is None else f"({number(value.lo)} to {number(value.hi)})"


def percent(share: float | None) -> str:
    """Write a share (0 to 1) as a percentage; small ones keep two digits, so that one error in a thousand is seen."""
    if share is None:
        return NOTHING
    return f"{share * 100:.0f} %" if share == 0 or share >= 0.1 else f"{number(share * 100, 2)} %"


def clipped(text: str) -> str:
    """Return a reason, without its middle where it is longer than anybody reads."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"


def range_s(values: Sequence[float]) -> str:
    """Return the range of some seconds in brackets; empty where there is only one."""
    return f"({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""


def load(name: str) -> str:
    """Return a load in words: `64 users` for closed:64."""
    load = Load.model_validate(name)
    match load.family:
        case "closed":
            return modified(users(load), load)
        case "open":
            return modified(f"{load.amount:,} requests/s offered", load)
        case "share":
            return modified(f"{load.amount} % of its own capacity offered", load)
        case "burst":
            return modified("a burst from 20 to 120 % of its own capacity", load)


def users(load: Load) -> str:
    """Return `64 users`."""
    return f"{load.amount:,} user{'s' * (load.amount != 1)}"


def modified(text: str, load: Load) -> str:
    """Return a text on a load with what its modifiers say."""
    think = f"think time {load.think_ms / 1e3:g} s" if load.think_ms else ""
    connections = "a new connection for each request" if load.new_connections else ""
    arrivals = "constant arrivals" if load.arrivals == "constant" else ""
    return ", ".join(filter(None, [text, think, connections, arrivals]))


def not_by_cpu(bounds: Mapping[str, str]) -> str:
    """Return what else than the server's CPU bounded stacks, by stack: `offered rate (a, b); server slots (c)`."""
    known = {stack: bound for stack, bound in bounds.items() if bound}
    groups: dict[str, list[str]] = {}
    for stack, bound in sorted(known.items(), key=lambda item: item[1]):
        groups.setdefault(bound, []).append(stack)
    return "; ".join(
        f"{bound} ({', '.join(stacks) if len(stacks) < len(known) or len(known) == 1 else 'all'})"
        for bound, stacks in groups.items()
        if bound != "server CPU"
    )


def listed(names: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def ratio(row: Comparison) -> str:
    """Write `1.53 x (1.45 to 1.62)`; the level is named where it is not the usual one."""
    return f"{times(row.ratio)} x{interval(row)}"


def times(ratio: float) -> str:
    """Write a ratio with two decimals, a small one with two digits: 0.0044 and not 0.00."""
    return f"{ratio:.2f}" if ratio >= 0.1 else number(ratio, 2)


def interval(row: Comparison) -> str:
    """Return the interval that decided, in brackets after a blank; empty where there is none."""
    if row.lo is None or row.hi is None:
        return ""
    level = "90 %: " if row.verdict == "equivalent" else ""
    return f" ({level}{times(row.lo)} to {times(row.hi)})"


def direction(row: Comparison) -> str:
    return direction_of(row.metric, row.ratio > 1)


def direction_of(metric: str, is_more: bool) -> str:
    """Return what more of a metric is, or less of it: `faster` for more throughput."""
    more, less = _MORE_AND_LESS[metric]
    return more if is_more else less


def label(row: Comparison) -> str:
    """Return the verdict of a comparison in a few words."""
    if row.blocks < MIN_BLOCKS:
        return "no claim"
    match row.verdict:
        case "different":
            return direction(row)
        case "equivalent":
            return f"equal within {MARGIN[row.metric] * 100:.0f} %"
        case _:
            return "inconclusive"


def detail(row: Comparison) -> str:
    """Return the ratio with its interval and, without a difference, the minimum detectable difference."""
    detectable = "" if row.verdict == "different" or row.mde is None else f", detectable {percent(row.mde)}"
    return f"{ratio(row)}{detectable}"


def of_a_quota(row: Comparison) -> str:
    """Return the sentence of a comparison in which a CPU quota kept a stack from running: it says nothing of the stacks."""
    return f"{_subject(row)}: a CPU quota was measured, not the stack."


def _subject(row: Comparison) -> str:
    return f"{row.stack}: {times(row.ratio)} times the {METRICS[row.metric]} of {row.baseline}{interval(row)}"


def told(row: Comparison) -> str:
    """Return the ratio with its interval and what follows, without the names: `1.16 times the throughput (1.06 to 1.27), different`."""
    known = f"{times(row.ratio)} times the {METRICS[row.metric]}{interval(row)}, {label(row)}"
    return known if row.verdict == "different" or row.mde is None else f"{known} (detectable: {percent(row.mde)})"


def sentence(row: Comparison) -> str:
    """Return a comparison as a sentence, with its minimum detectable difference, and what more than one factor could explain."""
    subject = _subject(row)
    credit = f" They differ in {listed(row.factors)}, of which none is credited." if len(row.factors) > 1 else ""
    if row.blocks < MIN_BLOCKS:
        return f"{subject}. No claim: {row.blocks} block{'s' * (row.blocks != 1)}, at least {MIN_BLOCKS} are needed."
    verdict = f"different ({direction(row)})" if row.verdict == "different" else label(row)
    evidence = f"minimum detectable difference {percent(row.mde)}; signed-rank p {number(row.p_signed_rank, 2)}"
    return f"{subject}: {verdict} over {row.blocks} blocks; {evidence}.{credit}"
