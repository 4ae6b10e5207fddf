"""What the session and the driver say to each other: one JSON object per line."""

from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from lab.model.loads import Load
from lab.model.noun import Noun
from lab.model.outcome import Driven
from lab.model.workload import LONGEST_RAMP, Scenario


class Order(Noun):
    """One trial for the driver."""

    scenario: Scenario
    port: int
    load: Load
    rate: float | None = Field(default=None, gt=0)
    """Open load: requests per second; None: as many as the load says."""
    most_connections: int = 4096
    """Open load: a request that is due while so many are in flight is dropped."""
    warmup_s: float
    """The least: in closed load its second half begins when every user has been served once, or `longest_ramp_s` is over,
    and lasts `settling_s`."""
    window_s: float
    timeout_s: float
    """How long one request may take, and the limit of the drain."""
    seed: int
    by_port: bool = False
    """Closed load: count what was completed by the port of each user's connection."""
    part: int = Field(default=0, ge=0)
    """Which part of the load this driver takes, counted from 0 …"""
    parts: int = Field(default=1, ge=1)
    """… of so many drivers that share it; `lab.load.merge` merges their answers."""

    @model_validator(mode="after")
    def _has_a_rate(self) -> Self:
        if self.load.is_share and self.rate is None:
            raise ValueError(f"{self.load} needs a rate: only the session knows what it is a share of")
        return self

    @property
    def offered_rps(self) -> float | None:
        """Return the requests per second of an open load; None in closed load."""
        return None if self.load.kind == "closed" else self.rate or float(self.load.amount)

    @property
    def longest_ramp_s(self) -> float:
        """Return how long the users of a closed load are given to be served once, before the window.

        Who never is must still be waiting for that answer when the window ends, or nobody would see it: the timeout bounds
        it. Of a load that several drivers share, none knows when the others' users are served: their windows are fixed.
        """
        if self.parts > 1:
            return 0.0
        return max(0.0, min(LONGEST_RAMP * self.warmup_s, self.timeout_s - self.window_s - self.least_warmup_s))

    @property
    def settling_s(self) -> float:
        """Return how long the second half of the warm-up is."""
        return self.load.settling_s(self.warmup_s)

    @property
    def least_warmup_s(self) -> float:
        """Return how long the warm-up is where every user is served at once."""
        return self.warmup_s / 2 + self.settling_s

    @property
    def users(self) -> int:
        """Return the users of this driver in a closed load; over all parts they add up to the load's."""
        return self.load.amount * (self.part + 1) // self.parts - self.load.amount * self.part // self.parts


class Began(Noun):
    """The load runs; the window is planned for these times (CLOCK_MONOTONIC)."""

    event: Literal["began"] = "began"
    window_start_s: float
    window_end_s: float


class Done(Noun):
    """The trial was driven to its end."""

    event: Literal["done"] = "done"
    driven: Driven


class Failed(Noun):
    """The trial gave nothing to measure."""

    event: Literal["failed"] = "failed"
    reason: str
    error: str | None = None
    """The first request's error, by the name that the errors of a window have; None where the driver broke."""
    lab_fault: bool = False
    """The driver broke, not the stack."""


Reply = Annotated[Began | Done | Failed, Field(discriminator="event")]
REPLY: TypeAdapter[Began | Done | Failed] = TypeAdapter(Reply)


class StockOrder(Noun):
    """What stock Locust is to load. `rate` (requests per second) paces the users, which do not wait without it."""

    url: str
    users: int
    rate: float | None = None
    warmup_s: float
    window_s: float


class StockSays(Noun):
    """Locust's own statistics of the window; its edges are CLOCK_MONOTONIC."""

    requests: int
    failures: int
    rps: float
    cpu_s: float
    """Of the process in the window."""
    percentiles_ms: dict[str, float]
    window_start_s: float
    window_end_s: float
