"""`lock`: compile pyproject.toml's dependency groups to locks/<group>.txt, all from one resolution.

The locks are universal, for Python 3.11 and later, with hashes and without addresses. So images and the local environment
install the same versions from whatever package index they reach. A locked version stays, unless an upgrade is asked for.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from lab.errors import Exit, LabError
from lab.paths import LOCKS, ROOT

_RESOLVE = ["--universal", "--python-version", "3.11", "--fork-strategy", "fewest", "--no-annotate", "--no-header"]


def lock(*, upgrade: bool = False) -> Exit:
    """Write all lock files.

    Args:
        upgrade: take the newest versions that pyproject.toml allows; without it, replace only those that it no longer allows.

    Raises:
        LabError: the groups contradict each other, or the package index cannot be reached.
    """
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    with tempfile.TemporaryDirectory(prefix="lab-lock-") as folder:
        resolution = Path(folder) / "all.txt"
        resolution.write_text("" if upgrade else _locked())
        everything = [word for group in groups for word in ("--group", group)]
        _compile([*everything, "--output-file", str(resolution)])
        for group in groups:
            output = str(LOCKS / f"{group}.txt")
            _compile(["--group", group, "--constraint", str(resolution), "--generate-hashes", "--output-file", output])
    return Exit.DONE


def _locked() -> str:
    """Return the pins of all lock files, a line each: uv prefers the versions in the file that it writes."""
    lines = (line for path in sorted(LOCKS.glob("*.txt")) for line in path.read_text().splitlines())
    return "\n".join(sorted({line.split(" ")[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}))


def _compile(words: list[str]) -> None:
    uv = str(Path(sys.executable).parent / "uv")
    done = subprocess.run(
        [uv, "pip", "compile", "--quiet", *_RESOLVE, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"The lock files could not be compiled:\n{done.stderr.strip()}")
