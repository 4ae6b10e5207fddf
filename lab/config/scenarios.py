"""Which scenarios there are, from what the user classes of loadtests/*.py declare.

A user class with a `path` is a scenario. Its id is that path without its first slash; the first word is the workload.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qsl

from pydantic import ConfigDict, Field, SkipValidation, ValidationError

from lab.config.amounts import amount
from lab.config.user_classes import UserClass, user_classes
from lab.errors import LabError
from lab.model.noun import Noun
from lab.model.workload import Gate, Part, Scenario

ALL = "all"
"""The word for every scenario, and for every stack."""
CPU_MS, ROUNDS = "cpu_ms", "rounds"
"""Where a scenario takes the second, an id may give the first in its place (lab/run/rounds.py)."""
MOST_CPU_MS = 200
"""The contract's most rounds are half a second of a fast interpreter."""
_AMOUNTS = ("at_once", "waits_ms")
_PART = re.compile(r"(?P<id>.+?)(?:\*(?P<weight>[1-9]\d{0,2})|=probe@(?P<rate>[1-9]\d{0,4})/s)?", re.ASCII)
_MIXED = "write a mixture as db/one+json, with weights as db/one*3+json, and a probe as crunch/inline+json=probe@50/s"
_MUST_BE = {
    "path": "a path without a query, such as '/db/one'",
    "params": "a dictionary of whole numbers, texts and None",
    "expected_errors": "a parameter's name and a list of reasons",
    "holds": f"None or one of {', '.join(get_args(Gate))}",
    **dict.fromkeys(_AMOUNTS, "a text such as 'n * ms'"),
    "streams": "True or False",
    "weight": "a whole number from 1 to 1000",
}


class Declared(Noun):
    """What a user class declares; `params` with None are left to the server's default."""

    model_config = ConfigDict(strict=True, arbitrary_types_allowed=True)

    source: SkipValidation[UserClass]
    path: str = Field(pattern=r"^(/[^/?#\s]+)+/?$")
    params: dict[str, int | str | None] = Field(default_factory=dict)
    expected_errors: dict[str, list[str]] = Field(default_factory=dict)
    """Parameter -> reasons of errors that are to be expected where it is given and not 0."""
    holds: Gate | None = None
    at_once: str | None = None
    waits_ms: str | None = None
    """Like `at_once` a product of parameters (lab/config/amounts.py)."""
    streams: bool = False
    weight: int = Field(default=1, ge=1, le=1_000)
    """Locust's: how many users it has in a mixture for each of a class with the weight 1."""

    @property
    def name(self) -> str:
        """Return the id without parameters."""
        return self.path.strip("/")

    @property
    def workload(self) -> str:
        """Return the first word of the path."""
        return self.name.split("/")[0]

    def scenario(self, query: str = "") -> Scenario:
        """Return the scenario with the parameters of `query` (`ms=50&n=3`) in place of the declared ones."""
        given = {name: self._value(name, text) for name, text in parse_qsl(query, keep_blank_values=True)}
        params = {**self.accepted, **given}
        unlike = [f"{name}={value}" for name, value in params.items() if value != self.accepted[name]]
        cpu_ms = self._cpu_ms(given)
        if cpu_ms is not None:
            params[ROUNDS] = None  # the run's start says how many
        amounts: dict[str, Any] = {
            name: self._amount(name, text, params) for name in _AMOUNTS if (text := getattr(self, name)) is not None
        }
        return Scenario(
            id="?".join([self.name, *filter(None, ["&".join(unlike)])]),
            workload=self.workload,
            file=self.source.file,
            user=self.source.name,
            path=self.path,
            params={name: value for name in self.params if (value := params[name]) is not None},
            cpu_ms=cpu_ms,
            expected_errors=tuple(
                reason for name, reasons in self.expected_errors.items() if params[name] for reason in reasons
            ),
            holds=self.holds,
            streams=self.streams,
            **amounts,
        )

    def _amount(self, name: str, text: str, params: Mapping[str, object]) -> float:
        try:
            return amount(text, params)
        except ValueError as error:
            where, user = self.source.attributes[name].where, self.source.name
            raise LabError(f"{where}: `{name}` of {user}, {text!r}, {error}.") from None

    @property
    def accepted(self) -> dict[str, int | str | None]:
        """Return what an id may give: the declared parameters, and `cpu_ms` where one of them is `rounds`."""
        return {**self.params, CPU_MS: None} if self._takes_cpu_ms else self.params

    @property
    def _takes_cpu_ms(self) -> bool:
        return ROUNDS in self.params and CPU_MS not in self.params

    def _cpu_ms(self, given: Mapping[str, int | str]) -> int | None:
        """Return the value of `cpu_ms`, given in place of rounds; None without one."""
        cpu_ms = given.get(CPU_MS) if self._takes_cpu_ms else None
        if cpu_ms is None:
            return None
        if ROUNDS in given or not isinstance(cpu_ms, int) or not 1 <= cpu_ms <= MOST_CPU_MS:
            raise LabError(
                f"The parameter {CPU_MS} of the scenario {self.name} is from 1 to {MOST_CPU_MS} milliseconds, "
                f"in place of {ROUNDS}: give one of the two."
            )
        return cpu_ms

    def _value(self, name: str, text: str) -> int | str:
        if name not in self.accepted:
            known = ", ".join(self.accepted) or "none"
            raise LabError(f"The scenario {self.name} has no parameter {name!r}; it has: {known}.")
        if isinstance(self.accepted[name], str):
            return text
        if not (text.isascii() and text.isdigit()):
            raise LabError(f"The parameter {name} of the scenario {self.name} is a whole number, not {text!r}.")
        return int(text)


def declared_in(folder: Path) -> list[Declared]:
    """Return what each scenario's class in `folder` declares, by file and in the order of the file.

    Raises:
        LabError: a declaration cannot be read, or two scenarios have one path; names file and line.
    """
    found: dict[str, Declared] = {}
    for one in user_classes(folder):
        scenario = _declared(one)
        if (other := found.setdefault(scenario.name, scenario)) is not scenario:
            raise LabError(
                f"{one.where}: {one.name} has the path {scenario.path}, as {other.source.name} of {other.source.file} has."
            )
    return list(found.values())


def all_of(folder: Path) -> tuple[Scenario, ...]:
    """Return every scenario of the load tests in `folder`, by file and in the order of the file."""
    return tuple(one.scenario() for one in declared_in(folder))


def find(folder: Path, ids: Iterable[str]) -> tuple[Scenario, ...]:
    """Return the scenarios of ids such as `db`, `db/one`, `wait?ms=50`, `db/one*3+json` or `all`, each once and in the order given.

    Raises:
        LabError: an id or a parameter is not known; says which there are.
    """
    available = declared_in(folder)
    scenarios = (
        scenario
        for text in ids
        for scenario in (_named(text, available) if _is_one(text) else [_mixed(text, available)])
    )
    return tuple({scenario.id: scenario for scenario in scenarios}.values())


def _named(text: str, available: list[Declared]) -> list[Scenario]:
    return [one.scenario(text.partition("?")[2]) for one in _declared_as(text, available)]


def _declared_as(text: str, available: list[Declared]) -> list[Declared]:
    name = text.partition("?")[0]
    found = [one for one in available if name in (one.name, one.workload, ALL)]
    if not found:
        choices = ", ".join(dict.fromkeys(choice for one in available for choice in (one.workload, one.name)))
        raise LabError(f"There is no scenario {name!r}; there are: {choices}.")
    return found


def _is_one(text: str) -> bool:
    return not any(sign in text for sign in ("+", "*", "=probe@"))


def _mixed(text: str, available: list[Declared]) -> Scenario:
    """Return the mixture of ids that are joined by a plus sign, each with a weight, a probe's rate or neither."""
    parts = [_part(word, text, available) for word in text.split("+")]
    if len({part.scenario.id for part in parts}) < len(parts):
        raise LabError(f"The mixture {text!r} has a scenario twice: give it a weight, as in db/one*2+json.")
    if len(parts) == 1 or all(part.rate is not None for part in parts):
        raise LabError(f"{text!r} is no mixture: a probe or a weight needs another scenario beside it; {_MIXED}.")
    first = next(part.scenario for part in parts if part.rate is None)
    expected = tuple(dict.fromkeys(reason for part in parts for reason in part.scenario.expected_errors))
    return Scenario(
        id="+".join(part.word for part in parts),
        **first.model_dump(include={"workload", "file", "user", "path"}),
        expected_errors=expected,
        parts=tuple(parts),
    )


def _part(word: str, text: str, available: list[Declared]) -> Part:
    read = _PART.fullmatch(word)
    if not read:
        raise LabError(f"The mixture {text!r} cannot be read at {word!r}: {_MIXED}.")
    found = _declared_as(read["id"], available)
    if len(found) > 1:
        choices = ", ".join(one.name for one in found)
        raise LabError(f"The mixture {text!r} has {read['id']!r}, which is several scenarios; choose one of {choices}.")
    scenario = found[0].scenario(read["id"].partition("?")[2])
    if scenario.cpu_ms is not None:
        raise LabError(
            f"The mixture {text!r} has {scenario.id!r}: {CPU_MS} is for scenarios on their own; give {ROUNDS}."
        )
    rate = None if read["rate"] is None else int(read["rate"])
    return Part(scenario=scenario, weight=int(read["weight"] or found[0].weight), rate=rate)


def _declared(one: UserClass) -> Declared:
    if not one.is_checked:
        raise LabError(
            f"{one.where}: {one.name} has no `check`, so nothing would say whether an answer is right: add "
            "`def check(self, body):`, which returns whether the decoded `body` is what was asked for."
        )
    try:
        found = Declared(source=one, **{name: literal.value for name, literal in one.attributes.items()})
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise LabError(f"{one.attributes[name].where}: `{name}` of {one.name} must be {_MUST_BE[name]}.") from None
    if unknown := set(found.expected_errors) - set(found.params):
        raise LabError(
            f"{one.attributes['expected_errors'].where}: `expected_errors` of {one.name} names {min(unknown)!r}, "
            "which is no parameter."
        )
    found.scenario()  # refuses an amount that has no value, whichever scenarios are asked for
    return found
