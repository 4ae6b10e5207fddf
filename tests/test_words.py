"""How numbers are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0.00"), (0.01234, "0.0123"), (1.2345, "1.23"), (9.999, "10.0"), (123.45, "123"), (12345.6, "12,300")],
)  # fmt: skip
def test_numbers_have_three_significant_digits(value: float | None, text: str) -> None:
    assert words.number(value) == text


@given(st.floats(1e-6, 1e9))
def test_rounding_moves_a_number_by_less_than_a_hundredth(value: float) -> None:
    assert float(words.number(value).replace(",", "")) == pytest.approx(value, rel=0.01)


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "-"), (0.0, "0 %"), (0.00012, "0.012 %"), (0.0235, "2.4 %"), (0.5, "50 %"), (1.0, "100 %")],
)
def test_small_shares_keep_their_digits(share: float | None, text: str) -> None:
    assert words.percent(share) == text


def test_a_ratio_far_below_one_keeps_its_digits() -> None:
    assert [words.times(ratio) for ratio in (0.00441, 0.0999, 0.1, 1.234)] == ["0.0044", "0.10", "0.10", "1.23"]
