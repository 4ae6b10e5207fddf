"""The pages under docs/questions say what their committed runs measured."""

import csv
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from lab.paths import ROOT
from lab.report.words import number, times

PAGES = sorted((ROOT / "docs/questions").glob("*.md"))
FLASK, FASTAPI = "flask-gunicorn", "fastapi-uvicorn"
Row = dict[str, str]


@cache
def rows(run: str, file: str) -> tuple[Row, ...]:
    with (ROOT / f"results/reference/{run}/{file}.csv").open(newline="") as opened:
        return tuple(csv.DictReader(opened))


def cell(run: str, stack: str, scenario: str, load: str = "closed:64") -> Row:
    (found,) = (
        row for row in rows(run, "summary") if (row["stack"], row["scenario"], row["load"]) == (stack, scenario, load)
    )
    return found


def figure(run: str, column: str, stack: str, scenario: str, load: str = "closed:64") -> float:
    return float(cell(run, stack, scenario, load)[column])


def ratio(run: str, stack: str, baseline: str, scenario: str, load: str = "closed:64", metric: str = "rps") -> float:
    """The ratio of comparisons.csv, which knows a pair in one direction."""
    for row in rows(run, "comparisons"):
        if (row["scenario"], row["load"], row["metric"]) == (scenario, load, metric):
            if (row["stack"], row["baseline"]) == (stack, baseline):
                return float(row["ratio"])
            if (row["stack"], row["baseline"]) == (baseline, stack):
                return 1 / float(row["ratio"])
    raise LookupError(f"{run} does not compare {stack} with {baseline}")


def assert_said(page: str, sentences: Iterable[str]) -> None:
    text = " ".join((ROOT / f"docs/questions/{page}.md").read_text().split())
    assert [sentence for sentence in sentences if sentence not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_a_command_three_numbered_sentences_and_its_run(page: Path) -> None:
    text = page.read_text()
    assert len([line for line in text.splitlines() if line.startswith("    ") and " make bench " in line]) == 1
    numbered = [line for line in text.splitlines() if line[:3] in ("1. ", "2. ", "3. ", "4. ")]
    assert [line[0] for line in numbered] == ["1", "2", "3"]
    assert f"(../../results/reference/{page.stem}/report.md)" in text
    assert (ROOT / f"results/reference/{page.stem}/report.md").exists()


def test_threads() -> None:
    run, load = "threads", "closed:1000"

    def name(slots: int) -> str:
        return FLASK if slots == 40 else f"{FLASK}+slots={slots}"

    rps = {n: number(figure(run, "rps", name(n), "wait", load)) for n in (10, 40, 100, 300, 1000)}
    more_mb = figure(run, "memory_mb", name(1000), "wait", load) - figure(run, "memory_mb", FLASK, "wait", load)
    cpu = ratio(run, name(1000), FLASK, "wait", load, "cpu_us_per_request")
    more = ratio(run, name(100), FLASK, "db/one?ms=20", load)
    pooled = ratio(run, f"{name(300)}+db_pool=100", name(300), "db/one?ms=20", load)
    assert_said(
        run,
        [
            f"{rps[10]} requests/s with 10 of them, {rps[40]} with 40, {rps[100]} with 100, {rps[300]} with 300, and no more with 1,000.",
            f"{number(more_mb, 2)} MB more memory than 40, and no more CPU time for a request that waits ({times(cpu)} times)",
            f"more of them bring nothing (100 instead of 40: {times(more)} times)",
            f"100 connections bring 300 threads {times(pooled)} times",
        ],
    )
    assert ratio(run, name(1000), name(300), "wait", load) < 1.05
    assert ratio(run, FASTAPI, name(300), "wait", load) == pytest.approx(2, rel=0.1)
    assert ratio(run, FASTAPI, name(300), "wait", load, "cpu_us_per_request") == pytest.approx(0.5, abs=0.05)


def test_workers() -> None:
    run = "workers"

    def gains(stack: str) -> list[str]:
        return [times(ratio(run, f"{stack}+workers=2", stack, id_)) for id_ in ("crunch/inline", "json", "db/one")]

    cpu_us = [number(figure(run, "cpu_us_per_request", stack, "json")) for stack in (FLASK, f"{FLASK}+workers=2")]
    one, two = (f"{figure(run, 'memory_mb', stack, 'json'):.0f}" for stack in (FASTAPI, f"{FASTAPI}+workers=2"))
    busiest = figure(run, "busiest_worker", f"{FASTAPI}+workers=2", "json")
    assert_said(
        run,
        [
            "FastAPI gains {} times the throughput for CPU work, {} times for `json` and {} times for `db/one`".format(
                *gains(FASTAPI)
            ),
            "Flask gains {}, {} and {} times".format(*gains(FLASK)),
            f"a `json` takes it {cpu_us[0]} µs of CPU time, and {cpu_us[1]} µs with two workers",
            f"({two} MB instead of {one} MB for FastAPI)",
            f"the busier of two gave {100 * busiest:.0f} % of the responses to `json`",
        ],
    )


def test_keep_alive() -> None:
    run, new = "keep-alive", "closed:64+new-connections"
    others = (FLASK, "quart-hypercorn", "fastapi-def")
    more_cpu = [
        figure(run, "cpu_us_per_request", stack, id_, new) - figure(run, "cpu_us_per_request", stack, id_)
        for stack in (FASTAPI, *others)
        for id_ in ("json", "db/one")
    ]
    kept_rps, new_rps = (number(figure(run, "rps", FASTAPI, "json", load)) for load in ("closed:64", new))
    flask, quart, def_ = (
        [times(ratio(run, stack, FASTAPI, "json", load)) for load in ("closed:64", new)] for stack in others
    )
    turned = [times(ratio(run, FASTAPI, "fastapi-def", "db/one", load)) for load in ("closed:64", new)]
    assert_said(
        run,
        [
            f"takes {number(min(more_cpu))} to {number(max(more_cpu))} µs of the server's CPU time",
            f"FastAPI answers {new_rps} instead of {kept_rps} requests/s for `json`.",
            f"from {flask[0]} to {flask[1]} and from {quart[0]} to {quart[1]} times its throughput for `json`",
            f"`def` falls back from {def_[0]} to {def_[1]}.",
            f"{turned[0]} times the throughput of `def` with kept connections, and {turned[1]} times with new ones",
        ],
    )


def test_think_time() -> None:
    run, think = "think-time", "closed:2000+think=1s"
    rps, in_flight, p50_ms = (
        {stack: number(figure(run, column, stack, "wait", think)) for stack in (FASTAPI, FLASK)}
        for column in ("rps", "in_flight", "p50_ms")
    )
    pushing = ratio(run, FASTAPI, "fastapi-def", "db/one")
    assert_said(
        run,
        [
            f"FastAPI has {float(in_flight[FASTAPI]):.0f} in flight while it answers {rps[FASTAPI]} requests/s for `wait`",
            f"answer {rps[FLASK]} requests/s, and so {in_flight[FLASK]} of the users have a request in flight, for {p50_ms[FLASK]} ms (p50)",
            "both kinds of FastAPI's handlers answer 2,000 requests/s",
            f"`async def` has {times(pushing)} times the throughput of `def` with 64 users who never think",
        ],
    )
    assert {number(figure(run, "rps", stack, "db/one", think)) for stack in (FASTAPI, "fastapi-def")} == {"2,000"}


def test_probe() -> None:
    run, probe = "probe", "open:100"

    def p50_ms(stack: str, scenario: str) -> str:
        return number(figure(run, "p50_ms", stack, scenario, probe))

    def beside(technique: str) -> str:
        return f"json beside crunch/{technique}, closed:8"

    inline, thread = (
        number(figure(run, "rps", FASTAPI, f"crunch/{name}+json=probe@100/s", "closed:8"))
        for name in ("inline", "thread")
    )
    held, let_through = (
        [p50_ms(stack, beside(technique)) for stack in (FASTAPI, "fastapi-def", FLASK)]
        for technique in ("inline", "thread")
    )
    assert_said(
        run,
        [
            "takes {} ms (p50) on FastAPI with `async def`, {} ms with `def` and {} ms on Flask.".format(*held),
            "after {} ms with `async def`, {} ms with `def` and {} ms on Flask".format(*let_through),
            f"FastAPI comes to {thread} instead of {inline} of these computations per second",
        ],
    )
    for row in rows(run, "summary"):
        if row["scenario"].startswith("json beside"):
            assert float(row["p50_ms"]) > 3 * figure(run, "p50_ms", row["stack"], "json", probe)
        elif row["scenario"] == "json":
            assert float(row["p50_ms"]) < 1.05


def test_documented() -> None:
    run, guide, gevent = "documented", "+documented", "flask-gevent"
    memory_mb = {
        stack: f"{figure(run, 'memory_mb', stack, 'json'):.0f}"
        for stack in (FASTAPI, FASTAPI + guide, gevent, gevent + guide)
    }
    assert_said(
        run,
        [
            f"FastAPI with four has {times(ratio(run, FASTAPI + guide, FASTAPI, 'json'))} times the throughput for `json`, and takes "
            f"{memory_mb[FASTAPI + guide]} MB of memory instead of {memory_mb[FASTAPI]}",
            f"have {times(ratio(run, FLASK + guide, FLASK, 'wait'))} times the throughput of one with 40 for `wait`",
            f"as one does ({times(ratio(run, gevent + guide, gevent, 'wait'))} times), "
            f"for {memory_mb[gevent + guide]} MB instead of {memory_mb[gevent]}.",
        ],
    )
