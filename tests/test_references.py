"""The committed runs: what their derived files say agrees with itself, and is what this lab derives."""

import csv
import math
from pathlib import Path

import pytest

from lab.analysis.comparison.rows import MARGIN
from lab.analysis.validity.use import foreign_beside
from lab.model.loads import Load
from lab.model.outcome import Sample
from lab.paths import RESULTS
from lab.report import contents, markdown, write
from lab.report.view import view_of
from lab.run.store import RunFolder

RUNS = sorted(path.parent for path in (RESULTS / "reference").glob("*/run.json"))
LARGE_BYTES = 2_000_000
"""Of trials.jsonl: a run of more takes several seconds for each test."""
Row = dict[str, str]


def table(run: Path, name: str) -> list[Row]:
    with (run / name).open(newline="") as file:
        return list(csv.DictReader(file))


def is_large(run: Path) -> bool:
    return (run / "trials.jsonl").stat().st_size > LARGE_BYTES


@pytest.fixture(
    params=[pytest.param(run, id=run.name, marks=[pytest.mark.slow] if is_large(run) else []) for run in RUNS]
)
def run(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_a_ratio_of_p99s_is_that_of_the_table_where_both_cells_have_the_same_blocks(run: Path) -> None:
    cells = {(cell["stack"], cell["scenario"], cell["load"]): cell for cell in table(run, "summary.csv")}
    found = 0
    for row in table(run, "comparisons.csv"):
        own, base = (cells.get((row[arm], row["scenario"], row["load"])) for arm in ("stack", "baseline"))
        if row["metric"] == "p99_ms" and own and base and own["blocks"] == base["blocks"] == row["blocks"]:
            assert float(own["p99_ms"]) / float(base["p99_ms"]) == pytest.approx(float(row["ratio"]), rel=1e-4)
            found += 1
    assert found


@pytest.mark.no_cover  # it takes four times as long with coverage
def test_the_derived_files_are_what_this_lab_derives(run: Path, tmp_path: Path) -> None:
    view = view_of(run)
    written = [
        write.write_summary(tmp_path / "summary.csv", view.cells),
        write.write_costs(tmp_path / "costs.csv", view.costs),
        write.write_comparisons(tmp_path / "comparisons.csv", view.comparisons),
    ]
    for path in written:
        assert path.read_text() == (run / path.name).read_text(), (
            f"call `python -m lab report --run=reference/{run.name}`"
        )
    page = contents.of(view)
    assert markdown.render(page) == (run / "report.md").read_text()


def test_every_interval_holds_its_ratio_and_agrees_with_its_verdict(run: Path) -> None:
    for row in table(run, "comparisons.csv"):
        ratio, lo, hi = (float(row[column]) for column in ("ratio", "lo", "hi"))
        margin = 1 + MARGIN[row["metric"]]
        assert lo <= ratio <= hi
        if row["verdict"] == "equivalent":
            assert 1 / margin < lo <= hi < margin
        if row["verdict"] == "different":
            assert lo > 1 or hi < 1
            assert not 1 / margin <= ratio <= margin


def test_an_interval_has_no_width_only_where_all_counts_are_equal(run: Path) -> None:
    flat = [row for row in table(run, "comparisons.csv") if row["lo"] and row["lo"] == row["hi"]]
    assert all(row["ratio"] == "1" for row in flat)


MOSTLY = 0.5
"""Of the answers: with more errors, correct answers are not the throughput."""
STEADY = 1.2
"""Times the throughput that its interval reaches: a cell that varies more from block to block fits the law in its interval only."""


def test_the_mean_of_a_closed_load_is_what_littles_law_says(run: Path) -> None:
    """N = X (R + Z); runs of which some users were never served before the window know less, and so do windows
    of few answers, of which long ones are cut off, or in which throughput was not steady."""
    window_ms = RunFolder(run).read_run()["profile"]["window_s"] * 1e3
    for cell in table(run, "summary.csv"):
        if (
            cell["load"].startswith("closed:")
            and cell["outcome"] == "valid"
            and cell["all_served_s"]
            and "Throughput" not in cell["notes"]
            and float(cell["expected_error_rate"] or 0) < MOSTLY
        ):
            load = Load.model_validate(cell["load"])
            rps, lo, hi = (float(cell[name] or cell["rps"]) for name in ("rps", "rps_lo", "rps_hi"))
            round_ms = float(cell["mean_ms"]) + load.think_ms
            rps_of_law = load.amount / round_ms * 1e3
            off = (
                max(lo / rps_of_law, rps_of_law / hi) if hi > STEADY * rps else max(rps / rps_of_law, rps_of_law / rps)
            )
            few = round_ms > window_ms / 5 or float(cell["p99_ms"] or 0) > window_ms / 2
            assert math.log(off) < (0.2 if few else 0.1)


@pytest.mark.parametrize(
    ("stack", "scenario", "load", "bound", "said"),
    [
        ("fastapi-two-workers", "json", "closed:1", "stall", "Nagle's algorithm"),
        ("fastapi-two-workers", "wait", "closed:1", "stall", "Nagle's algorithm"),
        ("fastapi-half-cpu", "json", "closed:64", "CPU quota", "it was throttled"),
        ("flask-restarting", "json", "closed:64", "server CPU", "serving processes were replaced"),
        ("fastapi-access-log", "json", "closed:64", "server CPU", ""),
        ("fastapi-middleware", "json", "closed:64", "server CPU", ""),
        ("fastapi-middleware", "wait", "closed:64", "offered rate", ""),
    ],
)
def test_a_fault_of_operation_is_named_and_what_costs_only_cpu_is_not_accused(
    stack: str, scenario: str, load: str, bound: str, said: str
) -> None:
    cells = table(RESULTS / "reference/variants-docker", "summary.csv")
    cell = next(c for c in cells if (c["stack"], c["scenario"], c["load"]) == (stack, scenario, load))
    assert (cell["outcome"], cell["bound_by"]) == ("valid", bound)
    assert said in cell["notes"] if said else not cell["notes"]


def test_a_stack_without_its_thread_pool_is_not_measured_on_it() -> None:
    cells = table(RESULTS / "reference/variants-docker", "summary.csv")
    (reason,) = {
        c["reason"] for c in cells if c["stack"] == "quart-no-pool" and c["outcome"] == "failed" and "64" in c["load"]
    }
    assert "but 40 run at once" in reason


OTHERS = {
    "answers-docker": (0.99, 0.117),
    "answers-process": (0.99, 0.121),
    "variants-docker": (1, 0.44),
    "standard-all-docker": (0.99, 0.119),
    "threads": (0.99, 0.13),
    "documented": (0.99, 0.196),
    "keep-alive": (0.99, 0.17),
}
"""Runs beside which others took more: which share of the trials, and how much of the CPUs was taken at most."""


def test_what_others_took_beside_the_server_is_far_below_the_limit(run: Path) -> None:
    """lab/analysis/validity/use.py says these figures."""
    shared = run.name == "workers"
    samples = [one for one in RunFolder(run).outcomes() if isinstance(one, Sample)]
    other_cpus = 2 if shared else 1
    shares = sorted(share for one in samples if (share := foreign_beside(one, other_cpus, shared=shared)) is not None)
    trials, most = OTHERS.get(run.name, (0.99, None))
    found = shares[min(int(trials * len(shares)), len(shares) - 1)]
    assert found < 0.1 if most is None else found == pytest.approx(most, abs=0.005)
