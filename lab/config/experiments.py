"""Reads the declared experiments: one file of loadtests/experiments/ for each statement."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from lab.config import scenarios
from lab.config.variants import normal
from lab.errors import LabError
from lab.model.experiment import Evidence, Experiment, Side

ALL = "all"


def declared(loadtests: Path) -> tuple[Experiment, ...]:
    """Return all experiments of the load tests, by the names of their files; stacks and scenarios have their usual names.

    Raises:
        LabError: a file cannot be read, or names no scenario; says which, where and why.
    """
    return tuple(_named(file, _read(file), loadtests) for file in sorted((loadtests / "experiments").glob("*.toml")))


def _read(file: Path) -> Experiment:
    try:
        with file.open("rb") as text:
            return Experiment.model_validate({"id": file.stem, **tomllib.load(text)})
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"{file} is not TOML: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise LabError(f"{file}{where and f', {where}'}: {first['msg'].removeprefix('Value error, ')}.") from None


def _named(file: Path, experiment: Experiment, loadtests: Path) -> Experiment:
    """Return the experiment with `wait` for `wait?ms=50`, where 50 is the default, and variants in the usual order."""

    def side(one: Side) -> Side:
        if one.step:
            return one
        try:
            (found,) = scenarios.find(loadtests, [one.scenario])
        except (LabError, ValueError) as error:
            raise LabError(f"{file}: {one.scenario!r} is no scenario: {error}") from None
        return one.model_copy(update={"scenario": found.id, "stack": normal(one.stack)})

    def evidence(one: Evidence) -> Evidence:
        read = {name: side(found) for name in ("of", "less", "over") if isinstance(found := getattr(one, name), Side)}
        return one.model_copy(update=read)

    return experiment.model_copy(update={"evidence": tuple(map(evidence, experiment.evidence))})


def chosen(loadtests: Path, ids: Iterable[str]) -> tuple[Experiment, ...]:
    """Return the experiments of these ids; `all` means every one.

    Raises:
        LabError: there is no such experiment; says which there are.
    """
    known = {one.id: one for one in declared(loadtests)}
    wanted = list(ids)
    if unknown := [id_ for id_ in wanted if id_ not in known and id_ != ALL]:
        raise LabError(f"There is no experiment {unknown[0]!r}; choose from {', '.join(known)}, or {ALL}.")
    return tuple(one for id_, one in known.items() if ALL in wanted or id_ in wanted)
