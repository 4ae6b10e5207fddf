"""The comparison says what the truth is, and no more than the blocks allow."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as distributions  # type: ignore[import-untyped]
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from benchmarks import simulate
from benchmarks.simulate import WORLDS, said_different
from lab.analysis.comparison.paired import ALPHA, detectable, mde, signed_rank_p, verdict
from lab.analysis.comparison.pairs import Observation
from lab.analysis.comparison.rows import MARGIN, Comparison, compare, holm
from lab.analysis.student import half_width
from lab.config import selection
from lab.paths import LOADTESTS

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def seen(arm: str, values: list[float], metric: str = "rps", load: str = "closed:8") -> list[Observation]:
    return [Observation(arm, "json", load, block, metric, value) for block, value in enumerate(values)]


def only(rows: list[Comparison]) -> Comparison:
    assert len(rows) == 1
    return rows[0]


def test_the_ratio_is_stack_over_baseline_inside_each_block() -> None:
    row = only(compare(seen("base", [100, 200, 400]) + seen("b", [150, 300, 600]), "base"))
    assert row.ratio == pytest.approx(1.5)
    assert (row.stack, row.baseline, row.metric, row.blocks) == ("b", "base", "rps", 3)
    assert row.lo == pytest.approx(1.5)
    assert row.hi == pytest.approx(1.5)


def test_a_block_that_one_arm_lacks_is_left_out_of_the_pair() -> None:
    base = seen("base", [100] * 7)
    arm = [observation for observation in seen("b", [110] * 7) if observation.block != 3]
    assert only(compare(base + arm, "base")).blocks == 6


def test_an_arm_without_a_common_block_or_without_baseline_gives_no_row() -> None:
    assert compare(seen("b", [1, 2]), "base") == []
    assert compare(seen("base", [1, 2]), "base") == []


def test_one_block_gives_a_ratio_and_nothing_more() -> None:
    row = only(compare(seen("base", [100]) + seen("b", [50]), "base"))
    assert row.ratio == pytest.approx(0.5)
    assert (row.lo, row.hi, row.mde, row.p_holm, row.verdict) == (None, None, None, None, "inconclusive")


@given(st.integers(2, 5), st.floats(0.1, 10))
def test_fewer_than_six_blocks_make_no_claim(blocks: int, speed: float) -> None:
    row = only(compare(seen("base", [100.0] * blocks) + seen("b", [100 * speed] * blocks), "base"))
    assert row.verdict == "inconclusive"
    assert row.mde is None


def test_the_interval_is_students_of_the_log_ratios() -> None:
    logs = [0.1, 0.3, 0.2, 0.25, 0.05, 0.15]
    base, arm = [100.0] * 6, [100 * math.exp(log) for log in logs]
    row = only(compare(seen("base", base) + seen("b", arm), "base"))
    lo, hi = distributions.t.interval(0.95, 5, loc=np.mean(logs), scale=distributions.sem(logs))
    assert [row.lo, row.hi] == pytest.approx([math.exp(lo), math.exp(hi)])


def test_different_needs_an_effect_beyond_the_margin() -> None:
    steady = [0.04, 0.041, 0.039, 0.04, 0.042, 0.038]
    assert verdict(steady, ALPHA, margin=0.05) == "equivalent"
    assert verdict(steady, ALPHA, margin=0.03) == "different"


def test_the_interval_of_an_equivalent_pair_is_the_90_percent_one_that_decided() -> None:
    """1.04 x: within 10 % by the 90 % interval, although the adjusted one reaches beyond."""
    logs = [math.log(1.04) + off for off in (-0.06, 0.06, -0.05, 0.05, -0.02, 0.02)]
    base, arm = [100.0] * 6, [100 * math.exp(log) for log in logs]
    other = [value * (1.3 if block % 2 else 0.75) for block, value in enumerate(base)]
    rows = compare(
        [o for name, v in {"base": base, "b": arm, "c": other}.items() for o in seen(name, v, "p99_ms")], "base"
    )
    row = next(row for row in rows if row.stack == "b")
    lo, hi = distributions.t.interval(0.90, 5, loc=np.mean(logs), scale=distributions.sem(logs))
    assert row.verdict == "equivalent"
    assert [row.lo, row.hi] == pytest.approx([math.exp(lo), math.exp(hi)])
    assert row.confidence == pytest.approx(0.90)
    assert row.adjusted_half is not None
    assert row.ratio * math.exp(row.adjusted_half) > 1.10


@given(st.lists(st.floats(-0.3, 0.3), min_size=6, max_size=12), st.sampled_from(["rps", "p99_ms"]))
def test_the_verdict_is_what_the_printed_interval_says(logs: list[float], metric: str) -> None:
    rows = compare(
        seen("base", [100.0] * len(logs), metric) + seen("b", [100 * math.exp(x) for x in logs], metric), "base"
    )
    row, limit = only(rows), 1 + MARGIN[metric]
    assert row.lo is not None
    assert row.hi is not None
    if row.verdict == "equivalent":
        assert 1 / limit < row.lo <= row.hi < limit
    if row.verdict == "different":
        assert row.lo > 1 or row.hi < 1


def test_a_wide_interval_is_inconclusive_whatever_the_mean() -> None:
    assert verdict([0.9, -0.9, 0.8, -0.7, 0.9, -0.6], ALPHA, 0.05) == "inconclusive"
    assert verdict([1.5, -0.9, 1.8, -0.7, 0.9, -0.6], ALPHA, 0.05) == "inconclusive"


def test_equal_arms_are_equivalent_and_a_faster_one_is_different() -> None:
    base = [100.0, 104, 98, 101, 99, 103]
    rows = compare(seen("base", base) + seen("same", base) + seen("fast", [2 * value for value in base]), "base")
    assert {row.stack: row.verdict for row in rows} == {"same": "equivalent", "fast": "different"}


@pytest.mark.parametrize("others", [["open:200"], ["open:50%", "open:80%"]])
@pytest.mark.parametrize("load", ["closed:8", "open:100", "open:25%"])
def test_a_load_of_another_family_costs_no_power(load: str, others: list[str]) -> None:
    """And one of the same family does: it is another hypothesis of the same question."""
    wobble = [1.0, 1.1, 0.9, 1.05, 0.95, 1.0]
    alone, beside = (
        compare(
            [
                row
                for one in loads
                for arm in ("base", "b")
                for row in seen(arm, wobble[:: 1 if arm == "b" else -1], load=one)
            ],
            "base",
        )
        for loads in ([load], [load, *others])
    )
    is_one_family = ("%" in load) == ("%" in others[0]) and load.startswith("open")
    assert (beside[0] == alone[0]) == (not is_one_family)


def test_holm_reads_a_family_as_all_stacks_and_loads_of_one_scenarios_metric() -> None:
    wobble = [1.0, 1.1, 0.9, 1.05, 0.95, 1.0]
    rows = compare(
        [
            observation
            for load in ("closed:8", "closed:64")
            for metric in ("rps", "p99_ms")
            for arm in ("base", "b", "c")
            for observation in seen(
                arm, [w * (1 + len(arm + load) / 9) for w in wobble[:: -1 if arm == "b" else 1]], metric, load
            )
        ],
        "base",
    )
    family = [row for row in rows if row.metric == "rps"]
    assert len(family) == 4
    assert min(1 - row.confidence for row in family) == pytest.approx(ALPHA / 4)


def test_the_aa_arm_is_a_family_of_its_own() -> None:
    base = [100.0, 104, 98, 101, 99, 103]
    rows = compare(seen("base", base) + seen("base@aa", base[::-1]) + seen("b", base[::-1]), "base")
    assert {row.stack: row.is_aa for row in rows} == {"base@aa": True, "b": False}
    alone = {arm: only(compare(seen("base", base) + seen(arm, base[::-1]), "base")) for arm in ("base@aa", "b")}
    assert all(row.adjusted_half == alone[row.stack].adjusted_half for row in rows)


@settings(max_examples=20)
@given(P_VALUES)
def test_adjusted_p_values_are_those_of_statsmodels(p_values: list[float]) -> None:
    rejected, adjusted, _, _ = multipletests(p_values, alpha=ALPHA, method="holm")
    levels, ours = holm(p_values)
    assert ours == pytest.approx(list(adjusted))
    decided = [p <= level for p, level in zip(p_values, levels, strict=True)]
    assert all(a == b for a, b, p in zip(decided, rejected, ours, strict=True) if abs(p - ALPHA) > 1e-9)


@given(P_VALUES)
def test_levels_lie_between_bonferroni_and_none(p_values: list[float]) -> None:
    levels, _ = holm(p_values)
    assert all(ALPHA / len(p_values) <= level <= ALPHA for level in levels)


@given(st.lists(st.floats(-1, 1).filter(lambda log: abs(log) > 1e-6), min_size=2, max_size=20), st.floats(0.8, 0.999))
def test_intervals_grow_with_confidence(logs: list[float], confidence: float) -> None:
    narrow, wide = half_width(logs, confidence), half_width(logs, 0.9995)
    assert narrow is not None
    assert wide is not None
    assert narrow <= wide


@pytest.mark.parametrize(("blocks", "smallest"), [(6, 2 / 2**6), (10, 2 / 2**10)])
def test_the_signed_rank_p_has_its_floor(blocks: int, smallest: float) -> None:
    assert signed_rank_p([0.1 + i / 100 for i in range(blocks)]) == pytest.approx(smallest)


def test_no_signed_rank_p_where_nothing_changed() -> None:
    assert signed_rank_p([0.0] * 8) is None


@pytest.mark.parametrize(("n", "level"), [(6, 0.05), (10, 0.05), (10, 0.05 / 12), (30, 0.01)])
def test_the_detectable_effect_is_that_of_statsmodels(n: int, level: float) -> None:
    assert detectable(n, level, 0) == pytest.approx(TTestPower().solve_power(nobs=n, alpha=level, power=0.8), rel=1e-4)


def test_the_mde_grows_with_the_pairs_own_spread() -> None:
    calm, rough = [0.01, -0.01] * 3, [0.1, -0.1] * 3
    assert (mde(calm, ALPHA, 0.05) or 1) < (mde(rough, ALPHA, 0.05) or 0)


@pytest.mark.parametrize("spread", [0.0, 0.001, 0.02, 0.05])
def test_a_difference_as_large_as_the_mde_is_called_different_in_four_runs_of_five(spread: float) -> None:
    """The margin counts too: with little spread, whatever lies inside it is never called different."""
    limit, random = math.log1p(0.05), np.random.default_rng(5)
    effect = spread * detectable(6, ALPHA, limit / spread) if spread else limit
    assert effect >= limit
    if spread:
        found = [verdict(list(random.normal(effect, spread, 6)), ALPHA, 0.05) == "different" for _ in range(2000)]
        assert sum(found) / len(found) == pytest.approx(0.8, abs=0.03)
    assert mde([0.0] * 6, ALPHA, 0.05) == pytest.approx(0.05)


@pytest.mark.slow
def test_identical_stacks_are_called_different_in_at_most_one_run_of_twenty() -> None:
    share = said_different(WORLDS[0], None, seed=20)
    assert share.value <= 0.05
    assert share.at_most <= 0.065


@pytest.mark.slow
def test_a_stack_ten_percent_slower_is_found_by_the_standard_profile() -> None:
    world = next(world for world in WORLDS if world.name == "standard, one 10 % slower")
    profile = selection.profile(LOADTESTS, "standard")
    assert (world.blocks, world.precision) == (profile.blocks, profile.precision)
    assert world.most_blocks <= (profile.most_blocks or 0)
    share = said_different(world, "b", seed=21)
    assert share.value >= 0.80
    assert share.at_least >= 0.77


def test_simulated_runs_follow_from_their_seed() -> None:
    assert list(simulate.runs(WORLDS[0], seed=3, number=3)) == list(simulate.runs(WORLDS[0], seed=3, number=3))
