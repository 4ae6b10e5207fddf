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
    cpu = {n: number(figure(run, "cpu_us_per_request", name(n), "wait", load)) for n in (40, 1000)}
    more_mb = figure(run, "memory_mb", name(1000), "wait", load) - figure(run, "memory_mb", name(40), "wait", load)
    fewer = ratio(run, name(1000), FLASK, "db/one?ms=20", load)
    more_cpu = ratio(run, name(1000), FLASK, "db/one?ms=20", load, "cpu_us_per_request")
    pooled = ratio(run, f"{name(300)}+db_pool=100", name(300), "db/one?ms=20", load)
    assert_said(
        run,
        [
            f"{rps[10]} requests/s with 10 of them, {rps[40]} with 40, {rps[100]} with 100, {rps[300]} with 300, and no more with 1,000.",
            f"1,000 threads take {number(more_mb, 2)} MB more memory than 40",
            f"({cpu[1000]} and {cpu[40]} µs), where FastAPI takes {number(figure(run, 'cpu_us_per_request', FASTAPI, 'wait', load))} µs",
            f"1,000 threads answer {times(fewer)} times what 40 do, for {times(more_cpu)} times the CPU time of a request",
            f"100 connections bring {times(pooled)} times",
        ],
    )
    assert ratio(run, name(1000), name(300), "wait", load) < 1.05
    assert ratio(run, FASTAPI, name(300), "wait", load) == pytest.approx(2, rel=0.1)


def test_workers() -> None:
    run = "workers"
    more = {
        (s, id_): times(ratio(run, f"{s}+workers=2", s, id_))
        for s in (FASTAPI, FLASK)
        for id_ in ("json", "db/one", "crunch/inline")
    }
    one, two = (f"{figure(run, 'memory_mb', stack, 'json'):.0f}" for stack in (FASTAPI, f"{FASTAPI}+workers=2"))
    busiest = figure(run, "busiest_worker", f"{FASTAPI}+workers=2", "json")
    assert_said(
        run,
        [
            f"{more[FASTAPI, 'crunch/inline']} times the throughput of FastAPI with one worker",
            f"and {more[FLASK, 'crunch/inline']} times that of Flask",
            f"`json` of FastAPI gains {more[FASTAPI, 'json']} times, `db/one` {more[FASTAPI, 'db/one']} times",
            f"({two} MB instead of {one} MB for FastAPI)",
            f"the busier of two gave {100 * busiest:.0f} % of the responses to `json`",
        ],
    )


def test_keep_alive() -> None:
    run, new = "keep-alive", "closed:64+new-connections"
    stacks = (FLASK, FASTAPI, "fastapi-def", "quart-hypercorn")
    more_cpu = [
        figure(run, "cpu_us_per_request", stack, "json", new) - figure(run, "cpu_us_per_request", stack, "json")
        for stack in stacks
    ]
    kept_rps, new_rps = (number(figure(run, "rps", FASTAPI, "json", load)) for load in ("closed:64", new))
    flask = [times(ratio(run, FLASK, FASTAPI, "json", load)) for load in ("closed:64", new)]
    turned = [times(ratio(run, FASTAPI, "fastapi-def", "db/one", load)) for load in ("closed:64", new)]
    assert_said(
        run,
        [
            f"{number(min(more_cpu))} to {number(max(more_cpu))} µs of the server's CPU time, so that FastAPI answers {new_rps} instead of "
            f"{kept_rps} requests/s for `json`.",
            f"{flask[0]} times FastAPI's throughput with kept connections, and {flask[1]} times with new ones",
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
            f"with {rps[FASTAPI]} requests/s for `wait`, of which {float(in_flight[FASTAPI]):.0f} are in flight at once",
            f"answer {rps[FLASK]} requests/s, and so {in_flight[FLASK]} of its users have a request in flight, for {p50_ms[FLASK]} ms "
            f"(p50) instead of {float(p50_ms[FASTAPI]):.0f}.",
            f"`async def` has {times(pushing)} times the throughput of `def` with 64 users who never think, and the same with 2,000 who do",
        ],
    )
    assert ratio(run, FASTAPI, "fastapi-def", "db/one", think) == pytest.approx(1, abs=0.01)


def test_probe() -> None:
    run, probe = "probe", "open:100"

    def p50_ms(stack: str, scenario: str) -> str:
        return number(figure(run, "p50_ms", stack, scenario, probe))

    def beside(technique: str) -> str:
        return f"json beside crunch/{technique}, closed:8"

    inline, thread = (
        number(figure(run, "rps", FASTAPI, f"crunch/{name}", "closed:8")) for name in ("inline", "thread")
    )
    assert_said(
        run,
        [
            f"takes {p50_ms(FASTAPI, beside('inline'))} ms (p50) instead of {p50_ms(FASTAPI, 'json')}, while threads of Flask let it in "
            f"after {p50_ms(FLASK, beside('inline'))} ms",
            f"{p50_ms(FASTAPI, beside('thread'))} ms, while the work itself comes to {thread} instead of {inline} requests/s",
            f"(FastAPI with `def`: {p50_ms('fastapi-def', beside('thread'))} ms instead of {p50_ms('fastapi-def', beside('inline'))})",
        ],
    )
    for row in rows(run, "summary"):
        if row["scenario"].startswith("json beside"):
            assert float(row["p50_ms"]) > 3 * figure(run, "p50_ms", row["stack"], "json", probe)
        elif row["scenario"] == "json":
            assert float(row["p50_ms"]) < 1.1


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
            f"({times(ratio(run, gevent + guide, gevent, 'wait'))} times), for {memory_mb[gevent + guide]} MB instead of {memory_mb[gevent]}.",
        ],
    )
