"""What a stack is loaded with: users or a rate, and how they come; a load's text is its name everywhere."""

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from lab.model.noun import Noun

Arrivals = Literal["poisson", "constant"]
Family = Literal["closed", "open", "share", "burst"]
"""Loads whose comparisons ask the same question: what users at full push get, one rate for all, a rate of each stack's own, too
high a rate for a while."""
LOADS = (
    "`closed:<users>`, `open:<requests per second>`, `open:<percent>%` or `open:burst`; behind it may stand "
    "`+new-connections`, `+think=1s` (closed) and `+constant` (open)"
)
_LOAD = re.compile(r"(closed|open):(?:([1-9]\d*)(%?)|burst)((?:\+[^+]+)*)", re.ASCII)
_SWEEP = re.compile(r"closed:([1-9]\d*)\.\.([1-9]\d*)((?:\+[^+]+)*)", re.ASCII)
_THINK = re.compile(r"think=([1-9]\d*)(ms|s)", re.ASCII)
_SWITCHES: dict[str, dict[str, object]] = {
    "new-connections": {"new_connections": True},
    "constant": {"arrivals": "constant"},
}
_THINK_MS = (100, 60_000)
"""Timers of the generator are right to a millisecond, and servers keep an idle connection for 75 s."""


class Load(Noun):
    """What LOADS says, such as `closed:64` or `open:50%+constant`; the text is its name everywhere."""

    kind: Literal["closed", "open"]
    amount: int = Field(gt=0, le=100_000)
    is_share: bool = False
    """Open load: `amount` is in per cent of what the same arm did in the same block under `Profile.capacity_of` it."""
    burst: bool = False
    """A share of 100 % whose rate is a fifth of it, then 120 %, then a fifth again, each for a third of the window."""
    new_connections: bool = False
    """Whether each request opens a connection of its own."""
    think_ms: int = 0
    """Closed load: how long a user waits after an answer before its next request."""
    arrivals: Arrivals = "poisson"
    """Open load: the gaps between requests."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if not (read := _LOAD.fullmatch(value)):
            raise ValueError(f"there is no load {value!r}; choose {LOADS}")
        burst = read[2] is None
        fields: dict[str, object] = {"kind": read[1], "amount": read[2] or 100, "burst": burst}
        fields["is_share"] = burst or bool(read[3])
        for word in filter(None, read[4].split("+")):
            modifier = _modifier(word)
            if not modifier or modifier.keys() & fields.keys():
                raise ValueError(f"there is no load {value!r}, because of {word!r}; choose {LOADS}")
            fields |= modifier
        return fields

    @model_validator(mode="after")
    def _can_be_offered(self) -> Self:
        """Refuse more than all of a capacity: a queue then grows until the window ends, and the latency says how long that was."""
        refused = {
            "a burst is open:burst": self.burst and (self.kind, self.amount, self.is_share) != ("open", 100, True),
            "a share is open:1% to open:100%": self.is_share and (self.kind == "closed" or self.amount > 100),
            "only users of a closed load think, as in closed:64+think=1s": self.kind == "open" and self.think_ms,
            "only an open load has arrivals, as in open:500+constant": self.kind == "closed"
            and self.arrivals != "poisson",
            "a think time is 100ms to 60s": self.think_ms and not _THINK_MS[0] <= self.think_ms <= _THINK_MS[1],
        }
        if why := [what for what, is_so in refused.items() if is_so]:
            raise ValueError(f"there is no load {str(self)!r}: {why[0]}")
        return self

    def __str__(self) -> str:
        amount = "burst" if self.burst else f"{self.amount}{'%' * self.is_share}"
        return f"{self.kind}:{amount}{self.modifiers}"

    @property
    def modifiers(self) -> str:
        """Return what stands behind the amount, in the order in which it is always written; empty without any."""
        think = f"{self.think_ms}ms" if self.think_ms % 1000 else f"{self.think_ms // 1000}s"
        words = {
            "new-connections": self.new_connections,
            f"think={think}": bool(self.think_ms),
            "constant": self.arrivals == "constant",
        }
        return "".join(f"+{word}" for word, given in words.items() if given)

    @property
    def family(self) -> Family:
        if self.burst:
            return "burst"
        return "share" if self.is_share else self.kind

    @property
    def question(self) -> str:
        """Return what comparisons under this load ask, which is the same for all amounts: the family with the modifiers."""
        return f"{self.family}{self.modifiers}"

    def settling_s(self, warmup_s: float) -> float:
        """Return how long the second half of such a warm-up is: a think time at least, in which every user begins again."""
        return max(warmup_s / 2, self.think_ms / 1e3)


CellName = tuple[str, str, Load]
"""Stack, scenario and load."""
RowName = tuple[str, Load]
"""Scenario and load."""


def _modifier(word: str) -> dict[str, object]:
    """Return the field of a load that a modifier sets, with its value; empty where there is no such modifier."""
    if think := _THINK.fullmatch(word):
        return {"think_ms": int(think[1]) * (1000 if think[2] == "s" else 1)}
    return _SWITCHES.get(word, {})


def swept(load: object) -> list[object]:
    """Return the loads that a text stands for: `closed:1..512` doubles the users, and ends with the last number in any case."""
    read = _SWEEP.fullmatch(load) if isinstance(load, str) else None
    if not read:
        return [load]
    first, most = int(read[1]), int(read[2])
    if first >= most:
        raise ValueError(f"there is no load {load!r}: a sweep goes from few users to more, as in closed:1..512")
    doubled = [first << times for times in range((most - 1).bit_length()) if first << times < most]
    return [f"closed:{users}{read[3]}" for users in (*doubled, most)]
