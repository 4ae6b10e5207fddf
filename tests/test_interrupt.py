"""Ctrl-C ends a measurement at once, waits where something must not be cut, and never stops the cleaning up."""

import signal
from collections.abc import Iterator

import pytest

from lab.signals import deaf, deferred, interruptible


def test_sigterm_interrupts_as_ctrl_c_does_and_only_inside() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_deferred_signal_is_not_lost() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        with deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("written")
        done.append("never")
    assert done == ["written"]


def test_a_signal_in_the_cleaning_up_is_ignored() -> None:
    done: list[str] = []
    with interruptible(), deaf():
        signal.raise_signal(signal.SIGINT)
        done.append("cleaned")
    assert done == ["cleaned"]


def test_a_deferred_signal_interrupts_though_the_body_raises_and_hides_no_error() -> None:
    with pytest.raises(KeyboardInterrupt) as interrupt, interruptible(), deferred():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("the error")
    assert repr(interrupt.value.__context__) == "ValueError('the error')"


def test_a_signal_that_is_ignored_stays_ignored(ignored: signal.Signals) -> None:
    done: list[str] = []
    with interruptible():
        signal.raise_signal(ignored)
        with deferred():
            signal.raise_signal(ignored)
            done.append("written")
        done.append("all")
    assert done == ["written", "all"]
    assert signal.getsignal(ignored) == signal.SIG_IGN


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def ignored(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal that this process was started to ignore, as SIGINT of a job in the background."""
    before = signal.signal(request.param, signal.SIG_IGN)
    yield request.param
    signal.signal(request.param, before)


def test_what_must_not_be_cut_stays_deaf_inside_the_cleaning_up() -> None:
    done: list[str] = []
    with interruptible(), deaf():
        with deferred():
            signal.raise_signal(signal.SIGINT)
            done.append("stopped")
        done.append("cleaned")
    assert done == ["stopped", "cleaned"]


def test_a_signal_waits_for_the_end_of_the_outermost_deferred() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), interruptible(), deferred():
        with deferred():
            signal.raise_signal(signal.SIGTERM)
        done.append("written")
    assert done == ["written"]


def test_every_handler_comes_back_where_a_signal_arrives_as_they_are_restored() -> None:
    def raise_once_restored(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(number)

    before = {number: signal.signal(number, raise_once_restored) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(KeyboardInterrupt), deferred():
            signal.raise_signal(signal.SIGINT)
        assert {signal.getsignal(number) for number in before} == {raise_once_restored}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
