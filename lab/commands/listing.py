"""`stacks`, `scenarios`, `help`: list the choices. Each imports what it needs: `help` only reads the Makefile."""

import json
import re
import sys
from collections.abc import Mapping

import typer
from typer.core import TyperGroup

from lab.errors import Exit
from lab.model.stack import FACTORS
from lab.paths import LOADTESTS, ROOT
from lab.runtime import auto

_PIPED = 10_000
"""Columns if the output is not a terminal: a program reads it, or searches it."""
_HELP = 80
"""Columns of a help text that a program reads, whatever the width of the terminal."""
_TARGET = re.compile(r"^([a-z-]+):.*## (.*)$", re.MULTILINE)


def stacks(*, as_json: bool) -> Exit:
    """Print every stack of docker-compose.yml."""
    from lab.config.project import Project

    project = Project.here()
    lacks = auto.runtime(project, "process").lacks
    rows = [
        stack.model_dump(mode="json") | {"runtimes": ["docker"] if lacks(stack.name) else ["docker", "process"]}
        for stack in project.stacks.values()
    ]
    for row in rows if not as_json else ():
        row["omits"] = f"all but {', '.join(served)}" if (served := row["serves"]) else row["omits"]
    columns = ("name", *FACTORS, "runtimes", "omits")
    return _print(rows, columns, as_json=as_json)


def scenarios(*, as_json: bool) -> Exit:
    """Print every scenario of loadtests/ with its description, and its parameters with their defaults."""
    from lab.config import scenarios as scenarios_

    say_ignored()
    rows = [
        one.scenario().model_dump(mode="json") | {"params": one.accepted, "about": one.source.about}
        for one in scenarios_.declared_in(LOADTESTS)
    ]
    return _print(rows, ("id", "about", "params", "file"), as_json=as_json)


def say_ignored() -> None:
    """Print to standard error which user classes of loadtests/ are no scenarios, and what to do."""
    from lab.config.user_classes import ignored
    from lab.run.console import console

    for sentence in ignored(LOADTESTS):
        console(stderr=True).print(f"lab: {sentence}", soft_wrap=True)


def help_of(app: typer.Typer, *, as_json: bool) -> Exit:
    """Print the targets of the Makefile with their descriptions; as JSON, also the help text of every command."""
    targets = dict(_TARGET.findall((ROOT / "Makefile").read_text()))
    if as_json:
        print(json.dumps({"targets": targets, "commands": _help_texts(app)}, indent=1))  # noqa: T201  # the answer
        return Exit.DONE
    for name, about in targets.items():
        print(f"make {name:<11} {about}")  # noqa: T201  # the answer
    return Exit.DONE


def _help_texts(app: typer.Typer) -> Mapping[str, str]:
    """Return command -> what it prints for `--help`."""
    program = typer.main.get_command(app)
    assert isinstance(program, TyperGroup)  # noqa: S101  # it has several commands
    above = program.context_class(program, info_name="python -m lab", terminal_width=_HELP)
    return {
        name: command.get_help(command.context_class(command, info_name=name, parent=above))
        for name, command in program.commands.items()
    }


def _print(rows: list[dict[str, object]], columns: tuple[str, ...], *, as_json: bool) -> Exit:
    if as_json:
        print(json.dumps(rows, indent=1))  # noqa: T201  # the answer
        return Exit.DONE
    from rich.table import Column, Table

    from lab.run.console import console

    table = Table(Column(columns[0], no_wrap=True), *columns[1:], box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    console(width=None if sys.stdout.isatty() else _PIPED).print(table)
    return Exit.DONE


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(map(_param_or_path, value.items()))
    if isinstance(value, list):
        return ", ".join(value) if len(value) > 1 else f"needs {value[0]}"
    return str(value)


def _param_or_path(item: tuple[str, object]) -> str:
    """Return a parameter with its default, or an omitted path without the reason."""
    from lab.config.scenarios import CPU_MS, ROUNDS

    name, value = item
    if name.startswith("/"):
        return name
    if name == CPU_MS:
        return f"{name} (in place of {ROUNDS})"
    return f"{name} (server's default)" if value is None else f"{name}={value}"
