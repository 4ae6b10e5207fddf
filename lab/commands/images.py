"""`base-image` and `clean`: make the base image, and remove what the lab keeps on this machine."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab.config.project import Project
from lab.errors import Exit, LabError
from lab.paths import COMPOSE_PROJECT, ROOT, STATE
from lab.run import store
from lab.runtime import auto, engine

_SUITE = "trixie"
_UNREAD = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man")
"""Directories that no server reads."""


def base_image_name() -> str:
    """Return the base image of docker-compose.yml, or that of LAB_BASE_IMAGE."""
    return os.environ.get("LAB_BASE_IMAGE") or "debian:trixie-slim"


def base_image() -> Exit:
    """Make the base image from Debian's packages, for machines that reach no registry; keep an existing one.

    Raises:
        LabError: there is no engine, debootstrap is missing, or the user is not root.
    """
    name = base_image_name()
    if engine.has_image(name):
        return Exit.DONE
    if not shutil.which("debootstrap"):
        raise LabError("debootstrap is missing: install it (Debian: apt-get install debootstrap).")
    if os.geteuid() != 0:
        raise LabError("debootstrap needs root: call `sudo make base-image`.")
    with tempfile.TemporaryDirectory(prefix="lab-base-") as folder:
        root = Path(folder) / "root"
        _run(["debootstrap", "--variant=minbase", _SUITE, str(root)])
        _slim(root)
        archive = Path(folder) / "root.tar"
        _run(["tar", "-C", str(root), "-cf", str(archive), "."])
        _run(["docker", "import", str(archive), name])
    return Exit.DONE


def _slim(root: Path) -> None:
    """Remove the files that the registries' slim image lacks, and keep later installations from adding them."""
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text("".join(f"path-exclude=/{unread}/*\n" for unread in _UNREAD))
    for unread in (*_UNREAD, "var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / unread, ignore_errors=True)
        (root / unread).mkdir()


def clean() -> Exit:
    """Remove containers, images and caches of this checkout; results and the environment stay."""
    with store.only_one(STATE):
        for name in auto.available():
            with contextlib.closing(auto.runtime(Project.here(), name)) as runtime:
                runtime.stop_all()
            if name == "docker":
                _remove_images()
        _empty(STATE)
    for cache in (".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"):
        shutil.rmtree(ROOT / cache, ignore_errors=True)
    return Exit.DONE


def _empty(state: Path) -> None:
    """Remove all but the lock: a command that waits for it must not hold another file of that name."""
    for path in state.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != store.LOCK:
            path.unlink()


def _remove_images() -> None:
    from lab.runtime.docker import connect

    with contextlib.closing(connect()) as client:
        for tag in [tag for image in client.images.list() for tag in image.tags]:
            if tag.startswith(f"{COMPOSE_PROJECT}-"):
                client.images.remove(tag)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-10:])
        raise LabError(f"`{command[0]}` failed:\n{tail}")
