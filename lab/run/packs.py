"""A run in one file, `<name>.lab.zip`: what it may hold, and how it is read. Whoever made it, every part is checked first.

Only originals are unpacked. The report in a pack is for people who open the file; the lab derives its own from the originals.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_core import from_json

from lab.errors import LabError
from lab.model.noun import Count, Noun
from lab.paths import MICRO, STATE
from lab.run import archive, store
from lab.run.archive import Archive, UnfitError
from lab.run.store import RunFolder

VERSION = 1
"""Of the format of a pack; that of the results stands in run.json."""
MANIFEST = "pack.json"
RUN = "run.json"
ORIGINALS = (RUN, "trials.jsonl", "blocks.jsonl", "capacity.jsonl", MICRO)
DERIVED = (
    "summary.csv", "costs.csv", "comparisons.csv", "answers.json", "micro.md", "micro.svg", "report.md", "report.html",
)  # fmt: skip
CHARTS = "charts"
PACKS = STATE / "packs"
_MOST_SAID = 2**20
"""Bytes of a manifest."""
_CHART = re.compile(CHARTS + r"/[a-z0-9-]{1,250}\.svg")


class Member(Noun):
    """What the manifest says of a member."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Count

    @classmethod
    def of(cls, content: bytes) -> "Member":
        """Return what a manifest says of this content."""
        return cls(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


class Manifest(Noun):
    """pack.json."""

    format: int = VERSION
    run: str
    """Name of the run."""
    members: dict[str, Member]
    """All but the manifest itself."""
    replaced: dict[str, Count] = Field(default_factory=dict)
    """Original -> how many of its texts named something of the machine, and have a placeholder there."""


def readable(results: Path, word: str) -> RunFolder:
    """Return the folder to read for what RUN says: a run, `latest`, `reference/<name>`, or the path of a pack.

    Raises:
        LabError: the name could lead out of results/, or the pack is refused. Whether the folder has a run is not checked.
    """
    return unpacked(Path(word), PACKS) if word.endswith(store.PACK) else store.folder(results, word)


def unpacked(file: Path, into: Path) -> RunFolder:
    """Return a folder with the originals of a pack: `<into>/<SHA-256 of the file>/<name of the run>`.

    Raises:
        LabError: there is no such file, it is not what `make pack` writes, or a newer lab wrote it.
    """
    digest, run, originals = checked(file)
    folder = into / digest / run
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into) as partial:
        for name, content in originals.items():
            (Path(partial) / name).write_bytes(content)
            (Path(partial) / name).replace(folder / name)
    return RunFolder(folder)


def checked(file: Path) -> tuple[str, str, dict[str, bytes]]:
    """Return the SHA-256 of a pack, the name of its run and its originals; the same errors as `unpacked`."""
    if not file.is_file():
        raise LabError(f"There is no pack {file}: give the path of a file that `make pack` wrote.")
    try:
        return read(file)
    except (UnfitError, OSError) as error:
        raise LabError(
            f"{file} is no pack that can be read: {error}. Get it again; `make pack` writes such files."
        ) from None


def read(file: Path) -> tuple[str, str, dict[str, bytes]]:
    """Return the same.

    Raises:
        UnfitError: what is wrong with the file.
        LabError: a newer lab wrote it.
    """
    with file.open("rb") as opened, archive.reading(opened, is_known) as members:
        manifest = _manifest(members, file)
        originals = dict(_originals(members, manifest))
        opened.seek(0)
        return hashlib.file_digest(opened, "sha256").hexdigest(), manifest.run, originals


def is_known(name: str) -> bool:
    """Return whether a pack may have a member of this name."""
    return name in (MANIFEST, *ORIGINALS, *DERIVED) or bool(_CHART.fullmatch(name))


def _manifest(members: Archive, file: Path) -> Manifest:
    if MANIFEST not in members.names:
        raise UnfitError(f"it has no {MANIFEST}")
    try:
        said = from_json(members.read(MANIFEST, _MOST_SAID))
        _refuse_newer(said, file)
        manifest = Manifest.model_validate(said)
    except ValidationError as error:
        raise UnfitError(f"its {MANIFEST} is damaged ({error.errors()[0]['msg']})") from None
    if not store.is_name(manifest.run):
        raise UnfitError(f"{manifest.run[:100]!r} is no name of a run")
    if manifest.members.keys() != members.names - {MANIFEST}:
        raise UnfitError(f"its {MANIFEST} lists other members than it has")
    if not manifest.members.keys() & {RUN, MICRO}:
        raise UnfitError("it holds no run")
    return manifest


def _refuse_newer(said: object, file: Path) -> None:
    version = said.get("format") if isinstance(said, dict) else None
    if not isinstance(version, int) or version < 1:
        raise UnfitError(f"its {MANIFEST} names no format")
    if version > VERSION:
        raise LabError(
            f"{file} was packed by a newer lab (pack format {version}; this lab reads up to {VERSION}). Update this checkout to read it."
        )


def _originals(members: Archive, manifest: Manifest) -> Iterator[tuple[str, bytes]]:
    """Yield the originals, when every member is as the manifest says."""
    for name, said in manifest.members.items():
        content = members.read(name)
        if Member.of(content) != said:
            raise UnfitError(f"its member {name!r} is not what {MANIFEST} says")
        if name in ORIGINALS:
            yield name, content
