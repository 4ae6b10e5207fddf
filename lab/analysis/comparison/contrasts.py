"""Contrasts: pairs of stacks that differ in one factor or changed setting, found from what each stack declares."""

from collections.abc import Sequence
from itertools import combinations

from lab.model.stack import CONFIGURATION, EQUAL, SETTINGS, Stack

USUAL: dict[str, tuple[str, ...]] = {
    "loop": ("asyncio", "uvloop"),
    "parser": ("h11", "httptools"),
    "handlers": ("sync", "async"),
    "model": ("sync", "threads", "greenlets", "async"),
}
"""Factor -> its values in the order in which people ask: what does the later one bring instead of the earlier?"""


def differing(one: Stack, other: Stack) -> tuple[str, ...]:
    """Return the factors in which two stacks differ, and the settings that are changed in one of them.

    A factor that one of them does not declare belongs to its server and is not compared. Asynchronous handlers on an event
    loop have the model `async`, which is then no difference beside that of the handlers.
    """
    own, others = one.factors, other.factors
    found = tuple(factor for factor in own if factor in others and own[factor] != others[factor])
    if "handlers" in found and "async" in (one.model, other.model):
        return tuple(factor for factor in found if factor != "model")
    return found


def differences(stacks: Sequence[Stack], baseline: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return stack and reference -> the factors in which they differ: each stack beside the baseline, then the contrasts.

    Of a contrast without the baseline, the reference is the one whose value people ask from, or the earlier stack.
    """
    base = next((stack for stack in stacks if stack.name == baseline), None)
    others = [stack for stack in stacks if stack.name != baseline]
    beside = {(stack.name, baseline): differing(stack, base) for stack in others} if base else {}
    for earlier, later in combinations(others, 2):
        if len(factors := differing(later, earlier)) == 1:
            stack, reference = instead_of(later, earlier)
            beside[stack.name, reference.name] = factors
    return beside


def instead_of(one: Stack, other: Stack) -> tuple[Stack, Stack]:
    """Return the two stacks of a contrast, the one first whose value people ask for: `async` instead of `sync`.

    Where nobody asks in a usual order, they stay as they are given. Of a setting it is the larger value.
    """
    (factor,) = differing(one, other)
    own, others = (_place(factor, stack.factors[factor]) for stack in (one, other))
    return (other, one) if own is not None and others is not None and own < others else (one, other)


def _place(factor: str, value: str) -> int | None:
    """Return where a value stands in the order in which people ask; None where there is no such order."""
    if factor == CONFIGURATION:
        return int(value != EQUAL)
    if factor in SETTINGS:
        return int(value)
    values = USUAL.get(factor, ())
    return values.index(value) if value in values else None
