"""The page of the micro benchmarks: micro.md and its pictures, derived from micro.json."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Any

import altair

from lab.analysis import micro
from lab.analysis.micro import CLAIMED, Original
from lab.model.cell import Value
from lab.report import words
from lab.report.charts.drawing import Chart, chart, definition, described, standalone

LEADING = (
    "call",
    "await",
    "sleep0-asyncio",
    "sleep0-uvloop",
    "task-asyncio",
    "task-uvloop",
    "thread-asyncio",
    "thread-uvloop",
)
"""Steps of the first lines."""
_LOOPS = ("asyncio", "uvloop")
_COLOURS = ["#8a8f98", "#3b82c4", "#d08a2e"]
_ROW_PX, _WIDTH_PX = 20, 420
_LINE = 150
"""Characters of a line, since documents quote the page."""
_DISTURBED = 0.1
"""From this share on, what runs on the other CPUs can slow the steps down: they may share a core."""


def write(folder: Path) -> list[Path]:
    """Write micro.md and its pictures into a folder with micro.json, and return their paths.

    Raises:
        LabError: micro.json is missing or damaged.
    """
    found = micro.original(folder)
    text = folder / "micro.md"
    text.write_text("".join(f"{line}\n" for line in page(found)))
    pictures = {folder / f"{one.slug}.svg": one for one in charts(found)}
    for path, one in pictures.items():
        path.write_text(standalone(one.svg))
    return [text, *pictures]


def answer(original: Original) -> Iterator[str]:
    """Yield the costs of the leading steps, then what the naive benchmark claims and what was measured."""
    found = micro.steps(original)
    yield from (f"{_about(original, name)}: {_time(found[name])}" for name in LEADING if name in found)
    ratios, proper = micro.naive_ratios(original), micro.proper_ratio(original)
    yield (
        f'Naive benchmark: quoted with an overhead of {_over(CLAIMED.ratio)} for a coroutine ("3-5 times slower"). '
        f"Measured by pyperf: {_over(proper.mean)}{_interval(proper)}. "
        f"{len(ratios)} repetitions of the naive one: {_over(min(ratios))} to {_over(max(ratios))}."
    )


def table(original: Original) -> Iterator[str]:
    """Yield where and how the steps were measured, the answer, and every step, in Markdown."""
    yield from (fill(_measured(original), _LINE), "")
    yield from (fill(f"- {line}", _LINE, subsequent_indent="  ") for line in answer(original))
    yield from ("", "| step | what | time | 95 % interval |", "| --- | --- | --: | --: |")
    for name, value in micro.steps(original).items():
        mean, interval = _time(value).partition(" (")[::2]
        yield f"| {name} | {_about(original, name)} | {mean} | {interval.rstrip(')')} |"


def page(original: Original) -> Iterator[str]:
    """Yield micro.md."""
    yield from ("# What a coroutine costs", "", *table(original), "")
    yield from ("![Each step](micro.svg)", "")
    yield from ("## How far the naive benchmark strays", "", *_strays(original))
    yield from ("", "![The repetitions of the naive benchmark](micro-naive.svg)")


def _strays(original: Original) -> Iterator[str]:
    ratios, proper, mean = micro.naive_ratios(original), micro.proper_ratio(original), micro.naive_ratio(original)
    functions = [one.function_s for one in original.naive]
    yield (
        f"It times {original.calls:,} calls once, then as many awaits once, and divides. One process gives one sample, "
        "which says nothing of its own spread."
    )
    yield ""
    yield (
        f"- In {len(ratios)} fresh processes the overhead was {_over(min(ratios))} to {_over(max(ratios))}, "
        f"in the mean {_over(mean.mean)}{_interval(mean)}."
    )
    if proper.lo is not None and proper.hi is not None:
        outside = sum(not proper.lo <= ratio <= proper.hi for ratio in ratios)
        yield f"- {outside} of the {len(ratios)} are outside the interval of the proper measurement{_interval(proper)}."
    yield (
        f"- The calls alone, always the same work, took {min(functions):.4f} to {max(functions):.4f} s: "
        f"{words.times(max(functions) / min(functions))} times as long in the slowest process as in the fastest."
    )
    if awaited := micro.steps(original).get("await"):
        yield (
            f"- The claimed times mean {words.number(CLAIMED.await_us)} µs for each await. "
            f"Here an await of an empty coroutine takes {_time(awaited)} in all."
        )


def _measured(original: Original) -> str:
    machine, processes = original.machine, max(map(len, original.steps.values()))
    where = f"{machine['cpus']} CPUs ({machine.get('cpu', 'unknown')}), {machine['system']}"
    busy = original.others_busy
    beside = "" if busy is None else f" The busiest other CPU was busy for {words.percent(busy)} of the time."
    advice = " Close other programs and measure again." if busy is not None and busy > _DISTURBED else ""
    return (
        f"Measured {original.started_at:%Y-%m-%d} on a machine of {where}, runtime {original.runtime}, "
        f"Python {original.python}, uvloop {original.versions.get('uvloop', 'unknown')}: {processes} processes for each step.{beside}{advice}"
    )


def _about(original: Original, name: str) -> str:
    loop = name.rpartition("-")[2]
    return f"{original.about[name]}{f', {loop}' if loop in _LOOPS else ''}"


def _time(value: Value) -> str:
    """Write microseconds with their interval, in ns below 1 µs."""
    scale, unit = (1e3, "ns") if value.mean < 1 else (1, "µs")
    ends = f" ({words.number(value.lo * scale)} to {words.number(value.hi * scale)})" if value.lo and value.hi else ""
    return f"{words.number(value.mean * scale)} {unit}{ends}"


def _over(ratio: float) -> str:
    """Write how much a ratio is over 1: 1.05 is `+5.0 %`."""
    share = 100 * (ratio - 1)
    return f"{share:+.0f} %" if abs(share) >= 100 else f"{share:+.1f} %"


def _interval(ratio: Value) -> str:
    return f" ({_over(ratio.lo)} to {_over(ratio.hi)})" if ratio.lo and ratio.hi else ""


def charts(original: Original) -> tuple[Chart, Chart]:
    """Return the steps on a logarithmic axis, and the repetitions of the naive benchmark over the proper interval."""
    return _ladder(original), _dots(original)


def _ladder(original: Original) -> Chart:
    """Return each step with its interval: a call and a thread differ by a factor of a thousand."""
    rows: list[dict[str, Any]] = [
        {"step": name, "loop": loop if (loop := name.rpartition("-")[2]) in _LOOPS else "none", "ns": value.mean * 1e3}
        | ({"lo": value.lo * 1e3, "hi": value.hi * 1e3} if value.lo and value.hi else {})
        for name, value in micro.steps(original).items()
    ]
    x = altair.X("ns:Q", title="ns (logarithmic), 95 % interval", axis=altair.Axis(format=",~r", tickCount=6))
    colour = altair.Color("loop:N", title="event loop").scale(domain=["none", *_LOOPS], range=_COLOURS)
    base = described().encode(y=altair.Y("step:N", sort=[row["step"] for row in rows], title=None))
    points = base.mark_point(filled=True, size=70, opacity=1).encode(x=x.scale(type="log", padding=16), color=colour)
    whiskers = base.transform_filter("isValid(datum.lo)").mark_rule(strokeWidth=2, color="currentColor")
    drawn = altair.layer(points, whiskers.encode(x="lo:Q", x2="hi:Q"))
    described_ = definition(drawn.properties(width=_WIDTH_PX, height=_ROW_PX * len(rows)))
    return chart("micro", "What each step costs", described_, rows)


def _dots(original: Original) -> Chart:
    """Return the overhead that each process of the naive benchmark gives, over the interval of the proper one."""
    proper = micro.proper_ratio(original)
    ends = {"lo": 100 * ((proper.lo or proper.mean) - 1), "hi": 100 * ((proper.hi or proper.mean) - 1)}
    rows = [{"process": n, "overhead": 100 * (r - 1)} for n, r in enumerate(micro.naive_ratios(original), start=1)]
    title = "overhead of a coroutine, %: naive repetitions; blue: the proper interval"
    band = (
        described().transform_filter("isValid(datum.lo)").mark_rect(opacity=0.35, color=_COLOURS[1], stroke=_COLOURS[1])
    )
    dots = (
        described()
        .transform_filter("isValid(datum.process)")
        .mark_point(filled=True, size=50, opacity=1, color=_COLOURS[2])
    )
    x = altair.X("overhead:Q", title=title).scale(zero=True)
    y = altair.Y("process:O", title="process", axis=altair.Axis(values=[1, 10, 20, 30]))
    drawn = altair.layer(band.encode(x="lo:Q", x2="hi:Q"), dots.encode(x=x, y=y))
    return chart(
        "micro-naive", "The naive benchmark", definition(drawn.properties(width=_WIDTH_PX, height=200)), [ends, *rows]
    )
