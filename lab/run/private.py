"""Replaces texts that name the machine or its users: paths, user names, host names. A pack has placeholders in their place.

Such texts come from the ends of logs, from reasons of failures, and from what a server or a machine says of itself.
"""

import contextlib
import getpass
import json
import os
import re
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.paths import RESULTS, ROOT

CHECKOUT, HOME, TEMPORARY, USER, HOST = "<checkout>", "<home>", "<temporary>", "<user>", "<host>"
_PART = r"[^\s/:,;'\"<>()]+"
"""A part of a path."""
_BEGIN = r"(?:(?<![\w/.])|(?<=://)|(?<=-[A-Za-z]))"
"""A path stands behind a blank or a sign, in an address (`file:///home/x`), or behind an option of one letter (`-I/home/x`)."""
_END = r"(?![\w-])"
_PATHS = {
    rf"(?:/{_PART})*?/(?:home|Users)/{_PART}": HOME,
    rf"/root{_END}": HOME,
    rf"/var/folders/{_PART}/{_PART}": TEMPORARY,
    rf"(?:/private)?(?:/var)?/tmp{_END}": TEMPORARY,
    r"/run/user/\d+": TEMPORARY,
    rf"(?!/(?:lab|usr|lib|etc|proc|sys)/)(?:/{_PART})+?(?=/(?:\.lab|\.venv|loadtests|results|services|stacks)/)": CHECKOUT,
}
"""Paths on any machine: a folder may have come from another one. In containers the checkout is /lab, which says nothing of it."""
_USER = re.compile(rf"/(?:home|Users)/({_PART})")
_PROJECT = re.compile(r"async-lab-[0-9a-f]{8}(?![0-9a-z])")
"""Begins the names of what the lab starts: a digest of the checkout's path."""
_COMMON = frozenset(
    {
        "admin", "arch", "build", "builder", "ci", "container", "debian", "desktop", "dev", "docker", "fedora", "guest", "host",
        "lab", "laptop", "linux", "local", "localhost", "nobody", "pc", "postgres", "python", "root", "runner", "server", "test",
        "ubuntu", "user", "users", "vagrant", "vm", "worker",
    }
)  # fmt: skip
"""Names that say nothing of anybody, and are words of sentences."""
_ONE_WORD = re.compile(r"[\w.+@%:=?*/-]*")
"""What may be the name of a stack, a scenario or a kind, which stays, except in …"""
_PROSE = frozenset({"reason", "log_tail", "wrong_body", "noise"})
"""… the values of these keys."""
_HISTOGRAM = "HISTF"
"""Begins every histogram in base64, in which any text may be found."""
_REASONS = "errors"
"""Key of an object whose own keys are texts."""


class Placeholders:
    """What is replaced: the paths and names that are given, and paths of homes, checkouts and temporary folders anywhere.

    Args:
        paths: path -> its placeholder.
        names: name of a user or a host -> its placeholder; names that many machines have are left out.
    """

    def __init__(self, paths: Mapping[str, str], names: Mapping[str, str]) -> None:
        own = {rf"{re.escape(path)}{_END}": said for path, said in sorted(paths.items(), key=lambda one: -len(one[0]))}
        self._paths = [(re.compile(_BEGIN + pattern), said) for pattern, said in (own | _PATHS).items()]
        told = {name: said for name, said in names.items() if len(name) > 1 and name.lower() not in _COMMON}
        self._names = [(_name(name, said), said) for name, said in sorted(told.items(), key=lambda one: -len(one[0]))]

    def text(self, text: str, *, prose: bool = False) -> str:
        """Return a text with placeholders; in one word names are replaced only where it is `prose`, and no name itself."""
        if text.startswith(_HISTOGRAM):
            return text
        found = _PROJECT.sub(f"async-lab-{CHECKOUT}", text)
        for pattern, said in self._paths if "/" in text else ():
            found = pattern.sub(said, found)
        for pattern, said in self._names if prose or not _ONE_WORD.fullmatch(text) else ():
            found = pattern.sub(said, found)
        return found

    def original(self, content: bytes, *, lines: bool) -> tuple[bytes, int]:
        """Return an original with placeholders, and how many texts have one; the same bytes where none has.

        Args:
            lines: whether each line is JSON of its own; a damaged one is taken as a text.
        """
        parts = content.splitlines(keepends=True) if lines else [content]
        found = [self._json(part, None if lines else 1) for part in parts]
        return b"".join(part for part, _ in found), sum(count for _, count in found)

    def _json(self, content: bytes, indent: int | None) -> tuple[bytes, int]:
        try:
            value, count = self._value(json.loads(content.decode()))
        except (ValueError, RecursionError):
            text = content.decode(errors="surrogateescape")
            replaced = self.text(text, prose=True)
            return replaced.encode(errors="surrogateescape"), int(replaced != text)
        return (json.dumps(value, indent=indent).encode() + b"\n", count) if count else (content, 0)

    def _value(self, value: Any, *, prose: bool = False) -> tuple[Any, int]:
        """Return a value of JSON with placeholders, and how many of its texts have one."""
        if isinstance(value, str):
            replaced = self.text(value, prose=prose)
            return replaced, int(replaced != value)
        if isinstance(value, list):
            found = [self._value(one, prose=prose) for one in value]
            return [one for one, _ in found], sum(count for _, count in found)
        if not isinstance(value, dict):
            return value, 0
        inside = {key: self._value(one, prose=prose or key in _PROSE) for key, one in value.items()}
        made = {key: self._reasons(one) if key == _REASONS else one for key, (one, _) in inside.items()}
        renamed = sum(made[key] != one for key, (one, _) in inside.items())
        return made, sum(count for _, count in inside.values()) + renamed

    def _reasons(self, counts: Any) -> Any:
        """Return the counts of each reason; those that are equal now are counted together."""
        if not isinstance(counts, dict):
            return counts
        made: dict[str, Any] = {}
        for reason, count in counts.items():
            said = self.text(reason)
            made[said] = made[said] + count if said in made else count
        return made


def _name(name: str, said: str) -> re.Pattern[str]:
    domain = r"(?:\.[\w-]+)*" if said == HOST else ""
    return re.compile(rf"(?<![\w-]){re.escape(name)}{domain}(?![\w-])", re.IGNORECASE)


def here(contents: Iterable[bytes]) -> Placeholders:
    """Return what to replace in originals: paths and names of this machine, and the users whose homes they name."""
    found = (_USER.findall(content.decode(errors="replace")) for content in contents)
    users = {name: USER for names in found for name in names}
    hosts = dict.fromkeys((socket.gethostname(), socket.gethostname().partition(".")[0]), HOST)
    return Placeholders(dict(_own_paths()), {**users, **hosts, **dict.fromkeys(_own_users(), USER)})


def _own_paths() -> Iterator[tuple[str, str]]:
    for path in (ROOT, RESULTS.parent.resolve()):
        yield str(path), CHECKOUT
    with contextlib.suppress(RuntimeError):
        if (home := Path.home()) != Path("/"):
            yield str(home), HOME
    yield tempfile.gettempdir(), TEMPORARY


def _own_users() -> Iterator[str]:
    """Yield the names of the user who packs, of whom there may be none in a container."""
    with contextlib.suppress(OSError, KeyError):
        yield getpass.getuser()
    yield from (os.environ[name] for name in ("LOGNAME", "USER", "SUDO_USER") if os.environ.get(name))
