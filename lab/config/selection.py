"""From a person's words to a plan: which profile, stacks and scenarios; what does not exist is named with the choices."""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from lab.config.plan import Plan
from lab.config.scenarios import ALL
from lab.config.variants import normal
from lab.errors import LabError
from lab.model.stack import AA, Service, Stack, baseline
from lab.model.workload import Profile, Scenario


def words(text: str) -> list[str]:
    """Return ["a", "b"] for `a, b`."""
    return [word for part in text.split(",") if (word := part.strip())]


def stacks(names: Sequence[str], known: Mapping[str, Stack]) -> list[Stack]:
    """Return the stacks of these names, in the order given, each once; `all` means every one, without variants.

    Raises:
        LabError: there is no such stack.
    """
    every = [stack for stack in known.values() if stack.name == stack.service]
    if unknown := [name for name in names if normal(name) not in known and name != ALL]:
        choices = ", ".join(stack.name for stack in every)
        raise LabError(f"There is no stack {unknown[0]!r}; choose from {choices}, or {ALL}.")
    chosen = [stack for name in names for stack in (every if name == ALL else [known[normal(name)]])]
    return list({stack.name: stack for stack in chosen}.values())


def startable(
    names: Sequence[str], known: Mapping[str, Stack], lacks: Callable[[str], str | None]
) -> tuple[list[Stack], list[str]]:
    """Return the stacks of these names that can start here, and why the others cannot: `all` leaves them out.

    Raises:
        LabError: there is no such stack, one that was named cannot be started, or none can.
    """
    chosen = stacks(names, known)
    reasons = {stack.name: reason for stack in chosen if (reason := lacks(stack.service))}
    if named := [reasons[normal(name)] for name in names if normal(name) in reasons]:
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
    twice = _measured_twice(profile, baseline(chosen), scenarios)
    arms = [stack.name for stack in chosen] + ([baseline(chosen).name + AA] if twice else [])
    made = Plan(
        profile=profile.model_copy(update={"aa_scenarios": twice}),
        seed=seed,
        arms=tuple(arms),
        scenarios=tuple(scenarios),
        impossible={stack.name: tuple(_impossible(stack, scenarios)) for stack in chosen},
    )
    if not made.trials_per_block:
        raise LabError(
            "None of the chosen stacks can do any of the chosen scenarios; see `.venv/bin/python -m lab stacks`."
        )
    return made


def _measured_twice(profile: Profile, base: Stack, scenarios: Sequence[Scenario]) -> tuple[str, ...]:
    """Return the ids that the A/A arm runs: those of the profile that were chosen, else the first that the baseline serves."""
    possible = [scenario.id for scenario in scenarios if base.why_omitted(scenario.path) is None]
    return tuple(id_ for id_ in possible if id_ in profile.aa_scenarios) or tuple(possible[:1])


def _impossible(stack: Stack, scenarios: Iterable[Scenario]) -> list[str]:
    return [scenario.id for scenario in scenarios if stack.why_omitted(scenario.path) is not None]


def profile(folder: Path, name: str) -> Profile:
    """Return the profile of that name in `folder`/profiles.toml.

    Raises:
        LabError: there is no such profile, or something in the file is wrong; says what, and what there is.
    """
    tables = _tables(folder / "profiles.toml")
    if name not in tables:
        raise LabError(f"There is no profile {name!r}; there are: {', '.join(tables)}.")
    return _read(folder / "profiles.toml", name, tables[name])


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
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")  # pydantic's, before a sentence of a validator's own
        raise LabError(f"{file}, profile {name}{where and f', {where}'}: {what}.") from None
