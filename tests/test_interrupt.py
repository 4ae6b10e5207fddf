"""Ctrl-C ends a measurement at once, waits where something must not be cut, and never stops the cleaning up."""

import signal

import pytest

from lab.interrupt import deaf, deferred, interruptible


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


def test_an_error_inside_is_not_hidden_by_a_deferred_signal() -> None:
    with pytest.raises(ValueError, match="the error"), interruptible(), deferred():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("the error")
