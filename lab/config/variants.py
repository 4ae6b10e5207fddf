"""Variants: `a+slots=200` is the stack a with another value of the equal budget, where docker-compose.yml has a variable."""

import re
from collections.abc import Mapping
from math import ceil

from lab.errors import LabError
from lab.host.machine import CpuPlan, cpu_list, usable
from lab.model.effective import variable_of
from lab.model.stack import DOCUMENTED, PYTHON, SETTINGS, VARIANT, Service, Stack
from lab.paths import COMPOSE_PROJECT

MOST = 12
"""Variants of one run: with more of them, ports would be among those from which the kernel gives clients theirs."""
PORT_OFFSET = 2_000
"""Each variant listens this far above the one before it, the first above its service."""
LIMITS = ("LAB_MEMORY_MB", "LAB_PIDS")
"""Variables of what a container may use at most."""
_GUIDED = re.compile(r"(?:(?P<times>[1-9]\d*)\*)?cpus(?:\+(?P<more>\d+))?", re.ASCII)
"""A number of a deployment guide: `cpus`, `2*cpus+1`."""
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._-]*(?::\w[\w.-]*)?", re.ASCII)
"""Name of an image without a registry, whose slashes would be folders in names of logs."""
_WHOLE = re.compile(r"[1-9]\d{0,8}", re.ASCII)


def normal(name: str) -> str:
    """Return a name with its settings in their order, so that a variant has one name; other names stay as they are."""
    service, *asked = name.split(VARIANT)
    return VARIANT.join([service, *sorted(asked, key=_place)])


def _place(asked: str) -> int:
    setting = asked.partition("=")[0]
    return SETTINGS.index(setting) if setting in SETTINGS else len(SETTINGS)


def changes(name: str, stack: Stack, cpus: int) -> dict[str, int]:
    """Return setting -> value that a variant of a stack asks for.

    Args:
        cpus: how many the server has.

    Raises:
        LabError: there is no such setting or value, or this stack cannot have it.
    """
    words = name.split(VARIANT)[1:]
    if words == [DOCUMENTED]:
        return _documented(name, stack, cpus)
    asked = [_change(name, text, stack) for text in words if not _is_python(text)]
    if len(dict(asked)) < len(asked):
        raise LabError(f"{name} names a setting twice: leave one of them out.")
    return dict(asked)


def _is_python(text: str) -> bool:
    return text.partition("=")[0] == PYTHON


def base_image(name: str, stack: Stack) -> str | None:
    """Return the base image that a variant of a stack asks for; None where it is that of all.

    Raises:
        LabError: this is no name of an image, or the stack has no Python from its base image.
    """
    images = [text.partition("=")[2] for text in name.split(VARIANT)[1:] if _is_python(text)]
    if not images:
        return None
    if not stack.base_image:
        raise LabError(f"{name}: {stack.name} has no Python; leave {PYTHON}= out.")
    if len(images) > 1:
        raise LabError(f"{name} names a Python twice: leave one of them out.")
    if not _IMAGE.fullmatch(images[0]):
        raise LabError(
            f"{name}: {PYTHON}={images[0]} is no image; write it like {PYTHON}=python:3.14-slim-trixie, and give one of another "
            "registry such a name with `docker tag`."
        )
    if images[0] == stack.base_image:
        raise LabError(f"{name}: {stack.name} has {PYTHON}={images[0]} already; leave it out, or choose another image.")
    return images[0]


def image_variables(image: str | None) -> dict[str, str]:
    """Return the variables of docker-compose.yml that give a variant an image of its own, built from another one."""
    if image is None:
        return {}
    return {"LAB_BASE_IMAGE": image, "LAB_PROJECT": f"{COMPOSE_PROJECT}-{re.sub('[^a-z0-9]+', '-', image.lower())}"}


def _documented(name: str, stack: Stack, cpus: int) -> dict[str, int]:
    """Return setting -> value of the deployment guide."""
    if not stack.guide:
        raise LabError(
            f"{name}: docker-compose.yml has no lab.documented of {stack.name}; name its settings, as in +slots=200."
        )
    found = {}
    for text in stack.guide.split():
        setting, _, value = text.partition("=")
        read = _GUIDED.fullmatch(value)
        if setting not in SETTINGS or not (read or _WHOLE.fullmatch(value)):
            raise LabError(
                f"docker-compose.yml: lab.documented of {stack.name} has {text!r}; write settings "
                f"({', '.join(SETTINGS)}) like workers=2*cpus+1 slots=4."
            )
        found[setting] = int(read["times"] or 1) * cpus + int(read["more"] or 0) if read else int(value)
    return found


def _change(name: str, text: str, stack: Stack) -> tuple[str, int]:
    setting, _, value = text.partition("=")
    if setting not in SETTINGS:
        raise LabError(f"{name}: there is no setting {setting!r}; choose from {', '.join((*SETTINGS, PYTHON))}.")
    if exempt := stack.exceptions.get(setting):
        others = ", ".join(one for one in SETTINGS if one not in stack.exceptions)
        own = "none" if exempt.value is None else exempt.value
        raise LabError(
            f"{name}: {stack.name} has {setting}={own}, whatever is asked for: {exempt.why}. Change {others}."
        )
    usual = stack.budget.get(setting)
    if not _WHOLE.fullmatch(value):
        raise LabError(f"{name}: {setting}={value} is no whole number from 1 on; write it like {setting}={usual}.")
    if int(value) == usual:
        raise LabError(f"{name}: {stack.name} has {setting}={value} already; leave it out, or choose another value.")
    return setting, int(value)


def variables(changed: Mapping[str, int], budget: Mapping[str, int], defaults: Mapping[str, int]) -> dict[str, str]:
    """Return the variables of docker-compose.yml that change settings; a container's limits grow with workers and slots.

    Args:
        changed: setting -> value.
        budget: the same, of all settings.
        defaults: variable -> its value where nobody sets it.
    """
    grown = {setting: budget[setting] / defaults[variable_of(setting)] for setting in ("workers", "slots")}
    times = ceil(max(1, grown["workers"]) * max(1, grown["slots"]))
    return {variable_of(setting): str(value) for setting, value in changed.items()} | {
        limit: str(times * defaults[limit]) for limit in LIMITS
    }


def refuse_literals(name: str, service: Service, changed: Mapping[str, int]) -> None:
    """Raise a LabError where a service, read as this variant, does not have what the variant asks for."""
    for setting, value in changed.items():
        variable = variable_of(setting)
        if (found := service.environment.get(variable)) != str(value):
            raise LabError(
                f"{name}: in docker-compose.yml {service.name} has {variable}={found or ''}, whatever is asked for: "
                "merge *budget into its environment without a value of its own, or leave this variant out."
            )


def refuse_workers(who: str, workers: int, cpus: CpuPlan) -> None:
    """Raise a LabError where there are more workers than CPUs for the server: they would only share one."""
    if workers <= len(cpus.server):
        return
    here = usable()
    more = f"Name {workers} of the CPUs {cpu_list(here)} in LAB_SERVER_CPUS (the generator shares them if none is left), or ask"
    raise LabError(
        f"{who} asks for {workers} workers, and the server under test has CPU {cpu_list(cpus.server)} alone. "
        f"{more if len(here) >= workers else f'There are {len(here)} CPUs here: ask'} for fewer workers."
    )
