"""All runs in one list: what each says, which ratio they share, and that a broken one is a line and no end of it."""

import json
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import altair
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.comparison.rows import Comparison
from lab.commands import history
from lab.errors import Exit
from lab.paths import RESULTS, ROOT
from lab.report import index, overview, pair, runs
from lab.report.pair import Pair
from lab.report.write import write_comparisons
from lab.run import store
from lab.run.console import console
from tests.conftest import remeasured
from tests.synthetic import rows_of, run_facts, scenario, stack, write_run

FAST, SLOW, OTHER = (
    stack("fast", handlers="async"), stack("slow", handlers="sync", model="threads"), stack("other", handlers="async"),
)  # fmt: skip
HANDLERS = Pair("json", "closed:8", "fast", "slow", ("handlers",))


def row(stack: str = "fast", baseline: str = "slow", ratio: float = 1.5, **changes: Any) -> Comparison:
    said = Comparison(
        "json", "closed:8", stack, baseline, "rps", ratio, ratio / 1.1, ratio * 1.1, "different", 0.08, ("handlers",), 8, 0.95, 0.01,
        0.01, 0.1,
    )  # fmt: skip
    return replace(said, **changes)


def made(results: Path, name: str, *rows: Comparison, day: int = 1, **facts: Any) -> Path:
    """A run of which as much is there as the list reads."""
    began = {"started_at": datetime(2026, 5, day, 12, tzinfo=UTC).isoformat(), "ended_at": "2026-05-31T12:00:00Z"}
    run = write_run(results / name, run_facts([FAST, SLOW, OTHER], [scenario()], 8) | began | facts, [])
    write_comparisons(run / "comparisons.csv", rows)
    return run


def listed(results: Path) -> dict[str, runs.Past]:
    return {run.name: run for run in runs.found(results)}


def told(results: Path) -> Pair | None:
    return pair.headline(run.ratios for run in runs.found(results))


def printed(results: Path) -> list[str]:
    """The lines of the table, but for its head."""
    shown = console(width=300)
    with shown.capture() as said:
        for line in overview.lines(runs.found(results), told(results)):
            shown.print(line)
    return [line.rstrip() for line in said.get().splitlines()][1:]


def test_a_line_says_when_where_and_how_a_run_was_made(tmp_path: Path) -> None:
    machine = {"cpus": 2, "cpu": "abacus", "system": "Linux"}
    run = made(tmp_path, "mine", row(), runtime="docker", machine=machine)
    (run / "blocks.jsonl").write_text(
        '{"block":0,"attempt":0}\n{"block":1,"attempt":0}\n{"block":1,"attempt":1}\n{"blo'
    )
    line, *_ = printed(tmp_path)
    assert re.split(r"  +", line) == [
        "mine", "2026-05-01 12:00", "quick", "docker", "2 CPUs (abacus)", "2", "3", "1.50 x (1.36 to 1.65)",
    ]  # fmt: skip


def test_the_newest_run_comes_first_and_a_broken_one_where_its_name_says(tmp_path: Path) -> None:
    for day, name in ((1, "first"), (3, "reference/third"), (2, "second")):
        made(tmp_path, name, day=day)
    (tmp_path / "20260502T180000Z-quick").mkdir()
    (tmp_path / "20260502T180000Z-quick/run.json").write_text("{")
    (tmp_path / "nobody-knows").mkdir()
    (tmp_path / "nobody-knows/trials.jsonl").write_text("")
    assert list(listed(tmp_path)) == ["reference/third", "20260502T180000Z-quick", "second", "first", "nobody-knows"]


def test_a_run_that_goes_on_or_was_stopped_is_unfinished(tmp_path: Path) -> None:
    made(tmp_path, "mine", ended_at=None)
    assert "2026-05-01 12:00, unfinished" in printed(tmp_path)[0]


def test_only_folders_with_originals_are_runs_and_latest_is_no_second_one(tmp_path: Path) -> None:
    store.point_latest(tmp_path, store.RunFolder(made(tmp_path, "mine")))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/report.md").write_text("x")
    (tmp_path / "mine.lab.zip").write_text("x")
    assert list(listed(tmp_path)) == ["mine"]


def test_micro_benchmarks_are_in_the_list_without_a_ratio(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "results/reference/micro-process", tmp_path / "micro")
    made(tmp_path, "mine", row())
    found = listed(tmp_path)["micro"]
    assert (found.profile, found.runtime, found.blocks, found.problem) == ("micro", "process", None, "")
    assert found.report == "micro/micro.md"
    assert printed(tmp_path)[0].endswith(" -")


def test_the_ratio_is_that_contrast_of_handlers_that_most_runs_have(tmp_path: Path) -> None:
    for name in ("a", "b"):
        made(tmp_path, name, row(), row(scenario="db"), row("other", factors=("framework",)))
    made(tmp_path, "c", row(scenario="db"), row("other", factors=("framework",)))
    made(tmp_path, "d", row("other", factors=("framework",)))
    assert told(tmp_path) == HANDLERS._replace(scenario="db")
    assert [line.endswith(" -") for line in printed(tmp_path)[:4]] == [False, False, False, True]


def test_without_a_contrast_of_handlers_it_is_the_pair_that_most_runs_have(tmp_path: Path) -> None:
    made(tmp_path, "a", row("other", "fast", factors=("framework", "server")), row(factors=("loop",)))
    made(tmp_path, "b", row("other", "fast", factors=("framework", "server")))
    assert told(tmp_path) == Pair("json", "closed:8", "other", "fast", ("framework", "server"))
    assert "no contrast of handlers in any" in overview.about(told(tmp_path))


def test_of_several_it_is_the_first_of_the_alphabet_whatever_the_order_of_the_runs(tmp_path: Path) -> None:
    made(tmp_path, "a", row(scenario="json"), row(scenario="db"))
    made(tmp_path, "b", row(scenario="db"), row(scenario="json"))
    assert told(tmp_path) == HANDLERS._replace(scenario="db")


def test_async_is_compared_with_sync_whichever_was_the_baseline(tmp_path: Path) -> None:
    made(tmp_path, "a", row("slow", "fast", 0.5, lo=0.4, hi=0.8))
    made(tmp_path, "b", row("fast", "slow", 2))
    found = listed(tmp_path)["a"].ratios[HANDLERS]
    assert (found.ratio, found.lo, found.hi) == pytest.approx((2, 1.25, 2.5))
    assert HANDLERS in listed(tmp_path)["b"].ratios


@pytest.mark.parametrize(
    "left_out",
    [row(load="open:50%"), row(metric="cpu_us_per_request"), row("fast@aa", "fast", factors=())],
    ids=["open", "CPU", "A/A"],
)
def test_what_is_no_throughput_of_two_stacks_at_full_push_is_no_ratio(left_out: Comparison, tmp_path: Path) -> None:
    made(tmp_path, "a", left_out)
    assert told(tmp_path) is None
    assert printed(tmp_path)[0].endswith(" -")


def test_an_interval_that_needs_more_blocks_is_not_made_up(tmp_path: Path) -> None:
    made(tmp_path, "a", row(lo=None, hi=None, mde=None, verdict="inconclusive", blocks=1))
    assert printed(tmp_path)[0].endswith(" 1.50 x")
    (shown,) = json.loads(overview.as_json(runs.found(tmp_path), told(tmp_path)))
    assert (shown["headline"]["lo"], shown["headline"]["hi"]) == (None, None)


def test_comparisons_of_an_older_lab_have_no_factors(tmp_path: Path) -> None:
    run = made(tmp_path, "a", row())
    lines = [line.split(",") for line in (run / "comparisons.csv").read_text().splitlines()]
    place = lines[0].index("factors")
    (run / "comparisons.csv").write_text("".join(",".join(line[:place] + line[place + 1 :]) + "\n" for line in lines))
    assert told(tmp_path) == HANDLERS._replace(factors=())


def test_a_run_without_comparisons_says_what_derives_them(tmp_path: Path) -> None:
    (made(tmp_path, "reference/mine") / "comparisons.csv").unlink()
    assert printed(tmp_path)[0].endswith("  No comparisons.csv: `make report RUN=reference/mine` derives it.")
    assert listed(tmp_path)["reference/mine"].stacks == ("fast", "slow", "other")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ratio", "rate"),
        ("1.5,", "x,"),
        ("1.5,", "nan,"),
        ("1.5,", "0,"),
        ("closed:8", "closed:x"),
        ("rps,1.5", "rps"),
        ("8,0.95", "many,0.95"),
    ],
)
def test_comparisons_that_are_damaged_are_named_with_what_derives_them_again(
    old: str, new: str, tmp_path: Path
) -> None:
    file = made(tmp_path, "mine", row()) / "comparisons.csv"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    assert printed(tmp_path)[0].endswith("  comparisons.csv is damaged: `make report RUN=mine` derives it again.")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"run"', b"\xff", b'{"format": 99}', b'{"format": 2}', b"[" * 100_000], ids=len
)
def test_a_broken_run_is_a_line_that_says_so(content: bytes, tmp_path: Path) -> None:
    made(tmp_path, "whole", row())
    for original in ("run.json", "micro.json"):
        (tmp_path / f"broken-{original}").mkdir()
        (tmp_path / f"broken-{original}" / original).write_bytes(content)
    whole, *broken = printed(tmp_path)[:3]
    assert whole.startswith("whole ")
    assert all(re.search(r"broken-\w+\.json .*(broken|damaged|newer lab|no results format)", line) for line in broken)
    assert not any(str(tmp_path) in line for line in broken)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "cpus", "handlers", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
FACTS = st.sampled_from(["profile", "stacks", "machine", "started_at", "ended_at", "runtime"])


@settings(max_examples=50)
@given(
    st.dictionaries(FACTS, JSON),
    st.dictionaries(st.integers(0, 400), st.sampled_from([b"", b",", b'"', b"\n", b"-", b"\xff", b"\0"])),
)
def test_whatever_stands_in_a_run_the_list_is_made(
    tmp_path_factory: pytest.TempPathFactory, facts: Mapping[str, Any], changes: Mapping[int, bytes]
) -> None:
    results = tmp_path_factory.mktemp("results")
    file = made(results, "strange", row(), row(scenario="db"), **facts) / "comparisons.csv"
    content = [bytes([byte]) for byte in file.read_bytes()]
    for place, change in changes.items():
        content[place % len(content)] = change
    file.write_bytes(b"".join(content))
    made(results, "whole", row())
    found = runs.found(results)
    assert {run.name for run in found} == {"strange", "whole"}
    assert index.of(found, told(results))
    assert len(json.loads(overview.as_json(found, told(results)))) == 2
    printed(results)


def test_the_command_prints_the_list_and_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(history, "RESULTS", tmp_path)
    made(tmp_path, "mine", row())
    assert history.history(as_json=False) == Exit.DONE
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("run ")
    assert said[1].startswith("mine ")
    assert "the throughput of fast over that of slow, json at 8 users: what `async def` brings" in said[2]
    assert said[-1] == str(tmp_path / "index.html")
    assert (tmp_path / "index.html").read_text().startswith("<!doctype html>")


def test_the_list_as_json_is_for_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(history, "RESULTS", tmp_path)
    run = made(tmp_path, "mine", row(), runtime="process", machine={"cpus": 1, "cpu": "abacus"})
    (run / "report.md").write_text("x")
    assert history.history(as_json=True) == Exit.DONE
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown == {
        "name": "mine", "started_at": "2026-05-01T12:00:00+00:00", "finished": True, "profile": "quick", "runtime": "process",
        "machine": "1 CPU (abacus)", "report": "mine/report.md", "problem": None, "blocks": None, "stacks": ["fast", "slow", "other"],
        "headline": {
            "scenario": "json", "load": "closed:8", "stack": "fast", "reference": "slow", "factors": ["handlers"],
            "ratio": 1.5, "lo": 1.36364, "hi": 1.65, "verdict": "different",
        },
    }  # fmt: skip


def test_without_a_run_the_list_says_what_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(history, "RESULTS", tmp_path)
    assert history.history(as_json=False) == Exit.DONE
    assert "There is no run yet: `make bench` makes one." in capsys.readouterr().out
    assert "There is no run yet" in (tmp_path / "index.html").read_text()


def test_the_page_leads_to_each_report_and_what_a_run_brought_along_stays_text(tmp_path: Path) -> None:
    (made(tmp_path, "mine", row()) / "report.html").write_text("x")
    (
        made(tmp_path, 'a" onclick="alert(1)', machine={"cpus": 2, "cpu": "<script>alert(1)</script>"}) / "report.md"
    ).write_text("x")
    text = index.write(tmp_path, runs.found(tmp_path), told(tmp_path)).read_text()
    page = re.sub(r"<script\b.*?</script>", "", text, flags=re.DOTALL)
    assert '<a href="mine/report.html">mine</a>' in page
    assert '<a href="a%22%20onclick%3D%22alert%281%29/report.md">' in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"\bsrc=|https?://", page), "it needs nothing else"


def test_the_chart_has_each_ratio_with_its_interval_at_its_time(tmp_path: Path) -> None:
    made(tmp_path, "a", row(), runtime="docker", day=1)
    made(tmp_path, "b", row(ratio=2, lo=None, hi=None), runtime="process", day=2)
    made(tmp_path, "c", day=3)
    (picture,) = index.of(runs.found(tmp_path), told(tmp_path)).pictures
    (chart,) = picture.charts
    points = rows_of(chart)
    assert [(point["run"], point["began"], point["ratio"]) for point in points] == [
        ("b", "2026-05-02T12:00:00+00:00", 2), ("a", "2026-05-01T12:00:00+00:00", 1.5),
    ]  # fmt: skip
    assert "lo" not in points[0]
    assert (points[1]["lo"], points[1]["hi"]) == (1.3636, 1.65)
    altair.Chart.from_dict(dict(chart.definition), validate=True)


def test_a_page_of_runs_without_a_common_ratio_has_no_chart(tmp_path: Path) -> None:
    made(tmp_path, "a")
    assert list(index.of(runs.found(tmp_path), told(tmp_path)).pictures) == []


@remeasured
def test_fifty_large_runs_are_listed_in_a_second_of_cpu_time(tmp_path: Path) -> None:
    large = RESULTS / "reference/standard-all-docker"
    for number in range(50):
        (tmp_path / f"{number}").mkdir()
        for name in ("run.json", "blocks.jsonl", "comparisons.csv"):
            shutil.copy2(large / name, tmp_path / f"{number}")
    began_s = time.process_time()
    found = runs.found(tmp_path)
    assert pair.headline(run.ratios for run in found)
    assert len(found) == 50
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    assert time.process_time() - began_s < 1
