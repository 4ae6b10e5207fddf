"""Which scenarios there are, from what the user classes of loadtests/*.py declare.

A user class with a `path` is a scenario. Its id is that path without its first slash; the first word is the workload.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from urllib.parse import parse_qsl

from lab.config import declared
from lab.config.amounts import amount
from lab.config.user_classes import Literal
from lab.errors import LabError
from lab.model.workload import Gate, Scenario

ALL = "all"
"""The word for every scenario, and for every stack."""
CPU_MS, ROUNDS = "cpu_ms", "rounds"
"""Where a scenario takes the second, an id may give the first in its place (lab/run/rounds.py)."""
MOST_CPU_MS = 200
"""The contract's most rounds are half a second of a fast interpreter."""
GATES: tuple[Gate, ...] = get_args(Gate)
_PATH = re.compile(r"(/[^/?#\s]+)+/?")


@dataclass(frozen=True)
class Declared:
    """What a user class declares; `params` with None are left to the server's default."""

    workload: str
    name: str
    about: str
    file: str
    user: str
    path: str
    params: dict[str, int | str | None]
    expected_errors: dict[str, list[str]]
    """Parameter -> reasons of errors that are to be expected where it is given and not 0."""
    holds: Gate | None
    amounts: dict[str, Literal]
    """`at_once` and `waits_ms`, where they are declared: products of parameters (lab/config/amounts.py)."""
    streams: bool

    def scenario(self, query: str = "") -> Scenario:
        """Return the scenario with the parameters of `query` (`ms=50&n=3`) in place of the declared ones."""
        given = {name: self._value(name, text) for name, text in parse_qsl(query, keep_blank_values=True)}
        params = {**self.accepted, **given}
        unlike = [f"{name}={value}" for name, value in params.items() if value != self.accepted[name]]
        cpu_ms = self._cpu_ms(given)
        if cpu_ms is not None:
            params[ROUNDS] = None  # the run's start says how many
        return Scenario(
            id="?".join([self.name, *filter(None, ["&".join(unlike)])]),
            workload=self.workload,
            file=self.file,
            user=self.user,
            path=self.path,
            params={name: value for name in self.params if (value := params[name]) is not None},
            cpu_ms=cpu_ms,
            expected_errors=tuple(
                reason for name, reasons in self.expected_errors.items() if params[name] for reason in reasons
            ),
            holds=self.holds,
            streams=self.streams,
            **{name: self._amount(name, params) for name in self.amounts},
        )

    def _amount(self, name: str, params: Mapping[str, object]) -> float:
        declared = self.amounts[name]
        try:
            return amount(declared.value, params)
        except ValueError as error:
            raise LabError(f"{declared.where}: `{name}` of {self.user}, {declared.value!r}, {error}.") from None

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
    for one in declared.user_classes(folder):
        scenario = _declared(one)
        if (other := found.setdefault(scenario.name, scenario)) is not scenario:
            raise LabError(
                f"{one.where}: {one.name} has the path {scenario.path}, as {other.user} of {other.file} has."
            )
    return list(found.values())


def all_of(folder: Path) -> tuple[Scenario, ...]:
    """Return every scenario of the load tests in `folder`, by file and in the order of the file."""
    return tuple(one.scenario() for one in declared_in(folder))


def find(folder: Path, ids: Iterable[str]) -> tuple[Scenario, ...]:
    """Return the scenarios of ids such as `db`, `db/one`, `wait?ms=50` or `all`, each once and in the order given.

    Raises:
        LabError: an id or a parameter is not known; says which there are.
    """
    available = declared_in(folder)
    scenarios = (scenario for text in ids for scenario in _named(text, available))
    return tuple({scenario.id: scenario for scenario in scenarios}.values())


def _named(text: str, available: list[Declared]) -> list[Scenario]:
    name, _, query = text.partition("?")
    found = [one for one in available if name in (one.name, one.workload, ALL)]
    if not found:
        choices = ", ".join(dict.fromkeys(choice for one in available for choice in (one.workload, one.name)))
        raise LabError(f"There is no scenario {name!r}; there are: {choices}.")
    return [one.scenario(query) for one in found]


def _declared(one: declared.UserClass) -> Declared:
    if not one.is_checked:
        raise LabError(
            f"{one.where}: {one.name} has no `check`, so nothing would say whether an answer is right: add "
            "`def check(self, body):`, which returns whether the decoded `body` is what was asked for."
        )
    path = _attribute(one, "path", None, _is_path, "a path without a query, such as '/db/one'")
    params = _attribute(one, "params", {}, _is_params, "a dictionary of whole numbers, texts and None")
    errors = _attribute(one, "expected_errors", {}, _is_reasons, "a parameter's name and a list of reasons")
    if unknown := set(errors) - set(params):
        raise LabError(
            f"{one.attributes['expected_errors'].where}: `expected_errors` of {one.name} names {min(unknown)!r}, "
            "which is no parameter."
        )
    name = path.strip("/")
    found = Declared(
        workload=name.split("/")[0],
        name=name,
        about=one.about,
        file=one.file,
        user=one.name,
        path=path,
        params=params,
        expected_errors=errors,
        holds=_attribute(one, "holds", None, (None, *GATES).__contains__, f"None or one of {', '.join(GATES)}"),
        amounts={
            name: one.attributes[name]
            for name in ("at_once", "waits_ms")
            if _attribute(one, name, None, _is_amount, "a text such as 'n * ms'") is not None
        },
        streams=_attribute(one, "streams", False, (False, True).__contains__, "True or False"),
    )
    found.scenario()  # refuses an amount that has no value, whichever scenarios are asked for
    return found


def _attribute(one: declared.UserClass, name: str, default: object, is_right: Callable[[Any], bool], words: str) -> Any:
    """Return what a class declares under a name, checked; LabError names the line and what it must be."""
    found = one.attributes.get(name, Literal(default, one.where))
    if not is_right(found.value):
        raise LabError(f"{found.where}: `{name}` of {one.name} must be {words}.")
    return found.value


def _is_path(value: object) -> bool:
    return isinstance(value, str) and _PATH.fullmatch(value) is not None


def _is_params(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_param, value.items()))


def _is_param(item: tuple[object, object]) -> bool:
    name, value = item
    return isinstance(name, str) and (value is None or type(value) in (int, str))


def _is_reasons(value: object) -> bool:
    lists = value.values() if isinstance(value, dict) else [None]
    return all(isinstance(one, list) and all(isinstance(reason, str) for reason in one) for one in lists)


def _is_amount(value: object) -> bool:
    return value is None or isinstance(value, str)
