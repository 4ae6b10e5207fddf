"""What the program says of itself, as the documents quote it: the Make targets, and the help text of every command."""

import json
import subprocess
import sys
from typing import Any

from lab.paths import ROOT


def targets() -> str:
    """Return every Make target with what it does, as a table."""
    rows = (f"| `make {name}` | {about} |" for name, about in _help()["targets"].items())
    return "\n".join(["| Command | What it does |", "| --- | --- |", *rows, ""])


def commands() -> str:
    """Return the help text of every command, each under a heading of its own."""
    texts = _help()["commands"].items()
    return "".join(f"\n### {name}\n\n```text\n{text}\n```\n" for name, text in texts) + "\n"


def _help() -> Any:
    """Return what `help --json` prints: the command line is a layer above this one, so it is asked as a person asks it."""
    words = [sys.executable, "-m", "lab", "help", "--json"]
    return json.loads(subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
