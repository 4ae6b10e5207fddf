"""The table of settings: what each stack ran with, and where it had something else than the equal budget."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lab.model.effective import NAMES, recorded
from lab.model.stack import Setting
from lab.report import page, words
from lab.report.read import Run

_NAMED = 3
"""So many stacks are always named."""


def _named(names: Sequence[str], of: int) -> str:
    """Name a few stacks; the most of many are "all others"."""
    if len(names) == of:
        return "all"
    return "all others" if len(names) > max(of / 2, _NAMED) else ", ".join(names)


def rows(run: Run) -> list[page.Row]:
    """Return every setting that is known of any stack, each value with the stacks that have it: many stacks make no columns."""
    settings = recorded(run.facts)
    found = [(name, {stack.name: settings.get(stack.name, {}).get(name) for stack in run.stacks}) for name in NAMES]
    return [page.row(NAMES[name], _values(name, of)) for name, of in found if any(of.values())]


def _values(name: str, settings: Mapping[str, Setting | None]) -> list[page.Text]:
    """Return the values of one setting, the most frequent first; what differs from most stacks is strong."""
    values = {stack: setting.value if setting else None for stack, setting in settings.items()}
    usual, times = Counter(values.values()).most_common(1)[0]
    users: dict[tuple[str, str], list[str]] = {}
    for stack, setting in settings.items():
        odd = times > len(values) / 2 and values[stack] != usual
        users.setdefault((_text(name, setting), "strong" if odd else ""), []).append(stack)
    ordered = sorted(users.items(), key=lambda item: -len(item[1]))
    return [page.Text(text, f"({_named(stacks, len(values))})", tone) for (text, tone), stacks in ordered]


def exceptions(run: Run) -> list[str]:
    """Return what the stacks declared to have instead of the equal budget."""
    return [
        f"{stack.name}, {NAMES.get(name, name)}: {'none' if exempt.value is None else exempt.value} ({exempt.why})"
        for stack in run.stacks
        for name, exempt in stack.exceptions.items()
    ]


def _text(name: str, setting: Setting | None) -> str:
    if setting is None:
        return words.NOTHING
    text = "none" if setting.value is None else str(setting.value)
    return f"{text} (asked for)" if setting.source == "configured" and name != "command" else text
