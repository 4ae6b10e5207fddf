"""How it is measured: scenarios, profiles, and the trials that a plan makes of them."""

from typing import Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from lab.model.loads import CellName, Load, RowName, swept
from lab.model.noun import Noun
from lab.model.stack import VARIANT

Pool = Literal["db_pool", "upstream_connections"]
POOLS: tuple[Pool, ...] = get_args(Pool)
Gate = Literal["worker", "slots", Pool]
"""What a request holds while it waits: the worker (it blocks the event loop, where there is one), one of the stack's
threads, or a connection of a pool that all requests share."""
MOST_BLOCKS = 100
LONGEST_RAMP = 20
"""Closed load: how many times the warm-up it may take until every user has been served."""
SHORTEST_BURST_S = 3
"""Of a window: a third of it has ten of the parts whose latency says when a stack has recovered."""


class Part(Noun):
    """A scenario of a mixture: with a weight it has so large a share of the users or of the rate, with a rate it is a probe."""

    scenario: "Scenario"
    weight: int = Field(default=1, ge=1, le=1_000)
    rate: int | None = Field(default=None, ge=1, le=100_000)
    """Requests per second of an open load of its own."""

    @property
    def word(self) -> str:
        """Return what it is called in a mixture's id."""
        if self.rate is not None:
            return f"{self.scenario.id}=probe@{self.rate}/s"
        return f"{self.scenario.id}{f'*{self.weight}' if self.weight > 1 else ''}"


class Scenario(Noun):
    """One path of the contract with its parameters: what a user class of a file in loadtests/ asks for.

    `id` reads `db/batched`, or `wait?ms=50` where a parameter differs from the class's default. A mixture has `parts`, and file,
    user and path of the first of them.
    """

    id: str
    workload: str
    file: str
    user: str
    path: str
    params: dict[str, int | str] = Field(default_factory=dict)
    cpu_ms: int | None = Field(default=None, ge=1)
    """CPU time that the digest of a request is to take: the run's start turns it into `rounds` of `params`."""
    expected_errors: tuple[str, ...] = ()
    """Reasons of errors that are this scenario's result and not a failure of the stack: `status 502` of a full upstream."""
    holds: Gate | None = None
    """What each request holds while it waits, beside the thread that serves it on a stack of threads."""
    at_once: float | None = Field(default=None, ge=0)
    """How many of `holds` a request has on average, where it makes several calls at once; None: one."""
    waits_ms: float = Field(default=0, ge=0)
    """How long a request waits at least."""
    streams: bool = False
    """Whether the answer is sent in parts: an event loop, where there is one, holds no thread between them."""
    parts: tuple[Part, ...] = ()
    """Of a mixture: the scenarios that are asked at the same time."""

    @property
    def paths(self) -> list[str]:
        """Return the paths that are asked."""
        return [part.scenario.path for part in self.parts] or [self.path]


class _OfLoads(Noun):
    """What has a load or several. Older runs have `arrivals` beside them."""

    @model_validator(mode="before")
    @classmethod
    def _move_arrivals(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "arrivals" not in value:
            return value
        fields = {name: field for name, field in value.items() if name != "arrivals"}
        if "load" in fields:
            return fields | {"load": _with_arrivals(fields["load"], value["arrivals"])}
        return fields | {"loads": [_with_arrivals(load, value["arrivals"]) for load in fields.get("loads", ())]}


def _with_arrivals(load: object, arrivals: object) -> object:
    if not isinstance(load, dict):
        raise ValueError("arrivals belong to a load, as in open:500+constant")
    return {**load, "arrivals": arrivals} if load.get("kind") == "open" else load


class Profile(_OfLoads):
    """What a run does: read from loadtests/profiles.toml."""

    name: str
    about: str
    stacks: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    loads: tuple[Load, ...] = ()
    experiments: tuple[str, ...] = ()
    """Ids of loadtests/experiments/, or `all`: what is measured is then what they need."""
    grid: Literal["crossover", "held-out", ""] = ""
    """A grid of wait, CPU time, users and threads (lab/config/grid.py), alone or beside a matrix."""
    grid_stacks: tuple[str, ...] = ()
    """The two stacks of the grid: of coroutines and of threads."""
    cells: tuple[CellName, ...] = ()
    """What experiments or a grid need. A scenario without such cells has every one of `stacks`, under every one of `loads`."""
    families: tuple[tuple[RowName, ...], ...] = ()
    """Scenarios under loads that are compared with each other: a block measures those of a family one after the other."""
    blocks: int = Field(ge=1, le=MOST_BLOCKS)
    blocks_per_start: int = Field(default=1, ge=1)
    """How many blocks the servers serve before they are started again."""
    warmup_s: float = Field(ge=0)
    window_s: float = Field(gt=0)
    timeout_s: float = Field(gt=0)
    """How long one request may take; also the limit of the drain after the window."""
    aa_scenarios: tuple[str, ...] = ()
    """Scenarios that the A/A arm runs too."""
    capacity_p99_ms: float | None = Field(default=None, gt=0)
    """After the blocks, search the highest rate with a p99 of so many ms (lab/answers/service_level.py) …"""
    capacity_scenarios: tuple[str, ...] = ()
    """… in these scenarios …"""
    capacity_window_s: float = Field(default=2, gt=0)
    """… by trials of this window."""
    reruns: int = Field(default=2, ge=0, le=5)
    """How often a disturbed block is re-run at most."""
    precision: float | None = Field(default=None, gt=0, lt=1)
    """Go on beyond `blocks` until every headline ratio's interval is within this share of it (0.05: 5 %) …"""
    most_blocks: int | None = Field(default=None, ge=1, le=MOST_BLOCKS)
    """… or until so many blocks are done."""
    limit_min: float | None = Field(default=None, gt=0)
    """Minutes of measuring after which no block more than `blocks` is begun, and none is re-run."""
    replaced: tuple[Literal["LOADS", "WINDOW", "BLOCKS"], ...] = ()
    """What the command line gave instead of the profile's own."""

    @field_validator("loads", mode="before")
    @classmethod
    def _write_sweeps_out(cls, loads: object) -> object:
        return [one for load in loads for one in swept(load)] if isinstance(loads, list | tuple) else loads

    @field_validator("loads")
    @classmethod
    def _measure_each_once(cls, loads: tuple[Load, ...]) -> tuple[Load, ...]:
        return tuple(dict.fromkeys(loads))

    @model_validator(mode="after")
    def _has_cells(self) -> Self:
        matrix = (self.stacks, self.scenarios, self.loads)
        if any(matrix) != all(matrix) or bool(self.experiments) == bool(self.grid or self.is_matrix):
            raise ValueError("a profile has experiments, or else stacks, scenarios and loads, a grid, or both")
        if len(self.grid_stacks) != (2 if self.grid else 0):
            raise ValueError("a grid has two grid_stacks, of coroutines and of threads")
        return self

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if (self.precision is None) != (self.most_blocks is None):
            raise ValueError("precision and most_blocks go together")
        if self.most_blocks is not None and self.most_blocks < self.blocks:
            raise ValueError("most_blocks is less than blocks")
        return self

    @model_validator(mode="after")
    def _has_a_capacity(self) -> Self:
        for share in (load for load in self.all_loads if load.is_share and self.capacity_of(load) is None):
            raise ValueError(
                f"{share} is a share of what a stack does without think time under closed load: add one, such as "
                f"closed:64{'+new-connections' * share.new_connections}"
            )
        return self

    @model_validator(mode="after")
    def _has_time_for_a_burst(self) -> Self:
        if self.window_s < SHORTEST_BURST_S and any(load.burst for load in self.all_loads):
            raise ValueError(
                f"open:burst needs a window of {SHORTEST_BURST_S} s at least: give WINDOW={SHORTEST_BURST_S}"
            )
        return self

    @property
    def is_matrix(self) -> bool:
        """Return whether stacks have scenarios under loads, all of each."""
        return bool(self.scenarios)

    @property
    def all_stacks(self) -> tuple[str, ...]:
        """Return the names of `stacks` and those of the cells."""
        return tuple(dict.fromkeys((*self.stacks, *(stack for stack, _, _ in self.cells))))

    @property
    def all_scenarios(self) -> tuple[str, ...]:
        """Return the ids of `scenarios` and those of the cells."""
        return tuple(dict.fromkeys((*self.scenarios, *self.of_cells)))

    @property
    def all_loads(self) -> tuple[Load, ...]:
        """Return `loads` and those of the cells."""
        return tuple(dict.fromkeys((*self.loads, *(load for _, _, load in self.cells))))

    @property
    def only_of_cells(self) -> frozenset[str]:
        """Return the variants that cells have and the matrix does without."""
        return frozenset(stack for stack, _, _ in self.cells if VARIANT in stack) - set(self.stacks)

    @property
    def of_cells(self) -> dict[str, tuple[Load, ...]]:
        """Return the loads of each scenario that has cells of its own."""
        found: dict[str, dict[Load, None]] = {}
        for _, scenario, load in self.cells:
            found.setdefault(scenario, {})[load] = None
        return {scenario: tuple(loads) for scenario, loads in found.items()}

    @property
    def words(self) -> dict[str, str]:
        """Return what the command line would say for this: the words of `replaced`."""
        return {
            "LOADS": ",".join(map(str, self.loads)),
            "WINDOW": f"{self.window_s:g}",
            "BLOCKS": str(self.blocks),
        }

    def capacity_of(self, share: Load) -> Load | None:
        """Return the load whose throughput a share is taken of: the first closed one with such connections and no think time."""
        for load in self.loads or self.all_loads:
            if load.kind == "closed" and not load.think_ms and load.new_connections == share.new_connections:
                return load
        return None


class Trial(_OfLoads):
    """One load of one stack with one scenario in one block: what the driver is asked to do."""

    block: int
    attempt: int = 0
    stack: str
    """Label of the arm: a stack's name, with @aa behind it for the A/A arm."""
    scenario: str
    load: Load
    warmup_s: float
    window_s: float
    timeout_s: float
    seed: int
    """Equal for all stacks of a block, so that all get the same schedule and the same ids."""
