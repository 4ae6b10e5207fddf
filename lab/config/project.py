"""This checkout as commands see it: its services and stacks, and the machine's CPUs."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from lab.config import compose, variants
from lab.errors import LabError
from lab.host import machine
from lab.model.effective import variable_of
from lab.model.stack import DOCUMENTED, SETTINGS, VARIANT, Service, Stack
from lab.paths import COMPOSE_FILE

_HOST_CA = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Project:
    """What docker-compose.yml describes, read for this machine."""

    variables: Mapping[str, str]
    services: Mapping[str, Service]
    stacks: Mapping[str, Stack]
    cpus: machine.CpuPlan
    budget: Mapping[str, int] = field(default_factory=dict)
    """Setting -> value, of those of the equal budget that are changed for all stacks."""

    @classmethod
    def here(cls, budget: Mapping[str, int] | None = None) -> Self:
        """Read the file with this machine's placement; LAB_SERVER_CPUS and LAB_OTHER_CPUS override it.

        Args:
            budget: setting -> the value that all stacks are to have instead of the file's.

        Raises:
            LabError: the file is wrong, or the server has fewer CPUs than the workers of this budget.
        """
        cpus = machine.plan_cpus(os.environ.get("LAB_SERVER_CPUS"), os.environ.get("LAB_OTHER_CPUS"))
        variables = {**_passed_on(), **cpus.variables()}
        services = compose.read(COMPOSE_FILE, variables)
        compose.refuse_shared_ports(services)
        return cls(variables, services, compose.stacks(services), cpus).with_budget(budget or {})

    def with_budget(self, budget: Mapping[str, int]) -> Self:
        """Return this project with other values of the equal budget, for all stacks.

        Raises:
            LabError: the server has fewer CPUs than workers.
        """
        if not budget:
            return self
        defaults = _defaults()
        usual = {setting: defaults[variable_of(setting)] for setting in SETTINGS}
        changed = {setting: value for setting, value in budget.items() if value != usual[setting]}
        whole = usual | changed
        variants.refuse_workers("The budget", whole["workers"], self.cpus)
        variables = {**self.variables, **variants.variables(changed, whole, defaults)}
        services = compose.read(COMPOSE_FILE, variables)
        return replace(self, variables=variables, services=services, stacks=compose.stacks(services), budget=changed)

    def with_variants(self, names: Iterable[str]) -> Self:
        """Return this project with the variants among these names as further services and stacks, on ports of their own.

        A variant of a stack that does not exist is left out, for whoever looks it up to refuse.

        Raises:
            LabError: a variant asks for what its stack cannot have, or for more workers than the server has CPUs.
        """
        guided = [f"{stack.name}{VARIANT}{DOCUMENTED}" for stack in self.stacks.values() if stack.guide]
        words = [word for name in names for word in (guided if name == DOCUMENTED else [name])]
        asked = [name for name in dict.fromkeys(map(variants.normal, words)) if VARIANT in name]
        known = [name for name in asked if name.partition(VARIANT)[0] in self.stacks]
        if len(known) > variants.MOST:
            raise LabError(f"{len(known)} variants are too many for one run: name {variants.MOST} at most.")
        services = {**self.services, **{name: self._variant(name, place) for place, name in enumerate(known, 1)}}
        compose.refuse_shared_ports(services)
        return replace(self, services=services, stacks=compose.stacks(services))

    def _variant(self, name: str, place: int) -> Service:
        stack = self.stacks[name.partition(VARIANT)[0]]
        changed = variants.changes(name, stack, len(self.cpus.server))
        budget = stack.budget | changed
        if not name.endswith(f"{VARIANT}{DOCUMENTED}"):  # a guide may want more workers than CPUs
            variants.refuse_workers(name, budget["workers"], self.cpus)
        image = variants.image_variables(variants.base_image(name, stack))
        own = (
            variants.variables(changed, budget, _defaults())
            | image
            | {
                "LAB_PORT": str(stack.port + place * variants.PORT_OFFSET),
                "LAB_ARM": name.removeprefix(stack.name),
            }
        )
        service = compose.read(COMPOSE_FILE, {**self.variables, **own})[stack.name]
        variants.refuse_literals(name, service, changed)
        return service.model_copy(update={"variables": own})


def _defaults() -> dict[str, int]:
    return compose.defaults(COMPOSE_FILE, [*map(variable_of, SETTINGS), *variants.LIMITS])


def _passed_on() -> dict[str, str]:
    """Return the variables of docker-compose.yml that a person may set; image builds get the host's certificates."""
    passed = {name: os.environ[name] for name in ("LAB_BASE_IMAGE", "LAB_CA_BUNDLE") if name in os.environ}
    if _HOST_CA.exists():
        passed.setdefault("LAB_CA_BUNDLE", str(_HOST_CA))
    return passed
