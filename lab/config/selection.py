"""From a person's words to a plan: which profile, stacks and scenarios; what does not exist is named with the choices."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from lab.config import experiments, grid
from lab.config.plan import Plan
from lab.config.scenarios import ALL
from lab.config.variants import normal
from lab.errors import LabError
from lab.model import mixtures
from lab.model.experiment import cells_of, families_of
from lab.model.stack import AA, DOCUMENTED, VARIANT, Service, Stack, baseline
from lab.model.workload import MOST_BLOCKS, Profile, Scenario

LONGEST_WINDOW_S = 600
_BLOCKS = re.compile(r"\d{1,3}", re.ASCII)
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s?", re.ASCII)


def words(text: str) -> list[str]:
    """Return ["a", "b"] for `a, b`."""
    return [word for part in text.split(",") if (word := part.strip())]


def stacks(names: Sequence[str], known: Mapping[str, Stack]) -> list[Stack]:
    """Return the stacks of these names, in the order given, each once.

    `all` means every one, without variants; `documented` those variants that have what their server's deployment guide gives.

    Raises:
        LabError: there is no such stack.
    """
    every = [stack for stack in known.values() if stack.name == stack.service]
    sets = {ALL: every, DOCUMENTED: [stack for stack in known.values() if stack.is_documented]}
    if unknown := [name for name in names if normal(name) not in known and name not in sets]:
        choices = ", ".join(stack.name for stack in every)
        raise LabError(f"There is no stack {unknown[0]!r}; choose from {choices}, or {' or '.join(sets)}.")
    chosen = [stack for name in names for stack in sets.get(name, [known.get(normal(name))]) if stack]
    return list({stack.name: stack for stack in chosen}.values())


def named(profile: Profile, names: Sequence[str]) -> Profile:
    """Return a profile whose matrix is of the stacks that a person named, if any; a profile without a matrix stays as it is."""
    return profile.model_copy(update={"stacks": tuple(map(normal, names))}) if names and profile.is_matrix else profile


def needed(profile: Profile, wanted: Iterable[Scenario], names: Sequence[str]) -> tuple[str, ...]:
    """Return the stacks that have something to do in these scenarios.

    Those of the profile; of those that a person named, these and, beside a matrix, the variants that cells have of them.

    Raises:
        LabError: the profile has no cell in these scenarios.
    """
    ids = {scenario.id for scenario in wanted}
    of_matrix = profile.stacks if ids - profile.of_cells.keys() else ()
    of_cells = [stack for stack, id_, _ in profile.cells if id_ in ids]
    if names:
        more = [stack for stack in of_cells if profile.is_matrix and stack.partition(VARIANT)[0] in names]
        return tuple(dict.fromkeys((*names, *more)))
    if not (of_matrix or of_cells):
        raise LabError(
            f"The profile {profile.name} has no cell in {', '.join(ids)}: leave SCENARIOS out, or name some of its own."
        )
    return tuple(dict.fromkeys((*of_matrix, *of_cells)))


def with_cells(profile: Profile, wanted: Iterable[Scenario], chosen: Iterable[Stack]) -> list[Scenario]:
    """Return the scenarios without those in which the profile has cells, and none of these stacks."""
    names = {stack.name for stack in chosen}
    theirs = {id_ for stack, id_, _ in profile.cells if stack in names}
    return [one for one in wanted if one.id in theirs or one.id not in profile.of_cells]


def startable(
    names: Sequence[str], known: Mapping[str, Stack], lacks: Callable[[str], str | None], *, by_name: bool = True
) -> tuple[list[Stack], list[str]]:
    """Return the stacks of these names that can start here, and why the others cannot: `all` leaves them out.

    Args:
        names: what was asked for.
        known: all stacks by name.
        lacks: why a service cannot be started here, or None.
        by_name: whether a person named them; experiments do without those that cannot start.

    Raises:
        LabError: there is no such stack, one that a person named cannot be started, or none can.
    """
    chosen = stacks(names, known)
    reasons = {stack.name: reason for stack in chosen if (reason := lacks(stack.service))}
    if by_name and (named := [reasons[normal(name)] for name in names if normal(name) in reasons]):
        raise LabError(named[0])
    if len(reasons) == len(chosen):
        raise LabError("\n  ".join(["No stack can be started here:", *reasons.values()]))
    return [stack for stack in chosen if stack.name not in reasons], list(reasons.values())


def refuse_connections(at_once: Iterable[Stack], database: Service) -> None:
    """Raise a LabError where stacks that run at once have more connections to the database than it takes."""
    asked, most = sum(stack.connections for stack in at_once), int(database.environment["LAB_CONNECTIONS"])
    if asked > most:
        raise LabError(
            f"These stacks have {asked} connections to PostgreSQL together, workers x db_pool each, and it takes {most} "
            "(LAB_CONNECTIONS in docker-compose.yml): choose fewer stacks, fewer workers or a smaller db_pool."
        )


def plan(profile: Profile, chosen: Sequence[Stack], scenarios: Sequence[Scenario], seed: int) -> Plan:
    """Return the plan of a run, always with an A/A arm.

    Raises:
        LabError: nothing is left to measure.
    """
    for row in mixtures.asked(profile, scenarios):
        if why := mixtures.refusal(*row):
            raise LabError(f"{why}.")
    every = list(mixtures.all_of(scenarios).values())
    twice = _measured_twice(profile, baseline(chosen), scenarios)
    arms = [stack.name for stack in chosen] + ([baseline(chosen).name + AA] if twice else [])
    made = Plan(
        profile=profile.model_copy(update={"aa_scenarios": twice}),
        seed=seed,
        arms=tuple(arms),
        scenarios=tuple(scenarios),
        impossible={stack.name: tuple(_impossible(stack, every)) for stack in chosen},
    )
    if not made.trials_per_block:
        raise LabError(
            "None of the chosen stacks can do any of the chosen scenarios; see `.venv/bin/python -m lab stacks`."
        )
    return made


def _measured_twice(profile: Profile, base: Stack, scenarios: Sequence[Scenario]) -> tuple[str, ...]:
    """Return the ids that the A/A arm runs: those of the profile that were chosen, else the first that the baseline serves."""
    possible = [scenario.id for scenario in scenarios if base.why_omitted(*scenario.paths) is None]
    return tuple(id_ for id_ in possible if id_ in profile.aa_scenarios) or tuple(possible[:1])


def _impossible(stack: Stack, scenarios: Iterable[Scenario]) -> list[str]:
    return [scenario.id for scenario in scenarios if stack.why_omitted(*scenario.paths) is not None]


def profile(folder: Path, name: str) -> Profile:
    """Return the profile of that name in `folder`/profiles.toml.

    Raises:
        LabError: there is no such profile, or something in the file is wrong; says what, and what there is.
    """
    tables = _tables(folder / "profiles.toml")
    if name not in tables:
        raise LabError(f"There is no profile {name!r}; there are: {', '.join(tables)}.")
    found = _read(folder / "profiles.toml", name, tables[name])
    if found.experiments:
        asked = experiments.chosen(folder, found.experiments)
        return found.model_copy(update={"cells": tuple(cells_of(asked)), "families": families_of(asked)})
    if found.grid:
        return found.model_copy(update={"cells": grid.cells(found.grid, found.grid_stacks, folder)})
    return found


def _tables(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise LabError(f"{file} is missing: it says what a run does.") from None
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"{file} is not TOML: {error}.") from None


def _read(file: Path, name: str, table: object) -> Profile:
    if not isinstance(table, dict):
        raise LabError(f"{file}: `{name}` stands outside of a profile; write it under a [name].")
    try:
        return Profile.model_validate({"name": name, **table})
    except ValidationError as error:
        where, what = _first_of(error)
        raise LabError(f"{file}, profile {name}{where and f', {where}'}: {what}.") from None


def _first_of(error: ValidationError) -> tuple[str, str]:
    """Return where something is wrong, and what."""
    first = error.errors()[0]
    what = first["msg"].removeprefix("Value error, ")  # pydantic's, before a sentence of a validator's own
    return ".".join(str(part) for part in first["loc"]), what


def replaced(profile: Profile, given: Mapping[str, str]) -> Profile:
    """Return the profile with LOADS, WINDOW (seconds) and BLOCKS as they are given; what is empty stays as it is.

    Given blocks are neither more nor fewer in the end, whatever the profile's precision asks for.

    Raises:
        LabError: one of them means nothing; says what there is to choose.
    """
    read: Mapping[str, Callable[[str], dict[str, object]]] = {"LOADS": _loads, "WINDOW": _window, "BLOCKS": _blocks}
    told = {name: text for name, text in given.items() if text}
    if not profile.is_matrix and "LOADS" in told:
        raise LabError(
            f"LOADS={told['LOADS']}: the profile {profile.name} has the loads of its cells; leave LOADS out."
        )
    update = {field: value for name, text in told.items() for field, value in read[name](text).items()}
    try:
        return profile.model_copy(update={**update, "replaced": tuple(told)})
    except ValidationError as error:
        raise LabError(f"{' '.join(f'{name}={text}' for name, text in told.items())}: {_first_of(error)[1]}.") from None


def _loads(text: str) -> dict[str, object]:
    return {"loads": words(text) or [text]}


def _window(text: str) -> dict[str, object]:
    seconds = float(read[1]) if (read := _SECONDS.fullmatch(text)) else 0
    if not 0 < seconds <= LONGEST_WINDOW_S:
        raise LabError(
            f"WINDOW={text} is no length of a window: choose up to {LONGEST_WINDOW_S} seconds, such as 2, 2s or 0.5."
        )
    return {"window_s": seconds}


def _blocks(text: str) -> dict[str, object]:
    if not (_BLOCKS.fullmatch(text) and 1 <= int(text) <= MOST_BLOCKS):
        raise LabError(f"BLOCKS={text} is no number of blocks: choose 1 to {MOST_BLOCKS}.")
    return {"blocks": int(text), "precision": None, "most_blocks": None}
