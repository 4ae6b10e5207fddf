"""Reads the declared experiments: one file of loadtests/experiments/ for each statement."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import ValidationError

from lab.config import scenarios
from lab.config.scenarios import ALL
from lab.config.variants import normal
from lab.errors import LabError
from lab.model.experiment import SIDES, Evidence, Experiment, Side


def declared(loadtests: Path) -> tuple[Experiment, ...]:
    """Return all experiments of the load tests, by the names of their files; stacks and scenarios have their usual names.

    Raises:
        LabError: a file cannot be read, or names no scenario; says which, where and why.
    """
    files = {file: _read(file) for file in sorted((loadtests / "experiments").glob("*.toml"))}
    texts = {side.scenario: file for file, one in files.items() for side in one.sides if side.scenario}
    ids = {text: _id(loadtests, text, file) for text, file in texts.items()}
    return tuple(_named(one, ids) for one in files.values())


def _id(loadtests: Path, text: str, file: Path) -> str:
    """Return how a scenario is always written: `wait` for `wait?ms=50`, where 50 is the default."""
    try:
        (found,) = scenarios.find(loadtests, [text])
    except (LabError, ValueError) as error:
        raise LabError(f"{file}: {text!r} is no scenario: {error}") from None
    return found.id


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


def _named(experiment: Experiment, ids: Mapping[str, str]) -> Experiment:
    """Return the experiment with the usual names of its scenarios and of variants."""

    def side(one: Side) -> Side:
        return one if one.step else one.model_copy(update={"scenario": ids[one.scenario], "stack": normal(one.stack)})

    def evidence(one: Evidence) -> Evidence:
        read = {name: side(found) for name in SIDES if isinstance(found := getattr(one, name), Side)}
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
