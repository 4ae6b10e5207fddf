"""The table of settings: what each stack ran with, and where it had something else than the equal budget."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.model.effective import NAMES, recorded
from lab.model.stack import Setting
from lab.report import words
from lab.report.read import Run

_NAMED = 3
"""So many stacks are always named."""


@dataclass(frozen=True)
class Cell:
    """The value of a setting on one stack; `odd` where most stacks have another one."""

    text: str
    odd: bool


@dataclass(frozen=True)
class Row:
    """One setting over all stacks, in the order of the run."""

    title: str
    cells: tuple[Cell, ...]

    def by_value(self, stacks: Sequence[str]) -> list[tuple[Cell, str]]:
        """Return each value with the stacks that have it, the most frequent first: many stacks make no columns."""
        users: dict[Cell, list[str]] = {}
        for cell, stack in zip(self.cells, stacks, strict=True):
            users.setdefault(cell, []).append(stack)
        ordered = sorted(users.items(), key=lambda item: -len(item[1]))
        return [(cell, _named(names, len(stacks))) for cell, names in ordered]


def _named(names: Sequence[str], of: int) -> str:
    """Name a few stacks; the most of many are "all others"."""
    if len(names) == of:
        return "all"
    return "all others" if len(names) > max(of / 2, _NAMED) else ", ".join(names)


def rows(run: Run) -> list[Row]:
    """Return every setting that is known of any stack."""
    settings = recorded(run.facts)
    found = [(name, [settings.get(stack.name, {}).get(name) for stack in run.stacks]) for name in NAMES]
    return [_row(name, values) for name, values in found if any(values)]


def exceptions(run: Run) -> list[str]:
    """Return what the stacks declared to have instead of the equal budget."""
    return [
        f"{stack.name}, {NAMES.get(name, name)}: {'none' if exempt.value is None else exempt.value} ({exempt.why})"
        for stack in run.stacks
        for name, exempt in stack.exceptions.items()
    ]


def unequal(run: Run) -> list[str]:
    """Say where a stack had something else without having declared it."""
    found: Mapping[str, list[str]] = run.facts.get("unequal", {})
    return [f"Not the equal budget: {sentence}." for sentences in found.values() for sentence in sentences]


def _row(name: str, settings: Sequence[Setting | None]) -> Row:
    values = [setting.value if setting else None for setting in settings]
    usual, times = Counter(values).most_common(1)[0]
    most = times > len(values) / 2
    cells = (
        Cell(_text(name, setting), most and value != usual) for setting, value in zip(settings, values, strict=True)
    )
    return Row(NAMES[name], tuple(cells))


def _text(name: str, setting: Setting | None) -> str:
    if setting is None:
        return words.NOTHING
    text = "none" if setting.value is None else str(setting.value)
    return f"{text} (asked for)" if setting.source == "configured" and name != "command" else text
