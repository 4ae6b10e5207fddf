"""The comparison says what the truth is, and no more than the blocks allow."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as distributions  # type: ignore[import-untyped]
from statsmodels.stats.power import TTestPower

from lab.analysis.comparison.chance import RUNS, chance
from lab.analysis.comparison.paired import ALPHA, SIMULATED_ALPHA, Verdict, critical, mde, signed_rank_ps, verdict
from lab.analysis.comparison.pairs import Observation, Pair, pairs
from lab.analysis.comparison.rows import MARGIN, Comparison, compare, families, steps

PAIRS = [(1, [0]), (2, [0]), (3, [0])]
ALMOST = 0.03
"""A critical value of so many simulated runs is right to about two per cent."""


def seen(arm: str, values: list[float], metric: str = "rps", load: str = "closed:8") -> list[Observation]:
    return [Observation(arm, "json", load, block, metric, value) for block, value in enumerate(values)]


def pair_of(logs: list[float], other: list[float] | None = None) -> Pair:
    """A stack whose log ratios are these; with another stack beside it."""
    ratios = {"base": [0.0] * len(logs), "b": logs} | ({"c": other} if other else {})
    observed = [one for arm, logs in ratios.items() for one in seen(arm, [100 * math.exp(log) for log in logs])]
    return pairs(observed, "base")[0]


def said(logs: list[float], margin: float) -> Verdict:
    pair = pair_of(logs)
    return verdict(pair, critical([pair]), margin)


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
    assert (row.lo, row.hi, row.mde, row.p_adjusted, row.verdict) == (None, None, None, None, "inconclusive")


@given(st.integers(2, 5), st.floats(0.1, 10))
def test_fewer_than_six_blocks_make_no_claim(blocks: int, speed: float) -> None:
    row = only(compare(seen("base", [100.0] * blocks) + seen("b", [100 * speed] * blocks), "base"))
    assert row.verdict == "inconclusive"
    assert row.mde is None


def test_with_one_stack_interval_and_p_are_students_at_the_simulated_level() -> None:
    logs = [0.1, 0.3, 0.2, -0.25, 0.05, 0.15]
    base, arm = [100.0] * 6, [100 * math.exp(log) for log in logs]
    row = only(compare(seen("base", base) + seen("b", arm), "base"))
    half = distributions.t.ppf(1 - SIMULATED_ALPHA / 2, 5) * distributions.sem(logs)
    assert row.adjusted_half == pytest.approx(half, rel=ALMOST)
    student = distributions.ttest_1samp(logs, 0).pvalue
    assert row.p_adjusted == pytest.approx(student * ALPHA / SIMULATED_ALPHA, abs=0.02)


def test_an_arm_of_equal_noise_narrows_the_others_interval() -> None:
    """Alone, five degrees of freedom; with the other arm more."""
    random = np.random.default_rng(1)
    calm, others = random.normal(0, 0.05, (2, 6))
    alone, beside = pair_of(list(calm)), pair_of(list(calm), list(others))
    assert critical([beside]) < critical([alone])


def test_the_noise_of_a_noisy_arm_widens_its_own_interval_more_than_the_others() -> None:
    calm, rough = pairs(
        seen("base", [100, 101, 99, 100, 102, 98])
        + seen("calm", [100, 99, 101, 100, 98, 102])
        + seen("rough", [60, 150, 80, 170, 100, 50]),
        "base",
    )
    assert rough.error > 1.5 * calm.error


def test_a_noisy_arm_does_not_hide_the_noise_of_two_quiet_ones() -> None:
    """Requests of a real run: by their residuals, both measurements of the baseline had no noise at all."""
    counts = {
        "base": [1532, 1514, 1571, 1419, 1551, 1562, 1564, 1526],
        "base@aa": [1586, 1540, 1531, 1237, 1543, 1557, 1514, 1459],
        "flask": [1266, 1319, 1358, 1352, 1357, 1393, 1367, 1189],
        "def": [1755, 1658, 1969, 1782, 1889, 1619, 1632, 1657],
        "quart": [850, 756, 685, 352, 816, 796, 839, 678],
    }
    rows = compare([one for arm, values in counts.items() for one in seen(arm, [*map(float, values)])], "base")
    aa = next(row for row in rows if row.is_aa)
    assert aa.verdict == "inconclusive"
    assert aa.lo is not None
    assert aa.lo < 0.95


def test_errors_are_exact_for_equal_noise_also_where_blocks_are_missing() -> None:
    """The mean square of the standard error is the variance of the mean."""
    random = np.random.default_rng(2)
    found = []
    table = np.full((4, 6), math.nan)
    present = np.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 0, 1]]) == 1
    for _ in range(60):
        table[present] = random.normal(0, 0.1, present.sum())
        found.append(chance(table.tolist(), PAIRS, [1]).errors ** 2)
    assert np.mean(found, axis=0) == pytest.approx(0.01 * 2 / np.array([5, 3, 4]), rel=0.15)
    equal = chance(table.tolist(), PAIRS, [1])
    assert equal.equal_means.shape == (RUNS, 3)
    assert abs(equal.equal_means.mean()) < 0.01


def test_different_needs_an_effect_beyond_the_margin() -> None:
    steady = [0.04, 0.041, 0.039, 0.04, 0.042, 0.038]
    assert said(steady, margin=0.05) == "equivalent"
    assert said(steady, margin=0.03) == "different"


def test_the_interval_of_an_equivalent_pair_is_the_90_percent_one_that_decided() -> None:
    """1.04 x: within 10 % by the 90 % interval, although the adjusted one reaches beyond."""
    logs = [math.log(1.04) + off for off in (-0.06, 0.06, -0.05, 0.05, -0.02, 0.02)]
    row = only(
        compare(seen("base", [100.0] * 6, "p99_ms") + seen("b", [100 * math.exp(x) for x in logs], "p99_ms"), "base")
    )
    half = distributions.t.ppf(1 - SIMULATED_ALPHA, 5) * distributions.sem(logs)
    assert row.verdict == "equivalent"
    assert row.hi == pytest.approx(math.exp(np.mean(logs) + half), rel=0.005)
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
    assert said([0.9, -0.9, 0.8, -0.7, 0.9, -0.6], 0.05) == "inconclusive"
    assert said([1.5, -0.9, 1.8, -0.7, 0.9, -0.6], 0.05) == "inconclusive"


def test_equal_arms_are_equivalent_and_a_faster_one_is_different() -> None:
    base = [100.0, 104, 98, 101, 99, 103]
    rows = compare(seen("base", base) + seen("same", base) + seen("fast", [2 * value for value in base]), "base")
    assert {row.stack: row.verdict for row in rows} == {"same": "equivalent", "fast": "different"}


def seen_under(loads: list[str]) -> list[Comparison]:
    wobble = [1.0, 1.1, 0.9, 1.05, 0.95, 1.0]
    arms = (("base", wobble[::-1]), ("b", wobble))
    return compare([row for load in loads for arm, values in arms for row in seen(arm, values, load=load)], "base")


@pytest.mark.parametrize("others", [["open:200"], ["open:50%", "open:80%"]])
@pytest.mark.parametrize("load", ["closed:8", "open:100", "open:25%"])
def test_a_load_of_another_family_costs_no_power(load: str, others: list[str]) -> None:
    """And one of the same family does: it is another hypothesis of the same question."""
    is_one_family = ("%" in load) == ("%" in others[0]) and load.startswith("open")
    assert (seen_under([load, *others])[0] == seen_under([load])[0]) == (not is_one_family)


@pytest.mark.parametrize(
    ("load", "other", "one_question"),
    [
        ("closed:8", "closed:64+think=1s", False),
        ("closed:8", "closed:8+new-connections", False),
        ("open:100", "open:200+constant", False),
        ("closed:8+think=1s", "closed:64+think=2s", False),
        ("closed:8+think=1s", "closed:64+think=1s", True),
    ],
)
def test_loads_of_different_modifiers_are_no_family(load: str, other: str, one_question: bool) -> None:
    assert (seen_under([load, other])[0] == seen_under([load])[0]) == (not one_question)


def test_a_family_is_all_stacks_and_loads_of_one_scenarios_metric() -> None:
    observed = [
        one
        for load in ("closed:8", "closed:64", "open:200")
        for metric in ("rps", "p99_ms")
        for arm in ("base", "b", "c")
        for one in seen(arm, [1.0, 1.1], metric, load)
    ]
    found = families(pairs(observed, "base"))
    assert [len(family) for family in found] == [4, 4, 2, 2]
    assert all(len({(pair.scenario, pair.metric) for pair in family}) == 1 for family in found)


def test_the_aa_arm_is_a_family_of_its_own() -> None:
    base = [100.0, 104, 98, 101, 99, 103]
    found = pairs(seen("base", base) + seen("base@aa", base[::-1]) + seen("b", base[::-1]), "base")
    assert [[pair.stack for pair in family] for family in families(found)] == [["base@aa"], ["b"]]


def test_the_aa_arm_is_the_baseline_measured_a_second_time() -> None:
    """The others are compared with both of its windows; it itself with the first."""
    first, second, arm = [100.0] * 6, [121.0] * 6, [220.0] * 6
    rows = compare(seen("base", first) + seen("base@aa", second) + seen("b", arm), "base")
    assert {row.stack: row.ratio for row in rows} == {"base@aa": pytest.approx(1.21), "b": pytest.approx(2.0)}


def test_a_baseline_measured_twice_makes_an_error_a_quarter_smaller_in_variance() -> None:
    random = np.random.default_rng(5)
    once, twice = [], []
    for table in random.normal(0, 0.1, (40, 4, 6)):
        once.append(chance(table[:3].tolist(), [(1, [0])], [1]).errors[0] ** 2)
        twice.append(chance(table.tolist(), [(1, [0, 3])], [1]).errors[0] ** 2)
    assert np.mean(twice) / np.mean(once) == pytest.approx(0.75, rel=0.15)


def test_blocks_in_which_only_one_of_the_two_was_measured_count_too() -> None:
    first, second, arm = ([one for one in seen(name, [100.0] * 8) if one.block not in lost]
                          for name, lost in (("base", {0}), ("base@aa", {1, 2}), ("b", {3})))  # fmt: skip
    row = next(row for row in compare(first + second + arm, "base") if row.stack == "b")
    assert (row.blocks, row.ratio) == (7, pytest.approx(1))


def test_loads_of_a_family_are_simulated_apart() -> None:
    """With the same draws the largest stray of two loads would be that of one."""
    base = [100.0, 104, 98, 101, 99, 103]
    one, two = pairs(
        [
            row
            for load in ("closed:8", "closed:64")
            for row in seen("base", base, load=load) + seen("b", base[::-1], load=load)
        ],
        "base",
    )
    assert critical([one, two]) > critical([one]) * 1.05


def test_a_pair_is_decided_beside_those_with_less_evidence_only() -> None:
    """What is far beyond doubt costs the others no power."""
    random = np.random.default_rng(4)
    arms = {name: 100 * math.exp(effect) * np.exp(random.normal(0, 0.05, 8)) for name, effect in
            {"base": 0, "far": 2, "farther": 3, "near": 0.05, "nearest": 0.0}.items()}  # fmt: skip
    family = pairs([one for arm, values in arms.items() for one in seen(arm, list(values))], "base")
    by_name = {pair.stack: pair for pair in family}
    found = {step.pair.stack: step for step in steps(family)}
    assert found["farther"].critical == critical(family)
    assert found["near"].critical == critical([by_name["near"], by_name["nearest"]])
    assert found["near"].critical == found["nearest"].critical


@settings(max_examples=20)
@given(st.lists(st.floats(-0.2, 0.2), min_size=4, max_size=8), st.integers(0, 1_000))
def test_an_interval_excludes_one_where_the_adjusted_p_is_at_most_alpha(effects: list[float], seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.05, (len(effects), 6))
    observed = [
        one
        for arm, (effect, logs) in enumerate(zip(effects, noise, strict=True))
        for one in seen(f"a{arm}", [100 * math.exp(effect + log) for log in logs])
    ]
    for step in steps(pairs(observed, "a0")):
        assert (abs(step.pair.mean) > step.critical * step.pair.error) == (step.p <= ALPHA)


@pytest.mark.parametrize(("blocks", "smallest"), [(6, 2 / 2**6), (10, 2 / 2**10)])
def test_the_signed_rank_p_has_its_floor(blocks: int, smallest: float) -> None:
    assert signed_rank_ps([[0.1 + i / 100 for i in range(blocks)]]) == [pytest.approx(smallest)]


def test_no_signed_rank_p_where_nothing_changed() -> None:
    assert signed_rank_ps([[0.0] * 8]) == [None]


@pytest.mark.parametrize("n", [6, 10, 30])
def test_the_mde_of_one_stack_is_that_of_statsmodels(n: int) -> None:
    logs = np.random.default_rng(n).normal(0, 0.1, n)
    pair, effect = pair_of(list(logs)), TTestPower().solve_power(nobs=n, alpha=SIMULATED_ALPHA, power=0.8)
    assert math.log1p(mde(pair, critical([pair]), 0) or 0) == pytest.approx(effect * np.std(logs, ddof=1), rel=ALMOST)


def test_the_mde_is_never_below_the_margin_and_grows_with_the_pairs_own_spread() -> None:
    still, calm, rough = (pair_of([spread, -spread] * 3) for spread in (0.0, 0.01, 0.1))
    assert mde(still, critical([still]), 0.05) == pytest.approx(0.05)
    assert 0.05 <= (mde(calm, critical([calm]), 0.05) or 0) < (mde(rough, critical([rough]), 0.05) or 0)
