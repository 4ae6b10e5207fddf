"""The facts of a run as text: when, where, with what settings. A fact that run.json does not have is not shown."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any

from lab.model.effective import NAMES, recorded
from lab.model.outcome import Sample
from lab.model.stack import Setting
from lab.model.workload import LONGEST_RAMP
from lab.report import page, words
from lab.report.read import Run

Table = dict[str, str]
_NAMED = 3
"""So many stacks are always named."""


def setup(run: Run) -> Iterator[str]:
    """Yield the sentences of one paragraph: when, on what, how much."""
    profile, machine = run.profile, run.facts.get("machine", {})
    if started := run.facts.get("started_at"):
        yield f"Measured {when(started)}"
        cpus = machine.get("cpus", "?")
        where = f"on {cpus} CPU{'s' * (cpus != 1)} ({machine.get('cpu', 'unknown')}), {machine.get('system', '')}"
        yield f"{where.rstrip(', ')}."
    if runtime := run.facts.get("runtime"):
        yield f"Runtime: {runtime}."
    if changed := run.facts.get("budget"):
        asked = words.listed([f"{setting}={value}" for setting, value in changed.items()])
        yield f"The equal budget is changed: every stack has {asked} where it can."
    blocks = len({outcome.trial.block for outcome in run.outcomes})
    whole = "every cell" if profile.cells else "every stack, scenario and load"
    yield f"{blocks} block{'s' * (blocks != 1)}, in {'it' if blocks == 1 else 'each of them'} {whole} once:"
    # runs of earlier versions do not record whether windows began when all users were served
    waited = any(isinstance(one, Sample) and one.driven.all_served_s is not None for one in run.outcomes)
    longer = (
        f", until every user was served once or {LONGEST_RAMP * profile.warmup_s:g} s had passed," if waited else ""
    )
    yield f"{profile.warmup_s:g} s of warm-up{longer} and {profile.window_s:g} s measured."


def when(text: str) -> str:
    """Return an ISO 8601 time to the minute, in UTC as it was written."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def tables(run: Run) -> dict[str, Table]:
    """Return title -> name -> value, without what is empty."""
    found = {
        "Machine": {_name(name): _value(name, value) for name, value in run.facts.get("machine", {}).items()}
        | _cpus(run),
        "Run": dict(_run(run)),
        "Noise": dict(_noise(run)),
        "What the measuring cost": dict(overhead(run.facts.get("overhead") or {})),
        "Versions": _versions(run.facts.get("versions", {})),
    }
    return {title: table for title, table in found.items() if table}


def _name(key: str) -> str:
    return key.removesuffix("_bytes").replace("_", " ")


def _value(key: str, value: Any) -> str:
    if key.endswith("_bytes"):
        return f"{value / 1e9:.1f} GB"
    return words.number(value) if isinstance(value, float) else str(value)


def _cpus(run: Run) -> Table:
    plan = run.facts.get("cpu_plan", {})
    names = {"server": "CPUs of the server", "others": "CPUs of generator, database, upstream"}
    return {name: ", ".join(map(str, plan[role])) for role, name in names.items() if role in plan}


def _run(run: Run) -> Iterator[tuple[str, str]]:
    facts = run.facts
    yield "name", run.name
    for key in ("started_at", "ended_at"):
        if facts.get(key):
            yield key.removesuffix("_at"), when(facts[key])
    if interruptions := facts.get("interruptions"):
        yield "interrupted", ", ".join(map(when, interruptions))
    for key in ("runtime", "seed"):
        if facts.get(key) is not None:
            yield key, str(facts[key])
    yield from _rounds(run)
    if git := facts.get("git"):
        yield "commit", f"{git.get('commit')}{' with uncommitted changes' if git.get('dirty') else ''}"
    for stack, image in facts.get("images", {}).items():
        yield f"image of {stack}", str(image)
    if not_applied := facts.get("not_applied"):
        yield "not applied by this runtime", ", ".join(not_applied)
    for file, digest in facts.get("sha256", {}).items():
        yield f"SHA-256 of {file}", str(digest)


def _rounds(run: Run) -> Iterator[tuple[str, str]]:
    """Yield how many rounds of the digest stand for the CPU time that was asked for."""
    if rate := run.facts.get("cpu_ms"):
        yield "1 ms of CPU time", f"{rate['rounds_per_ms']:,.0f} rounds, measured on {rate['stack']} at the start"
    for scenario in run.scenarios:
        if scenario.cpu_ms is not None and "rounds" in scenario.params:
            yield f"rounds of {scenario.id}", f"{scenario.params['rounds']:,}"


def _noise(run: Run) -> Iterator[tuple[str, str]]:
    """Yield how steady the machine was."""
    if not run.blocks:
        return
    yield "blocks that were re-run", str(sum(block.attempt > 0 for block in run.blocks))
    references_ms = [s * 1e3 for block in run.blocks for s in (block.reference_before_s, block.reference_after_s)]
    usual_ms = median(references_ms)
    yield "reference workload (fixed work on the server's CPU), median", f"{words.number(usual_ms)} ms"
    worst = max(abs(reference / usual_ms - 1) for reference in references_ms)
    yield "reference workload, farthest from its median", words.percent(worst)
    stolen = [outcome.stolen for outcome in run.outcomes if isinstance(outcome, Sample) and outcome.stolen is not None]
    if stolen:
        yield "CPU time taken by the hypervisor, most in any window", words.percent(max(stolen))
    for kind in sorted(run.blocks[0].pressure_s):
        waited_s = median(block.pressure_s.get(kind, 0) for block in run.blocks)
        yield f"time in which something waited for {kind}, median per block", f"{words.number(waited_s)} s"


def overhead(costs: Mapping[str, float | None]) -> Iterator[tuple[str, str]]:
    """Yield what the measuring itself took, name and time, of what is known."""
    names = {
        "setup_s": "set-up before the first block",
        "block_median_s": "starting and stopping all stacks, median per block",
        "trial_median_s": "beside warm-up and window, median per trial",
    }
    for key, name in names.items():
        if costs.get(key) is not None:
            yield name, f"{words.number(costs[key])} s"


def _versions(found: Mapping[str, Mapping[str, str]]) -> Table:
    """Return the packages of each stack; stacks that run the same packages share a row."""
    same: dict[str, list[str]] = {}
    for stack, packages in found.items():
        same.setdefault(", ".join(f"{name} {version}" for name, version in sorted(packages.items())), []).append(stack)
    return {", ".join(stacks): packages for packages, stacks in same.items()}


def _named(names: Sequence[str], of: int) -> str:
    """Name a few stacks; the most of many are "all others"."""
    if len(names) == of:
        return "all"
    return "all others" if len(names) > max(of / 2, _NAMED) else ", ".join(names)


def settings(run: Run) -> list[page.Row]:
    """Return every setting that is known of any stack, each value with the stacks that have it: many stacks make no columns."""
    known = recorded(run.facts)
    found = [(name, {stack.name: known.get(stack.name, {}).get(name) for stack in run.stacks}) for name in NAMES]
    return [page.row(NAMES[name], _by_value(name, of)) for name, of in found if any(of.values())]


def _by_value(name: str, settings: Mapping[str, Setting | None]) -> list[page.Text]:
    """Return the values of one setting, the most frequent first; what differs from most stacks is strong."""
    values = {stack: setting.value if setting else None for stack, setting in settings.items()}
    usual, times = Counter(values.values()).most_common(1)[0]
    users: dict[tuple[str, str], list[str]] = {}
    for stack, setting in settings.items():
        odd = times > len(values) / 2 and values[stack] != usual
        users.setdefault((_setting(name, setting), "strong" if odd else ""), []).append(stack)
    ordered = sorted(users.items(), key=lambda item: -len(item[1]))
    return [page.Text(text, f"({_named(stacks, len(values))})", tone) for (text, tone), stacks in ordered]


def exceptions(run: Run) -> list[str]:
    """Return what the stacks declared to have instead of the equal budget."""
    return [
        f"{stack.name}, {NAMES.get(name, name)}: {'none' if exempt.value is None else exempt.value} ({exempt.why})"
        for stack in run.stacks
        for name, exempt in stack.exceptions.items()
    ]


def _setting(name: str, setting: Setting | None) -> str:
    if setting is None:
        return words.NOTHING
    text = "none" if setting.value is None else str(setting.value)
    return f"{text} (asked for)" if setting.source == "configured" and name != "command" else text
