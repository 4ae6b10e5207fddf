"""Stacks, the services that docker-compose.yml describes, and the servers that run from them."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from lab.model.noun import Noun

OPTIMIZED, NOT_OPTIMIZED = "with --enable-optimizations", "without --enable-optimizations"
"""The builds of a Python."""

AA = "@aa"
"""Suffix of the A/A arm: the reference stack a second time, under another label."""

AA_PORT_OFFSET = 100
"""The A/A arm listens this far above its stack."""

ASKED_BY_LAB = ("/health", "/settings")
"""Paths that the lab itself asks of each stack, whatever it serves; a stack that says what it serves may lack the second."""

Model = Literal["sync", "threads", "greenlets", "async"]
Handlers = Literal["sync", "async"]

FACTORS = ("framework", "server", "loop", "parser", "model", "handlers")
"""What a stack consists of, each a label of docker-compose.yml; pairs that differ in one of them are contrasts. Reports begin
with those of the last one, which the lab's question is about.
"""

SETTINGS = ("workers", "slots", "db_pool", "upstream_connections", "keep_alive_s", "backlog")
"""What of the equal budget may be changed, for one stack or for all; a variant names what it changes in this order."""

PYTHON = "python"
"""The interpreter, as the base image that has it: a variant may name another one behind its settings."""

VARIANT = "+"
"""Begins each changed setting in the name of a variant: `a+workers=2+slots=200`."""

DOCUMENTED = "documented"
"""Stands in the name of a variant that has what its server's own deployment guide gives, instead of the equal budget."""
CONFIGURATION = "configuration"
"""What differs between such a variant and its stack, which has …"""
EQUAL = "equal budget"

SettingValue = int | float | str | None
"""None: the stack has no such thing."""


class Setting(Noun):
    """One setting of a stack, and its source: read from the running server, measured on it, or only configured."""

    value: SettingValue
    source: Literal["read", "measured", "configured"]


class Exempt(Noun):
    """The value that a stack has instead of the equal budget's, and why."""

    value: SettingValue
    why: str


class Stack(Noun):
    """Application + server + settings: a service of docker-compose.yml with a `lab.framework` label."""

    name: str
    """That of its service; of a variant with the changed settings behind it."""
    framework: str
    server: str
    loop: str | None = None
    """Event loop; this and `parser` are None where the server leaves no choice."""
    parser: str | None = None
    """HTTP parser."""
    handlers: Handlers | None = None
    """`def` or `async def`; None in runs of a lab that did not ask."""
    model: Model
    """How requests are at work at once: one after the other, on threads, on greenlets, as tasks of an event loop."""
    port: int
    slots: int = 40
    """Most requests at once where each needs a thread, from LAB_SLOTS."""
    workers: int = 1
    """Processes that serve: the declared exception, or LAB_WORKERS."""
    upstream_port: int | None = None
    """Where it calls upstream, from LAB_UPSTREAM_URL."""
    serves: tuple[str, ...] = ()
    """Paths (or prefixes ending in /) of the HTTP contract that it serves; empty: all but those of `omits`."""
    omits: dict[str, str] = Field(default_factory=dict)
    """Path (or prefix ending in /) of the HTTP contract -> why this stack does not serve it."""
    exceptions: dict[str, Exempt] = Field(default_factory=dict)
    """Setting -> the value that this stack declares instead of the equal budget's."""
    budget: dict[str, int] = Field(default_factory=dict)
    """Setting -> the value that it is to have; empty in older runs."""
    base_image: str = ""
    """What its image is built from, if that is where its Python comes from."""
    guide: str = ""
    """What its server's deployment guide gives, as the label `lab.documented` has it: `workers=2*cpus+1 slots=4`."""
    baseline: bool = False

    @property
    def service(self) -> str:
        """Return the service that it is, or is a variant of."""
        return self.name.partition(VARIANT)[0]

    @property
    def is_documented(self) -> bool:
        """Return whether it has what its server's deployment guide gives."""
        return DOCUMENTED in self.name.split(VARIANT)

    @property
    def connections(self) -> int:
        """Return how many connections to PostgreSQL it has at most; 0 where that is not known."""
        pool = self.exceptions["db_pool"].value if "db_pool" in self.exceptions else self.budget.get("db_pool")
        return self.workers * pool if isinstance(pool, int) else 0

    @property
    def keeps_none(self) -> bool:
        """Return whether the stack declares that it ends each connection after one request."""
        return "keep_alive_s" in self.exceptions and self.exceptions["keep_alive_s"].value == 0

    @property
    def factors(self) -> dict[str, str]:
        """Return the factors that the stack declares, by name, and its budget; none where `handlers` is unknown."""
        declared = {factor: getattr(self, factor) for factor in FACTORS} if self.handlers else {}
        asked = {setting: str(value) for setting, value in self.budget.items()}
        if self.is_documented:
            guided = {word.partition("=")[0] for word in self.guide.split()}
            told = ", ".join(f"{setting}={value}" for setting, value in asked.items() if setting in guided)
            configured = {CONFIGURATION: f"as documented ({told})"}
        else:
            configured = {CONFIGURATION: EQUAL, **asked} if asked else {}
        if self.base_image:
            configured[PYTHON] = self.base_image
        return {factor: value for factor, value in declared.items() if value is not None} | configured

    def why_omitted(self, *paths: str) -> str | None:
        """Return why this stack does not serve one of these paths, by its own declaration; None if it serves all."""
        for path in paths:
            for omitted, why in self.omits.items():
                if covers(omitted, path):
                    return why
            if self.serves and path not in ASKED_BY_LAB and not any(covers(served, path) for served in self.serves):
                return f"it serves only {', '.join(self.serves)}"
        return None


def covers(declared: str, path: str) -> bool:
    """Return whether a declared path, or prefix ending in /, means this path."""
    return path == declared or (declared.endswith("/") and path.startswith(declared))


def baseline(stacks: Sequence[Stack]) -> Stack:
    """Return the stack that the others are compared with: the one labelled so, else the first."""
    return next((stack for stack in stacks if stack.baseline), stacks[0])


class Service(Noun):
    """A service of docker-compose.yml as both runtimes start it; variables are already replaced."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = Field(default_factory=dict)
    working_dir: str | None = None
    cpuset: tuple[int, ...] = ()
    cpus: float | None = Field(default=None, gt=0)
    """CPU quota, in CPUs; None without one."""
    ulimits: dict[str, int] = Field(default_factory=dict)
    stop_signal: str = "SIGTERM"
    stop_grace_period_s: float = 10
    labels: dict[str, str] = Field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    image: str | None = None
    base_image: str | None = None
    """What its image is built from, with a Python or for one; None for an image of another kind."""
    lock: str | None = None
    """Lock file of its packages: that of the build argument LOCK, or of the label `lab.lock`."""
    budget: dict[str, int] = Field(default_factory=dict)
    """LAB_ variable -> value in x-budget; addresses are left out."""
    variables: dict[str, str] = Field(default_factory=dict)
    """What it was read with beside the variables of all services, to be a variant."""
    not_applied: tuple[str, ...] = ()
    """Keys of the file that the process runtime leaves out for this service."""

    @property
    def port(self) -> int | None:
        """Return the port on which it answers, from the label `lab.port`."""
        return int(self.labels["lab.port"]) if "lab.port" in self.labels else None


class Arm(Noun):
    """One server to start: a service under a label, on a port, with variables of its own."""

    label: str
    service: str
    port: int
    variables: dict[str, str] = Field(default_factory=dict)
    workers: int = 1


class Target(Noun):
    """The target of readings: a process with its descendants, or (contained) the control group of the process."""

    pid: int
    contained: bool
