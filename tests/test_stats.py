"""Numbers of cells, from samples whose truth is known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as distributions  # type: ignore[import-untyped]

from lab.analysis import stats, summary
from lab.analysis.comparison.rows import compare
from lab.analysis.measures import MEASURES
from lab.analysis.validity.limits import Limits
from lab.model.cell import Cell
from lab.model.outcome import Outcome, Usage
from tests.synthetic import failure, histogram, sample, trial


def cells(*outcomes: Outcome) -> list[Cell]:
    return summary.cells(summary.judged(outcomes, lambda _: Limits()))


def only(*outcomes: Outcome) -> Cell:
    found = cells(*outcomes)
    assert len(found) == 1
    return found[0]


def test_a_cell_is_a_stack_a_scenario_and_a_load() -> None:
    found = cells(
        sample(trial(stack="a")),
        sample(trial(stack="b")),
        sample(trial(scenario="db/one")),
        sample(trial(load="closed:64")),
        sample(trial(block=1)),
    )
    assert len(found) == 4
    assert sum(cell.blocks for cell in found) == 5


def test_percentiles_are_the_geometric_mean_of_the_blocks_own() -> None:
    cell = only(
        sample(trial(block=0), rps=450, latency=histogram({10: 900})),
        sample(trial(block=1), rps=50, latency=histogram({40: 100})),
    )
    assert cell.amount("p50_ms") == pytest.approx(20, rel=0.002)
    assert cell.amount("p95_ms") == pytest.approx(20, rel=0.002)


def test_the_ratio_of_two_cells_p99_is_the_ratio_that_the_comparison_gives() -> None:
    """Histograms that were merged would say 900 / 10 here: one block of six was slow."""
    slow = [10.0, 10, 10, 10, 10, 900]
    trials = summary.judged(
        [sample(trial(block, arm), latency=histogram({ms: 2_000})) for arm, latencies in {"a": [10.0] * 6, "b": slow}.items()
         for block, ms in enumerate(latencies)],
        lambda _: Limits(),
    )  # fmt: skip
    base, other = summary.cells(trials)
    row = next(row for row in compare(summary.observations(trials, [base, other]), "a") if row.metric == "p99_ms")
    base_ms, other_ms = base.amount("p99_ms"), other.amount("p99_ms")
    assert base_ms is not None
    assert other_ms is not None
    assert other_ms / base_ms == pytest.approx(row.ratio)
    assert row.lo is not None
    assert row.hi is not None
    assert row.lo <= other_ms / base_ms <= row.hi


@pytest.mark.parametrize(("second", "expected"), [({}, 200), ({"starved": 8}, 100)])
def test_the_baselines_figures_are_of_its_aa_arm_too_where_that_is_valid(
    second: dict[str, int], expected: float
) -> None:
    """Then they are what its ratios are of; an arm that failed is in neither."""
    trials = summary.judged(
        [sample(trial(block, arm), rps=rps, **more) for block in range(6)
         for arm, rps, more in (("a", 100, {}), ("a@aa", 400, second), ("b", 200, {}))],
        lambda _: Limits(),
    )  # fmt: skip
    base, _, other = cells = summary.cells(trials)
    rows = compare(summary.observations(trials, cells), "a")
    row = next(row for row in rows if (row.stack, row.metric) == ("b", "rps"))
    assert base.rps is not None
    assert other.rps is not None
    assert base.rps.mean == pytest.approx(expected)
    assert other.rps.mean / base.rps.mean == pytest.approx(row.ratio)
    assert base.blocks == 6


def test_two_windows_of_one_block_are_one_replicate() -> None:
    """The interval is over blocks: three of them, whose geometric means are equal."""
    samples = [sample(trial(block), rps=rps) for block in range(3) for rps in (50, 200)]
    value = stats.geometric(stats.over_blocks(samples, stats.rps))
    assert value is not None
    assert (value.mean, value.lo, value.hi) == (pytest.approx(100), pytest.approx(100), pytest.approx(100))


@pytest.mark.parametrize(("percentile", "requests"), [("p50_ms", 20), ("p95_ms", 200), ("p99_ms", 1_000)])
def test_a_percentile_needs_ten_requests_beyond_it(percentile: str, requests: int) -> None:
    blocks = [sample(trial(block), rps=requests / 4) for block in range(2)]
    few = [sample(trial(block), rps=requests / 4 - 1) for block in range(2)]
    assert only(*blocks).amount(percentile) == pytest.approx(8, rel=0.002)
    assert only(*few).amount(percentile) is None


def test_a_block_with_too_few_requests_for_a_percentile_leaves_the_cell_without_it() -> None:
    """Left out alone, the slow block would make the stack look quicker."""
    cell = only(sample(trial(0), rps=5_000), sample(trial(1), rps=49, latency=histogram({500: 98})))
    assert cell.amount("p99_ms") is None
    assert cell.amount("p95_ms") is not None


def test_the_mean_is_what_littles_law_says_of_a_closed_load() -> None:
    """Eight users and 800 requests in 2 s: N / X is 20 ms, though half of all requests took 1 ms."""
    cell = only(sample(rps=400, latency=histogram({1.0: 500, 51.67: 300})))
    assert cell.amount("mean_ms") == pytest.approx(20, rel=0.002)
    assert cell.amount("p50_ms") == pytest.approx(1, rel=0.002)


def test_no_block_p99_under_a_hundred_requests() -> None:
    assert MEASURES["p99_ms"](sample(rps=49)) is None
    assert MEASURES["p99_ms"](sample(rps=50)) == pytest.approx(8, rel=0.002)


def test_the_interval_is_students_of_the_logs_transformed_back() -> None:
    rates = [900.0, 1000.0, 1150.0, 1010.0]
    logs = [math.log(rate) for rate in rates]
    lo, hi = distributions.t.interval(0.95, 3, loc=sum(logs) / 4, scale=distributions.sem(logs))
    value = stats.geometric(rates)
    assert value is not None
    assert value.mean == pytest.approx(math.exp(sum(logs) / 4))
    assert [value.lo, value.hi] == pytest.approx([math.exp(lo), math.exp(hi)])


@given(st.lists(st.floats(0.01, 1e6), min_size=2, max_size=30))
def test_the_interval_holds_its_estimate_and_the_estimate_lies_among_the_values(values: list[float]) -> None:
    value = stats.geometric(values)
    assert value is not None
    assert min(values) * 0.999 <= value.mean <= max(values) * 1.001


def test_one_block_has_no_interval() -> None:
    cell = only(sample(rps=500))
    assert cell.rps is not None
    assert (cell.rps.mean, cell.rps.lo, cell.rps.hi) == (500, None, None)


def test_throughput_counts_what_ended_in_the_window() -> None:
    assert stats.rps(sample(requests=1_000, completed=900, window_s=3)) == 300


def test_cpu_time_is_per_correct_response() -> None:
    cell = only(sample(rps=1000, cpu_s=1.0))
    assert cell.amount("cpu_us_per_request") == pytest.approx(500)


def test_what_was_not_measured_is_none() -> None:
    cell = only(sample(cpu_s=None, usage={}))
    assert (cell.amount("cpu_us_per_request"), cell.amount("memory_mb"), cell.amount("other_cpus_busy")) == (
        None,
        None,
        None,
    )


def test_memory_is_the_median_over_blocks_in_millions_of_bytes() -> None:
    sizes = [40_000_000, 90_000_000, 41_000_000]
    samples = [sample(trial(i), usage={"server": Usage(cpu_s=1, memory_bytes=size)}) for i, size in enumerate(sizes)]
    assert only(*samples).amount("memory_mb") == 41


def test_a_server_that_closes_every_connection_connects_once_per_request() -> None:
    """What was dropped was never sent, and needed no connection."""
    cell = only(sample(rps=1000, connects=2_000, reconnects=500))
    assert (cell.amount("connects_per_request"), cell.amount("reconnects_per_request")) == (1, 0.25)
    assert only(sample(rps=1000, requests=2_100, dropped=100, connects=2_000)).amount("connects_per_request") == 1


def test_connections_that_were_not_counted_inside_the_window_are_not_known() -> None:
    """Results of format 1 counted those of warm-up, window and drain together: 2.3 for a server that has exactly 1."""
    counted, unknown = sample(trial(0), connects=2_000), sample(trial(1), connects=None, reconnects=None)
    cell = only(counted, unknown)
    assert (cell.amount("connects_per_request"), cell.amount("reconnects_per_request")) == (None, None)


def test_errors_and_dropped_requests_make_the_error_rate() -> None:
    cell = only(sample(rps=1000, requests=2_100, errors={"status 500": 60}, dropped=40))
    assert cell.amount("error_rate") == pytest.approx(100 / 2_100)


def test_the_last_attempt_of_a_block_counts() -> None:
    first, again = sample(trial(attempt=0), rps=100), sample(trial(attempt=1), rps=200)
    for order in ((first, again), (again, first)):
        cell = only(*order)
        assert cell.blocks == 1
        assert cell.rps is not None
        assert cell.rps.mean == 200


def test_attempts_of_a_block_are_never_mixed() -> None:
    """The second attempt was broken off after its first trial: the first attempt is the block."""
    whole = [sample(trial(stack=stack), rps=100) for stack in "ab"]
    broken_off = sample(trial(stack="a", attempt=1), rps=900)
    assert summary.counted([*whole, broken_off]) == whole


def test_a_failed_cell_without_any_sample_has_no_numbers() -> None:
    cell = only(failure(trial(0)), failure(trial(1)))
    assert (cell.outcome, cell.blocks) == ("failed", 0)
    assert (
        cell.rps,
        cell.amount("p50_ms"),
        cell.amount("error_rate"),
        cell.amount("cpu_us_per_request"),
        cell.amount("memory_mb"),
    ) == (None,) * 5


def test_one_failed_block_makes_the_cell_failed_and_keeps_its_numbers() -> None:
    cell = only(sample(trial(0)), failure(trial(1)), sample(trial(2)))
    assert (cell.outcome, cell.blocks) == ("failed", 2)
    assert cell.reason.startswith("1 of 3 blocks: The server did not start")
    assert cell.rps is not None


def test_an_invalid_cell_carries_no_numbers() -> None:
    cell = only(sample(trial(0)), sample(trial(1), stolen=0.5))
    assert (cell.outcome, cell.rps, cell.amount("p50_ms"), cell.amount("error_rate")) == ("invalid", None, None, None)
    assert "hypervisor" in cell.reason


@pytest.mark.parametrize(("blocks", "outcome"), [(5, "valid"), (4, "invalid")])
def test_disturbed_blocks_are_left_out_where_most_are_valid(blocks: int, outcome: str) -> None:
    trials = [sample(trial(block), rps=100 if block < 2 else 1000, stolen=0.5 * (block < 2)) for block in range(blocks)]
    cell = only(*trials)
    assert (cell.outcome, cell.blocks) == (outcome, blocks - 2)
    assert f"2 of {blocks} blocks: The hypervisor took" in cell.reason
    assert (cell.rps and cell.rps.mean) == (pytest.approx(1000) if outcome == "valid" else None)
    judged = summary.judged(trials, lambda _: Limits())
    compared = {seen.block for seen in summary.observations(judged, summary.cells(judged))}
    assert compared == (set(range(2, blocks)) if outcome == "valid" else set())


def test_what_the_lab_itself_did_wrong_greys_the_cell_however_many_blocks_remain() -> None:
    """Requests that were made and never ended: not the machine's doing, and perhaps in the other blocks too."""
    cell = only(*(sample(trial(block), rps=1000, requests=2000 + (block == 3)) for block in range(20)))
    assert (cell.outcome, cell.blocks) == ("invalid", 19)
    assert "report this as a bug" in cell.reason


def test_the_labs_own_breakdown_is_invalid_and_not_the_stacks_failure() -> None:
    assert only(failure(reason="The driver died.", lab_fault=True)).outcome == "invalid"


@pytest.mark.parametrize(("requests", "known"), [(900, False), (1002, True)])
def test_no_p99_is_compared_where_the_cell_itself_has_none(requests: int, known: bool) -> None:
    """Six windows of 2 s."""
    trials = summary.judged(
        [sample(trial(block=block), rps=requests / 6 / 2) for block in range(6)], lambda _: Limits()
    )
    seen = summary.observations(trials, summary.cells(trials))
    assert ("p99_ms" in {observation.metric for observation in seen}) == known


def test_only_valid_cells_are_compared() -> None:
    judged = summary.judged(
        [sample(trial(stack="a")), failure(trial(stack="b")), sample(trial(stack="c"), stolen=0.5)], lambda _: Limits()
    )
    assert {seen.arm for seen in summary.observations(judged, summary.cells(judged))} == {"a"}


def test_each_block_gives_its_three_metrics() -> None:
    judged = summary.judged([sample(rps=1000, cpu_s=1.0)], lambda _: Limits())
    seen = {row.metric: row.value for row in summary.observations(judged, summary.cells(judged))}
    assert seen == {"rps": 1000, "cpu_us_per_request": 500, "p99_ms": pytest.approx(8, rel=0.002)}
