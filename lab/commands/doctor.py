"""`doctor`: print what this machine has, what it lacks, and how to fix that."""

import os
import platform
import shutil
from dataclasses import dataclass

from lab.commands import images
from lab.config.project import Project
from lab.errors import Exit, LabError
from lab.host import machine
from lab.model.stack import AA_PORT_OFFSET, NOT_OPTIMIZED
from lab.paths import RESULTS
from lab.runtime import auto, engine, readiness

_NEEDED_BYTES = 3 * 2**30
_QUIET_LOAD = 0.5


@dataclass(frozen=True)
class Finding:
    """One thing that was examined: `fix` says what to do, and is empty where nothing is wrong."""

    what: str
    fix: str = ""
    needed: bool = False
    """True if nothing can be measured without it."""


def examine() -> list[Finding]:
    """Examine everything that a run needs."""
    return [check() for check in (_engine, _base_image, _process_runtime, _python, _cpus, _ports, _disk, _quiet)]


def doctor() -> Exit:
    """Print the findings; return COULD_NOT_START if a needed thing is missing."""
    findings = examine()
    for finding in findings:
        mark = "ok  " if not finding.fix else "MISS" if finding.needed else "note"
        print(f"{mark}  {finding.what}{f': {finding.fix}' if finding.fix else ''}")  # noqa: T201  # the answer
    return Exit.COULD_NOT_START if any(finding.fix and finding.needed for finding in findings) else Exit.DONE


def _engine() -> Finding:
    try:
        version = engine.version()
    except LabError as error:
        return Finding("container engine", f"{error} Until then `auto` means the process runtime.")
    return Finding(f"container engine {version} with Compose v2")


def _base_image() -> Finding:
    name = images.base_image_name()
    try:
        found = engine.has_image(name)
    except LabError:
        return Finding("base image: no engine to ask")
    if found:
        return Finding(f"base image {name}")
    return Finding(
        f"base image {name} is not here", "the first build pulls it; without a registry, run `make base-image`"
    )


def _process_runtime() -> Finding:
    project = Project.here()
    runtime = auto.runtime(project, "process")
    missing = [reason for name in project.services if (reason := runtime.lacks(name))]
    if missing:
        return Finding("process runtime", " ".join(missing))
    return Finding(f"process runtime: programs of all {len(project.services)} services")


def _python() -> Finding:
    build = machine.python_build()
    what = f"Python {platform.python_version()}" + (f", built {build}" if build else "")
    slow = build == NOT_OPTIMIZED
    fix = "it slows the stacks of the process runtime down; set LAB_PYTHON to an optimized build and remove .venv"
    return Finding(what, fix if slow else "")


def _cpus() -> Finding:
    plan = Project.here().cpus
    fix = "one CPU is too few, because server and generator disturb each other; measure on a machine with two"
    return Finding(f"CPUs: server {plan.server}, everything else {plan.others}", fix if plan.shared else "")


def _ports() -> Finding:
    services = Project.here().services.values()
    ports = {service.port for service in services if service.port}
    ports |= {port + AA_PORT_OFFSET for port in ports}
    taken = [f"{port} by {who}" for port in sorted(ports) if (who := readiness.taken(port))]
    if not taken:
        return Finding("ports of all stacks and services are free")
    return Finding(f"ports taken: {', '.join(taken)}", "stop these programs; `make down` stops those that the lab left")


def _disk() -> Finding:
    free = shutil.disk_usage(RESULTS if RESULTS.exists() else ".").free
    short = free < _NEEDED_BYTES
    fix = "images and results need 3 GiB: free some, or use another disk"
    return Finding(f"disk: {free / 2**30:.0f} GiB free", fix if short else "", needed=short)


def _quiet() -> Finding:
    load = os.getloadavg()[0]
    noisy = load > _QUIET_LOAD
    return Finding(f"load average {load:.2f}", "stop other programs before you measure" if noisy else "")
