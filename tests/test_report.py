"""What people read, from runs whose truth is known."""

import csv
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.host import machine
from lab.model.loads import Load
from lab.model.outcome import Outcome
from lab.model.stack import NOT_OPTIMIZED, OPTIMIZED
from lab.paths import ROOT
from lab.report.view import view_of
from lab.report.write import write_report
from tests.synthetic import (
    SCENARIOS,
    STACKS,
    WOBBLE,
    failure,
    histogram,
    on_terminal,
    outcomes,
    run_facts,
    sample,
    scenario,
    stack,
    trial,
    write_run,
    written,
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return written(tmp_path_factory.mktemp("run"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def cell(report: Mapping[str, Path], stack_: str, scenario_: str) -> dict[str, str]:
    return next(r for r in rows(report["summary.csv"]) if (r["stack"], r["scenario"]) == (stack_, scenario_))


def test_summary_has_the_columns_of_the_results_contract(report: Mapping[str, Path]) -> None:
    assert report["summary.csv"].read_text().splitlines()[0] == (
        "stack,scenario,load,blocks,valid,outcome,reason,rps,rps_lo,rps_hi,mean_ms,p50_ms,p95_ms,p99_ms,error_rate,"
        "cpu_us_per_request,cpu_us_lo,cpu_us_hi,memory_mb,connects_per_request,other_cpus_busy,bound_by,"
        "first_event_p50_ms,first_event_p99_ms,event_gap_p50_ms,event_gap_p99_ms,streams_held,"
        "reconnects_per_request,service_p99_ms,lag_p99_ms,expected_error_rate,offered_rps,all_served_s,in_flight,recovery_s,busiest_worker,notes"
    )


def test_comparisons_begin_with_the_columns_of_the_results_contract(report: Mapping[str, Path]) -> None:
    header = report["comparisons.csv"].read_text().splitlines()[0]
    assert header.startswith("scenario,load,stack,baseline,metric,ratio,lo,hi,verdict,mde")


def test_a_valid_cell_has_its_numbers(report: Mapping[str, Path]) -> None:
    base = cell(report, "base", "json")
    assert (base["valid"], base["outcome"], base["blocks"], base["load"]) == ("true", "valid", "8", "closed:8")
    assert float(base["rps_lo"]) < float(base["rps"]) < float(base["rps_hi"])
    assert float(base["rps"]) == pytest.approx(1000, rel=0.02)


def test_a_failed_cell_shows_its_error_rate_and_no_latency(report: Mapping[str, Path]) -> None:
    broken = cell(report, "broken", "wait?ms=50")
    assert (broken["valid"], broken["outcome"], broken["error_rate"], broken["p50_ms"]) == ("false", "failed", "1", "")
    assert "status 500" in broken["reason"]


def test_what_a_stack_does_not_support_has_no_row(report: Mapping[str, Path]) -> None:
    assert ("first", "parse/plain") not in {(r["stack"], r["scenario"]) for r in rows(report["summary.csv"])}


def test_the_aa_arm_is_among_the_comparisons_and_not_in_the_summary(report: Mapping[str, Path]) -> None:
    assert not any("@aa" in row["stack"] for row in rows(report["summary.csv"]))
    found = [row for row in rows(report["comparisons.csv"]) if row["stack"] == "base@aa"]
    assert {row["baseline"] for row in found} == {"base"}
    assert {row["verdict"] for row in found if row["metric"] == "rps"} <= {"equivalent", "inconclusive"}


def test_the_slower_stack_is_different_and_failed_cells_are_not_compared(report: Mapping[str, Path]) -> None:
    compared = {(r["scenario"], r["stack"], r["metric"]): r for r in rows(report["comparisons.csv"])}
    slow = compared["json", "first", "rps"]
    assert slow["verdict"] == "different"
    assert float(slow["ratio"]) == pytest.approx(0.5, rel=0.05)
    assert ("wait?ms=50", "broken", "rps") not in compared


def test_without_a_label_the_first_stack_is_the_baseline(tmp_path: Path) -> None:
    plain = [stack("b"), stack("a")]
    found: list[Outcome] = [sample(trial(block, name)) for block in range(6) for name in "ab"]
    run = write_run(tmp_path / "run", run_facts(plain, SCENARIOS[:1], 6), found)
    write_report(view_of(run))
    assert {(row["stack"], row["baseline"]) for row in rows(run / "comparisons.csv")} == {("a", "b")}


def test_html_stands_alone(report: Mapping[str, Path]) -> None:
    html = report["report.html"].read_text()
    page = re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL)
    assert not re.search(r"<(img|iframe)\b|@import|url\(|\bsrc=|<link (?!rel=\"icon\" href=\"data:,\">)", page)
    assert not re.search(r"<script[^>]*src=", html)
    assert not re.findall(r"https?://[^\s\"'<]+", page)


def test_every_chart_is_a_file_too_and_the_markdown_shows_it(report: Mapping[str, Path]) -> None:
    names = [name for name in report if name.endswith(".svg")]
    of_scenarios = ["json-closed-8", "parse-plain-closed-8", "wait-ms-50-closed-8"]
    assert {f"{slug}{which}.svg" for slug in of_scenarios for which in ("", "-latency")} <= set(names)
    for name in names:
        assert ElementTree.parse(report[name]).getroot().tag.endswith("svg")  # noqa: S314 - written a moment ago
        assert f"(charts/{name})" in report["report.md"].read_text()


@pytest.mark.parametrize("name", ["report.md", "report.html"])
def test_a_reader_finds_every_answer(report: Mapping[str, Path], name: str) -> None:
    text = re.sub(r"<script.*?</script>|</?a\b[^>]*>", "", report[name].read_text(), flags=re.DOTALL)
    assert "first: 0.50 times the throughput of base (" in text
    assert "it has no parser" in text
    assert "slower" in text
    assert "status 500" in text
    assert "Throughput under closed load: the minimum detectable difference is" in text
    assert "make bench PROFILE=quick STACKS=first,base,broken" in text
    assert "A/A" in text
    assert "best of" not in text.lower()


def test_failed_stacks_are_ranked_last(report: Mapping[str, Path]) -> None:
    section = report["report.md"].read_text().split("## wait?ms=50")[1].split("\n## ")[0]
    order = re.findall(r"^\| (base|first|broken)", section.partition("**What else")[0], re.MULTILINE)
    assert order == ["base", "first", "broken"]


def test_no_difference_is_never_said_without_what_could_have_been_seen(report: Mapping[str, Path]) -> None:
    text = report["report.md"].read_text()
    claims = re.findall(r"^- .*(?:equal within|inconclusive).*$", text.split("## How to read")[0], re.MULTILINE)
    assert claims
    assert all("minimum detectable difference" in claim for claim in claims)


def test_fewer_than_six_blocks_claim_nothing(tmp_path: Path) -> None:
    report = written(tmp_path, outcomes(blocks=3), blocks=3)
    assert {row["verdict"] for row in rows(report["comparisons.csv"])} == {"inconclusive"}
    text = report["report.md"].read_text()
    assert "No claim: 3 blocks, at least 6 are needed." in text
    assert "Throughput under closed load: no claim, since no pair has the 6 common blocks that one needs" in text


def test_a_run_that_grew_beyond_its_planned_blocks_makes_its_claims(tmp_path: Path) -> None:
    """Four blocks were planned; eight were measured until the ratios were known well enough."""
    text = written(tmp_path, blocks=4)["report.md"].read_text()
    ratios = text.split("## Every stack beside the baseline")[1].split("\n## ")[0]
    assert "| slower 0.50 x" in ratios
    assert "no claim" not in ratios


def test_each_metric_has_its_own_minimum_detectable_difference(tmp_path: Path) -> None:
    """Closed-loop throughput varies by 1 %, open-loop p99 by half: no sentence may mix the two."""
    ms = [10.0, 14, 8, 12, 9, 15, 7, 11]
    found: list[Outcome] = []
    for block in range(8):
        for arm in ("base", "first"):
            place = (block + len(arm)) % 8
            rps = 1000 * WOBBLE[place]
            latency = histogram({ms[place]: round(2 * rps)})
            found += [sample(trial(block, arm, load=load), rps, latency=latency) for load in ("closed:8", "open:1000")]
    facts = run_facts(STACKS[:2], [scenario("json")], 8)
    facts["profile"]["loads"] = [Load.model_validate(load).model_dump() for load in ("closed:8", "open:1000")]
    run = write_run(tmp_path / "run", facts, found)
    write_report(view_of(run))
    text = (run / "report.md").read_text()
    said = {
        kind: float(match[1])
        for kind in ("Throughput under closed load", "99th percentile under open load")
        if (match := re.search(rf"{kind}: the minimum detectable difference of its only pair is ([\d.]+) %", text))
    }
    assert said["Throughput under closed load"] < 10 < 40 < said["99th percentile under open load"]


def test_open_load_shows_latency_in_the_first_table(tmp_path: Path) -> None:
    found: list[Outcome] = [
        sample(trial(block, arm, load="open:1000")) for block in range(8) for arm in ("base", "first")
    ]
    facts = run_facts(STACKS[:2], [scenario("json")], 8)
    facts["profile"]["loads"] = [Load.model_validate("open:1000").model_dump()]
    run = write_run(tmp_path / "run", facts, found)
    write_report(view_of(run))
    ratios = (run / "report.md").read_text().split("## Every stack beside the baseline")[1].split("\n## ")[0]
    assert "| 8.00 ms p50 8.00, p99 8.00 ms | equal within 10 % 1.00 x (90 %: 1.00 to 1.00)" in ratios


def test_a_failure_shows_its_log_and_markup_in_it_stays_text(tmp_path: Path) -> None:
    found: list[Outcome] = [failure(trial(block, "first"), log_tail=("<b>Boom</b> | bar",)) for block in range(8)]
    report = written(tmp_path, found + [sample(trial(block, "base")) for block in range(8)])
    assert "&lt;b&gt;Boom&lt;/b&gt; | bar" in report["report.html"].read_text()
    assert "<b>Boom</b> | bar" in report["report.md"].read_text()


def test_a_reason_that_nobody_would_read_to_its_end_is_clipped(tmp_path: Path) -> None:
    report = written(tmp_path, [failure(trial(0, "base"), reason=f"GET /wait?x={'x' * 10_000}: no answer")])
    for name in ("report.md", "report.html"):
        assert "GET /wait?x=xxx" in report[name].read_text()
        assert "x" * 700 not in report[name].read_text()


def test_a_wrong_body_is_shown_whole_in_both_reports_and_stays_text(tmp_path: Path) -> None:
    body = "<script>alert(1)</script>" + "x" * 170 + "|end…"
    found: list[Outcome] = [sample(trial(0, "base"), errors={"wrong body": 2000}, requests=4000, wrong_body=body)]
    report = written(tmp_path, found)
    rest = "x" * 170
    assert f"begins '&lt;script>alert(1)&lt;/script>{rest}\\|end…'" in report["report.md"].read_text()
    assert f"begins &#39;&lt;script&gt;alert(1)&lt;/script&gt;{rest}|end…&#39;" in report["report.html"].read_text()


def test_nothing_measured_still_makes_a_report(tmp_path: Path) -> None:
    report = written(tmp_path, [failure(trial(0, "base"))])
    assert "failed" in report["report.md"].read_text()


def test_facts_are_shown_and_absent_ones_are_not(tmp_path: Path, report: Mapping[str, Path]) -> None:
    full = written(
        tmp_path,
        machine={"cpu": "Some CPU", "cpus": 2, "memory_bytes": 8e9, "system": "Linux 6"},
        cpu_plan={"server": [0], "others": [1]},
        runtime="docker",
        seed=7,
        started_at="2026-05-04T12:00:00+00:00",
        ended_at="2026-05-04T12:05:00+00:00",
        interruptions=["2026-05-04T12:02:00+00:00"],
        git={"commit": "abc", "dirty": True},
        sha256={"docker-compose.yml": "f00"},
        images={"base": "sha256:1"},
        not_applied=["image"],
        versions={"base": {"flask": "3.1.3"}},
        settings={
            "first": {"slots": {"value": 40, "source": "read"}, "workers": {"value": 1, "source": "configured"}},
            "broken": {"slots": {"value": 40, "source": "read"}},
            "base": {"slots": {"value": 80, "source": "read"}, "workers": {"value": 1, "source": "configured"}},
        },
        unequal={"base": ["base: slots: 80 (read) instead of 40"]},
        overhead={"trial_median_s": 0.2, "block_median_s": 4.0, "setup_s": None},
    )
    text = full["report.md"].read_text()
    for fact in (
        "Some CPU",
        "8.0 GB",
        "docker",
        "SEED=7",
        "flask 3.1.3",
        "abc",
        "f00",
        "| slots: requests at once where each needs a thread | 40 (first, broken); **80** (base) |",
        "1 (asked for)",
        "Not as declared: base: slots: 80 (read) instead of 40.",
        "4.00 s",
        "sha256:1",
    ):
        assert fact in text
    assert "## Machine" not in report["report.md"].read_text()
    assert "None" not in text + report["report.md"].read_text()


def test_an_open_load_is_judged_by_its_p99(tmp_path: Path) -> None:
    facts = run_facts(STACKS[:2], SCENARIOS[:1], 6)
    facts["profile"]["loads"] = [Load.model_validate("open:1000").model_dump()]
    slow = {8.0: 1900, 90.0: 100}
    found: list[Outcome] = [
        sample(trial(block, arm, load="open:1000"), latency=histogram(slow if arm == "first" else {8.0: 2000}))
        for block in range(6)
        for arm in ("first", "base")
    ]
    write_report(view_of(write_run(tmp_path / "run", facts, found)))
    text = (tmp_path / "run" / "report.md").read_text()
    assert "json, 1,000 requests/s offered" in text
    assert "longer p99" in text


def test_a_report_can_be_derived_again_and_comes_out_the_same(report: Mapping[str, Path]) -> None:
    before = {name: path.read_bytes() for name, path in report.items()}
    write_report(view_of(report["summary.csv"].parent))
    assert {name: path.read_bytes() for name, path in report.items()} == before


def test_an_omission_covers_a_path_or_all_below_it() -> None:
    omitting = stack(omits={"/parse/": "no parser", "/file/async": "no loop"})
    assert omitting.why_omitted("/parse/plain") == "no parser"
    assert omitting.why_omitted("/file/async") == "no loop"
    assert omitting.why_omitted("/file/thread") is None


@pytest.mark.parametrize(
    ("arguments", "build"),
    [
        ("'--enable-optimizations' '--with-lto'", OPTIMIZED),
        ("'--enable-shared'", NOT_OPTIMIZED),
        ("", None),
    ],
)
def test_how_a_python_was_built_is_read_from_its_own_words(arguments: str, build: str | None) -> None:
    assert machine.python_build(arguments) == build


def test_a_run_ends_with_the_ratios_and_verdicts_of_its_first_table(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", run_facts(STACKS, SCENARIOS, 8), outcomes())
    said = on_terminal(view_of(run))
    assert "Beside base, by the ratio inside each block, with its interval" in said
    assert re.search(r"^json +closed:8 +(broken|base) ", said, re.MULTILINE)
    assert re.search(r"^ +first +50\d .*▼ slower 0\.50 x \(0\.\d+ to 0\.\d+\)", said, re.MULTILINE)
    assert re.search(r"^ +broken .* failed *$", said, re.MULTILINE)
    write_report(view_of(run))
    assert re.search(r"slower 0\.50 x.*\| failed|failed.*slower 0\.50 x", (run / "report.md").read_text())
    assert "| not supported |" in (run / "report.md").read_text()


def test_markup_from_a_run_stays_text_in_markdown(tmp_path: Path) -> None:
    """Most viewers of Markdown pass HTML through."""
    stacks = [stack("first", omits={"/json": "<script>alert(1)</script>"}), stack("base", baseline=True)]
    found: list[Outcome] = [failure(trial(0, "base"), "<img src=x onerror=alert(1)>", log_tail=("```", "<b>"))]
    run = write_run(tmp_path / "run", run_facts(stacks, [scenario("json")], 1), found)
    write_report(view_of(run))
    text = (run / "report.md").read_text()
    assert "&lt;script>alert(1)&lt;/script>" in text
    assert "&lt;img src=x" in text
    assert "````\n```\n<b>\n````" in text
    assert "<" not in text.replace("````\n```\n<b>\n````", "")


def test_the_command_that_repeats_a_run_of_a_stranger_is_one_command(tmp_path: Path) -> None:
    """A reader copies it into a shell; make has a shell of its own."""
    stacks = [stack("a;touch x", baseline=True), stack("b")]
    facts = run_facts(
        stacks, [scenario("wait?ms=5", ms=5)], 1, runtime="$(shell touch x)", budget={"slots": 9, "x;touch x": 1}
    )
    command = view_of(write_run(tmp_path / "run", facts, [])).command
    assert (
        command
        == "make bench PROFILE=quick STACKS='a;touch x,b' SCENARIOS='wait?ms=5' SLOTS=9 RUNTIME='$$(shell touch x)'"
    )


@pytest.mark.parametrize("folder", ["results/x", "results/reference/x", ".lab/packs/0/x"])
def test_the_glossary_is_found_from_wherever_a_run_is_in_the_checkout(folder: str, tmp_path: Path) -> None:
    shown = view_of(write_run(tmp_path / "run", run_facts(STACKS, SCENARIOS, 1), []))
    here = replace(shown, run=replace(shown.run, folder=ROOT / folder))
    assert (ROOT / folder / here.glossary).resolve() == ROOT / "docs/glossary.md"


def test_a_stack_that_a_quota_kept_from_running_is_throttled_and_not_slow(tmp_path: Path) -> None:
    """`cpus: 0.5`: half the throughput is the quota's."""
    found: list[Outcome] = []
    for block in range(8):
        found += [sample(trial(block, "base")), sample(trial(block, "first"), 500, server_throttled_s=0.98)]
    run = write_run(tmp_path / "run", run_facts(STACKS[:2], [scenario("json")], 8), found)
    write_report(view_of(run))
    for name in ("report.md", "report.html"):
        text = (run / name).read_text()
        assert "throttled" in text
        assert "slower" not in text
        assert "a CPU quota was measured, not the stack" in text
