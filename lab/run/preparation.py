"""Prepare the blocks of a run: make images, check stacks, measure rounds that stand for CPU time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.analysis.validity.limits import limits_of
from lab.errors import LabError
from lab.model.effective import Settings
from lab.model.stack import AA, Arm
from lab.run import rounds
from lab.run.context import Context
from lab.run.manifest import Record
from lab.run.servers import DATABASE, UPSTREAM
from lab.run.stopping import LimitsOf
from lab.runtime import quota
from lab.settings.budget import not_taken, unequal
from lab.settings.labels import untrue
from lab.settings.reading import configured


@dataclass
class Checked:
    """What the contract check found, by stack."""

    wrong: dict[str, dict[str, str]] = field(default_factory=dict)
    """Path -> what is answered wrongly there."""
    settings: dict[str, Settings] = field(default_factory=dict)
    """What it runs with; of a stack that does not run, what it was to be started with."""
    alone_s: dict[str, float] = field(default_factory=dict)
    """Seconds until it was healthy, started alone; of healthy stacks only."""


def prepare(context: Context, record: Record) -> None:
    """Stop what an earlier command left, and make the images that the run needs."""
    needed = sorted({arm.service for arm in context.arms.values()} | {DATABASE, UPSTREAM})
    context.say.step(f"Preparing {', '.join(needed)} ({context.runtime.name}) …")
    context.runtime.stop_all()
    context.runtime.prepare(needed, context.arms.values())
    for sentence in quota.not_given(context.runtime.not_applied(needed)):
        context.say.step(sentence)
    record.weigh(context.runtime, needed)


def check(context: Context, record: Record) -> Checked:
    """Compare each stack, which runs alone then, with the HTTP contract, the equal budget and its own labels."""
    context.say.step("Checking every stack against the contract …")
    checked, logs = Checked(), context.logs("contract")
    for name in context.chosen:
        context.restore_backing(logs)
        _check(context, context.arms[name], logs, checked)
        context.say_each([f"{name}: {sentence}" for sentence in checked.wrong[name].values()])
    found = {
        name: [*unequal(stack, context.services[name], settings), *untrue(stack, settings)]
        for name, stack in context.chosen.items()
        for settings in (checked.settings[name],)
    }
    for sentences in found.values():
        context.say_each(sentences)
    record.runs_with(checked.settings, found)
    record.facts["cold_start_alone_s"] = checked.alone_s
    for name in context.chosen:  # rows of its name would be of another stack
        if sentences := not_taken(context.services[name], name, checked.settings[name]):
            raise LabError(f"{'; '.join(sentences)}. Leave the variant out, or change that.")
    return checked


def _check(context: Context, arm: Arm, logs: Path, checked: Checked) -> None:
    with context.serving([arm], logs) as started:
        healthy = arm.label not in started.unhealthy
        checked.wrong[arm.label] = _wrong_paths(context, arm, logs) if healthy else {}
        checked.settings[arm.label] = _settings(context, arm, healthy)
        checked.alone_s |= started.healthy_after_s


def _wrong_paths(context: Context, arm: Arm, logs: Path) -> dict[str, str]:
    """Return path -> finding; only what is found twice counts, since some checks look at the clock."""
    url, stack = f"http://127.0.0.1:{arm.port}", context.stacks[arm.label]
    first = context.world.verify(url, stack)
    if first and context.restore_backing(logs):  # what was found may have been the service's
        first = context.world.verify(url, stack)
    again = {finding.path for finding in context.world.verify(url, stack)} if first else set()
    return {finding.path: str(finding) for finding in first if finding.path in again}


def _settings(context: Context, arm: Arm, healthy: bool) -> Settings:
    service = context.services[arm.label]
    try:
        if healthy:
            return context.world.settings(service, context.runtime.target(arm.label), arm.port)
    except LabError:  # it died after the check
        pass
    return configured(service)


def limits(context: Context, record: Record, settings: Mapping[str, Settings]) -> LimitsOf:
    """Return what each trial could do at most, by its stack and scenario, and record it."""
    cpus = context.cpus.model_dump()
    found = {
        name: {id_: limits_of(stack, one, settings[name], cpus) for id_, one in context.scenarios.items()}
        for name, stack in context.chosen.items()
    }
    record.facts["limits"] = {
        name: {id_: one.model_dump() for id_, one in each.items()} for name, each in found.items()
    }
    record.write(ended=False)
    return lambda trial: found[trial.stack.removesuffix(AA)][trial.scenario]


def turn_cpu_ms_into_rounds(context: Context, record: Record, wrong: Mapping[str, Mapping[str, str]]) -> Context:
    """Plan with rounds where a scenario asks for CPU time; a resumed run keeps those that it began with."""
    asked = [scenario.id for scenario in context.plan.scenarios if scenario.cpu_ms is not None]
    if not asked:
        return context
    known = record.facts.get("cpu_ms")
    rate = rounds.Rate.model_validate(known) if known else _measured_rate(context, wrong)
    scenarios = tuple(rounds.with_rounds(scenario, rate) for scenario in context.plan.scenarios)
    dumped = [scenario.model_dump(mode="json") for scenario in scenarios]
    record.facts |= {"cpu_ms": rate.model_dump(), "scenarios": dumped}
    record.write(ended=False)
    context.say.step(
        f"1 ms of CPU time is {rate.rounds_per_ms:,.0f} rounds ({rate.stack}): used for {', '.join(asked)}."
    )
    return replace(context, plan=context.plan.model_copy(update={"scenarios": scenarios}))


def _measured_rate(context: Context, wrong: Mapping[str, Mapping[str, str]]) -> rounds.Rate:
    """Measure it on the baseline where that serves the path as it should, else on the first other stack that does."""
    able = [
        context.arms[name]
        for name, stack in sorted(context.chosen.items(), key=lambda item: item[0] != context.baseline)
        if stack.why_omitted(rounds.PATH) is None and rounds.PATH not in wrong.get(name, {})
    ]
    return context.world.rate(context.runtime, able, context.logs("contract"), context.cpus.server)
