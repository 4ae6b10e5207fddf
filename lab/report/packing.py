"""Writes a pack: a run's originals without what names the machine, its report, and a manifest (lab/run/packs.py)."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.report import again
from lab.run import archive, packs, private, store
from lab.run.archive import UnfitError
from lab.run.packs import CHARTS, DERIVED, MANIFEST, ORIGINALS, Manifest, Member
from lab.run.private import Placeholders
from lab.run.store import PACK, RunFolder

REPORT, MICRO_PAGE = "report.html", "micro.md"
"""What a folder has when its files are derived. The first holds programs too, in which any text may be found; report.md says the same."""


@dataclass(frozen=True)
class Packed:
    """The file that was written, and what a person should know of it."""

    file: Path
    replaced: dict[str, int]
    """Original -> how many of its texts have a placeholder."""
    damaged: tuple[str, ...]
    """Sentences on what of the originals the report leaves out, where the report was derived for the pack."""


def pack(results: Path, word: str) -> Packed:
    """Write `<results>/<name>.lab.zip` of a run, and derive its report first where it has none.

    Raises:
        LabError: there is no such run, its run.json cannot be read, or it is too large for a pack.
    """
    if word.endswith(PACK):
        raise LabError(f"{word} is a pack already: copy it, or name a run of results/.")
    run = store.folder(results, word)
    name = run.path.resolve().name
    if not again.is_micro(run):
        run.read_run()
    with tempfile.TemporaryDirectory(prefix="lab-pack-") as folder:
        copy = RunFolder(Path(folder) / name)
        hidden, replaced = _copy(run.path, copy.path)
        damaged = _derive(run.path, copy, hidden, is_changed=bool(replaced))
        members = {
            member: (copy.path / member).read_bytes()
            for member in (*_there(copy.path, ORIGINALS), *_derived(copy.path))
        }
    said = {member: Member.of(content) for member, content in members.items()}
    manifest = Manifest(run=name, members=said, replaced=replaced).model_dump_json(indent=1) + "\n"
    file = results / f"{name}{PACK}"
    _write(file, members | {MANIFEST: manifest.encode()})
    return Packed(file, replaced, damaged)


def _copy(run: Path, copy: Path) -> tuple[Placeholders, dict[str, int]]:
    """Copy the originals with placeholders; return which, and how many each original has, of those that have any."""
    copy.mkdir()
    contents = {name: (run / name).read_bytes() for name in _there(run, ORIGINALS)}
    hidden, replaced = private.here(contents.values()), dict[str, int]()
    for name, content in contents.items():
        written, count = hidden.original(content, lines=name.endswith(".jsonl"))
        (copy / name).write_bytes(written)
        replaced |= {name: count} if count else {}
    return hidden, replaced


def _derive(run: Path, copy: RunFolder, hidden: Placeholders, *, is_changed: bool) -> tuple[str, ...]:
    """Give the copy the run's report, or one of its own where there is none or it may name the machine; return what is damaged."""
    page = MICRO_PAGE if again.is_micro(copy) else REPORT
    texts = [name for name in _derived(run) if name != REPORT]
    if is_changed or not (run / page).exists() or any(_names_machine(run / name, hidden) for name in texts):
        return _derived_again(copy, run)
    (copy.path / CHARTS).mkdir()
    for name in _derived(run):
        shutil.copyfile(run / name, copy.path / name)
    return ()


def _derived_again(copy: RunFolder, run: Path) -> tuple[str, ...]:
    try:
        return again.derive(copy).damaged
    except LabError as error:
        raise LabError(str(error).replace(str(copy.path), str(run))) from None


def _names_machine(file: Path, hidden: Placeholders) -> bool:
    text = file.read_text(errors="replace")
    return hidden.text(text, prose=True) != text


def _there(folder: Path, names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if (folder / name).is_file())


def _derived(folder: Path) -> list[str]:
    """Return the names of the derived files that are there."""
    charts = sorted(f"{CHARTS}/{path.name}" for path in (folder / CHARTS).glob("*.svg"))
    return [*_there(folder, DERIVED), *filter(packs.is_known, charts)]


def _write(file: Path, members: Mapping[str, bytes]) -> None:
    """Write a pack whole or not at all, and none that could not be read again."""
    partial = file.with_name(f"{file.name}.partial")
    try:
        archive.write(partial, members)
        packs.read(partial)
        partial.replace(file)
    except UnfitError as error:
        raise LabError(
            f"{file.name.removesuffix(PACK)} cannot be packed: {error}. Copy the folder of the run instead."
        ) from None
    finally:
        partial.unlink(missing_ok=True)
