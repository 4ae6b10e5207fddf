"""What a run says while it runs: text is printed as it is, on a terminal and in a log."""

import ast
import io

import pytest
from rich.console import Console

from lab.calibrate.result import Finding
from lab.calibrate.run import print_findings
from lab.commands import listing
from lab.model.outcome import Failure
from lab.paths import ROOT
from lab.run.console import console
from lab.run.progress import Reporter
from tests.synthetic import NOON, trial

ODD = "[/health] answered 404: [mpm_event:notice] [bold]AH00489[/bold] :warning: \\[escaped]"
"""What a markup parser reports as an error, swallows, or replaces."""


def failure() -> Failure:
    return Failure(trial=trial(stack="[a]"), started_at=NOON, reason=ODD)


def test_a_reason_with_brackets_is_printed_as_it_is_into_a_log() -> None:
    written = io.StringIO()
    with Reporter(Console(file=written, width=60)) as say:
        say.step(ODD)
        say.trial(failure())
    assert written.getvalue() == f"{ODD}\n  [a] json closed:8: failed: {ODD}\n"


def test_what_the_lab_broke_is_not_called_a_failure_of_the_stack() -> None:
    written = io.StringIO()
    with Reporter(Console(file=written, width=60)) as say:
        say.trial(failure().model_copy(update={"lab_fault": True, "reason": "The generator broke down."}))
    assert written.getvalue() == "  [a] json closed:8: invalid: The generator broke down.\n"


def test_a_reason_with_brackets_is_printed_as_it_is_above_the_bar_of_a_terminal() -> None:
    written = io.StringIO()
    with Reporter(Console(file=written, width=200, force_terminal=True, color_system=None)) as say:
        say.begin(2, 10)
        say.block(0, 1)
        say.trial(failure())
        say.step(ODD)
    assert written.getvalue().count(ODD) == 2


def test_names_with_brackets_stand_in_the_live_view() -> None:
    written = io.StringIO()
    with Reporter(Console(file=written, width=200, force_terminal=True, color_system=None)) as say:
        say.begin(2, 10)
        say.running(trial(stack="[/stack]", scenario="[/scenario]"))
        say.trial(failure())
    for text in ("[/stack]", "[/scenario]", "[a]"):
        assert text in written.getvalue()


def test_tables_print_brackets_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_findings([Finding(part="[/p]", figure="[f]", value="[v]", goal=":warning:", met=True)])
    listing._print([{"id": "[/x]", "params": {"[y]": 1}}], ("id", "params"), as_json=False)
    printed = capsys.readouterr().out
    for text in ("[/p]", "[f]", "[v]", ":warning:", "met", "[/x]", "[y]=1"):
        assert text in printed


def test_the_labs_console_prints_any_text_as_it_is() -> None:
    written = io.StringIO()
    console(file=written, width=200).print(ODD)
    assert written.getvalue() == ODD + "\n"


def test_nothing_makes_a_console_that_parses_markup() -> None:
    made = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "lab").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("Console", "rprint")
    }
    assert made == {"lab/run/console.py"}
