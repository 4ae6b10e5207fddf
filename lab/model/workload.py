"""How it is measured: scenarios, loads, profiles, and the trials that a plan makes of them."""

import re
from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from lab.model.noun import Noun

Pool = Literal["db_pool", "upstream_connections"]
POOLS: tuple[Pool, ...] = get_args(Pool)
Gate = Literal["worker", "slots", Pool]
"""What a request holds while it waits: the worker (it blocks the event loop, where there is one), one of the stack's
threads, or a connection of a pool that all requests share."""
Arrivals = Literal["poisson", "constant"]
Family = Literal["closed", "open", "share"]
"""Loads whose comparisons ask the same question: what users at full push get, one rate for all, a rate of each stack's own."""
LOADS = "`closed:<users>`, `open:<requests per second>` or `open:<percent>%`"
_LOAD = re.compile(r"(closed|open):(\d+)(%?)", re.ASCII)


class Scenario(Noun):
    """One path of the contract with its parameters: what a user class of a file in loadtests/ asks for.

    `id` reads `db/batched`, or `wait?ms=50` where a parameter differs from the class's default.
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


class Load(Noun):
    """`closed:<users>` (no think time), `open:<requests per second>` or `open:<percent>%` (Poisson arrivals)."""

    kind: Literal["closed", "open"]
    amount: int = Field(gt=0, le=100_000)
    is_share: bool = False
    """Open load: `amount` is in per cent of what the same arm did in the same block under the profile's first closed load."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if not (read := _LOAD.fullmatch(value)):
            raise ValueError(f"there is no load {value!r}; choose {LOADS}")
        return {"kind": read[1], "amount": read[2], "is_share": bool(read[3])}

    @model_validator(mode="after")
    def _is_a_share_of_capacity(self) -> Self:
        """Refuse more than all of it: a queue then grows until the window ends, and the latency says how long that was."""
        if self.is_share and (self.kind == "closed" or self.amount > 100):
            raise ValueError(f"there is no load {str(self)!r}: a share is open:1% to open:100%")
        return self

    def __str__(self) -> str:
        return f"{self.kind}:{self.amount}{'%' * self.is_share}"

    @property
    def family(self) -> Family:
        return "share" if self.is_share else self.kind


class Profile(Noun):
    """What a run does: read from loadtests/profiles.toml."""

    name: str
    about: str
    stacks: tuple[str, ...]
    scenarios: tuple[str, ...]
    loads: tuple[Load, ...]
    blocks: int = Field(ge=1, le=100)
    blocks_per_start: int = Field(default=1, ge=1)
    """How many blocks the servers serve before they are started again."""
    warmup_s: float = Field(ge=0)
    window_s: float = Field(gt=0)
    timeout_s: float = Field(gt=0)
    """How long one request may take; also the limit of the drain after the window."""
    arrivals: Arrivals = "poisson"
    """Open load: the gaps between requests."""
    aa_scenarios: tuple[str, ...] = ()
    """Scenarios that the A/A arm runs too."""
    reruns: int = Field(default=2, ge=0, le=5)
    """How often a disturbed block is re-run at most."""
    precision: float | None = Field(default=None, gt=0, lt=1)
    """Go on beyond `blocks` until every headline ratio's interval is within this share of it (0.05: 5 %) …"""
    most_blocks: int | None = Field(default=None, ge=1, le=100)
    """… or until so many blocks are done."""
    limit_min: float | None = Field(default=None, gt=0)
    """Minutes of measuring after which no block more than `blocks` is begun, and none is re-run."""

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if (self.precision is None) != (self.most_blocks is None):
            raise ValueError("precision and most_blocks go together")
        if self.most_blocks is not None and self.most_blocks < self.blocks:
            raise ValueError("most_blocks is less than blocks")
        return self

    @model_validator(mode="after")
    def _has_a_capacity(self) -> Self:
        shares = [str(load) for load in self.loads if load.is_share]
        if shares and self.capacity_load is None:
            raise ValueError(
                f"{shares[0]} is a share of what a stack does under closed load: add one, such as closed:64"
            )
        return self

    @property
    def capacity_load(self) -> Load | None:
        """Return the load whose throughput shares are taken of: the first closed one."""
        return next((load for load in self.loads if load.kind == "closed"), None)


class Trial(Noun):
    """One load of one stack with one scenario in one block: what the driver is asked to do."""

    block: int
    attempt: int = 0
    stack: str
    """Label of the arm: a stack's name, with @aa behind it for the A/A arm."""
    scenario: str
    load: Load
    arrivals: Arrivals = "poisson"
    warmup_s: float
    window_s: float
    timeout_s: float
    seed: int
    """Equal for all stacks of a block, so that all get the same schedule and the same ids."""
