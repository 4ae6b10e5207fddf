"""Compare what a stack has with the equal budget: x-budget of docker-compose.yml, and what the stack declares instead."""

from collections.abc import Iterator, Mapping

from lab.config.scenarios import all_of
from lab.model.effective import NAMES, of_variable, variable_of
from lab.model.stack import Service, Setting, SettingValue, Stack
from lab.model.workload import POOLS
from lab.paths import LOADTESTS

MEASURED_WITHIN_S = 2.5
"""Servers look for idle connections every second or so, on a machine that is busy with the others."""


def unequal(stack: Stack, service: Service, settings: Mapping[str, Setting]) -> list[str]:
    """Return what the stack has otherwise than all the others without having declared it, in sentences."""
    return list(_unequal(stack, service, settings))


def expected(service: Service) -> dict[str, SettingValue]:
    """Return setting -> what every stack should have of it."""
    found: dict[str, SettingValue] = {of_variable(name): share for name, share in service.budget.items()}
    if "nofile" in service.ulimits:
        found["nofile"] = service.ulimits["nofile"]
    if service.cpuset:
        found["cpus"] = ", ".join(map(str, service.cpuset))
    return found


def _unequal(stack: Stack, service: Service, settings: Mapping[str, Setting]) -> Iterator[str]:
    budget = expected(service)
    for name in stack.exceptions:
        if name not in budget:
            yield f"{stack.name} declares an exception of {name}, of which there is no budget ({', '.join(budget)})"
    for name in (name for name in budget if name in settings and not _is_needless(name, stack, settings)):
        allowed = [budget[name], *([stack.exceptions[name].value] if name in stack.exceptions else [])]
        if not any(_agrees(settings[name], value) for value in allowed):
            yield (
                f"{stack.name}: {NAMES[name]}: {_text(settings[name].value)} ({settings[name].source}) "
                f"instead of {' or '.join(map(_text, allowed))}; fix it, or add the line "
                f"`{name}={_declared(settings[name].value)}: <why>` to the label lab.exceptions"
            )


def not_taken(service: Service, label: str, settings: Mapping[str, Setting]) -> list[str]:
    """Return which settings that a variant asks for its running server does not have, in sentences."""
    budget, asked = expected(service), {of_variable(variable) for variable in service.variables}
    return [
        f"{label} asks for {name}={budget[name]}, and runs with {_text(settings[name].value)} ({settings[name].source}): "
        f"what {service.name} runs must take it from {variable_of(name)} (docker-compose.yml), and the kernel must allow it"
        for name in budget
        if name in asked and name in settings and not _agrees(settings[name], budget[name])
    ]


def _is_needless(name: str, stack: Stack, settings: Mapping[str, Setting]) -> bool:
    """Return whether a stack has no pool because it serves no scenario that holds one of its connections."""
    if name not in POOLS or settings[name].value is not None:
        return False
    return all(stack.why_omitted(scenario.path) for scenario in all_of(LOADTESTS) if scenario.holds == name)


def _agrees(setting: Setting, value: SettingValue) -> bool:
    if setting.source == "measured" and isinstance(setting.value, int | float) and isinstance(value, int | float):
        return abs(setting.value - value) <= MEASURED_WITHIN_S
    return setting.value == value


def _declared(value: SettingValue) -> str:
    """Return a value as the label lab.exceptions takes it."""
    if value is None:
        return "null"
    return str(round(value) if isinstance(value, float) else value)


def _text(value: SettingValue) -> str:
    if value is None:
        return "none"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
