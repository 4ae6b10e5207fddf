"""This checkout as commands see it: its services and stacks, and the machine's CPUs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.config import compose
from lab.host import machine
from lab.model.stack import Service, Stack
from lab.paths import COMPOSE_FILE

_HOST_CA = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Project:
    """What docker-compose.yml describes, read for this machine."""

    variables: Mapping[str, str]
    services: Mapping[str, Service]
    stacks: Mapping[str, Stack]
    cpus: machine.CpuPlan

    @classmethod
    def here(cls) -> "Project":
        """Read the file with this machine's placement; LAB_SERVER_CPUS and LAB_OTHER_CPUS override it."""
        cpus = machine.plan_cpus(os.environ.get("LAB_SERVER_CPUS"), os.environ.get("LAB_OTHER_CPUS"))
        variables = {**_passed_on(), **cpus.variables()}
        services = compose.read(COMPOSE_FILE, variables)
        compose.refuse_shared_ports(services)
        return cls(variables, services, compose.stacks(services), cpus)


def _passed_on() -> dict[str, str]:
    """Return the variables of docker-compose.yml that a person may set; image builds get the host's certificates."""
    passed = {name: os.environ[name] for name in ("LAB_BASE_IMAGE", "LAB_CA_BUNDLE") if name in os.environ}
    if _HOST_CA.exists():
        passed.setdefault("LAB_CA_BUNDLE", str(_HOST_CA))
    return passed
