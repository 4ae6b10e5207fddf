"""`lock`: compiles pyproject.toml's dependency groups to locks/<group>.txt, all against one resolution.

Universal, for Python 3.11 and later, with hashes and without addresses, so that images and the local environment install
the same versions from whatever package index they reach.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from lab.errors import Exit, LabError
from lab.project import LOCKS, ROOT

_RESOLVE = ["--universal", "--python-version", "3.11", "--fork-strategy", "fewest", "--no-annotate", "--no-header"]


def lock() -> Exit:
    """Writes all lock files anew.

    Raises:
        LabError: the groups contradict each other, or the package index cannot be reached.
    """
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    with tempfile.TemporaryDirectory(prefix="lab-lock-") as folder:
        resolution = Path(folder) / "all.txt"
        everything = [word for group in groups for word in ("--group", group)]
        _compile([*everything, "--output-file", str(resolution)])
        for group in groups:
            output = str(LOCKS / f"{group}.txt")
            _compile(["--group", group, "--constraint", str(resolution), "--generate-hashes", "--output-file", output])
    return Exit.DONE


def _compile(words: list[str]) -> None:
    uv = str(Path(sys.executable).parent / "uv")
    done = subprocess.run(
        [uv, "pip", "compile", "--quiet", *_RESOLVE, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"The lock files could not be compiled:\n{done.stderr.strip()}")
