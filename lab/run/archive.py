"""ZIP files: written so that equal contents are equal bytes, and read so that no file of a stranger can do harm.

What is read is checked before and while it is read: how many members there are, their names, kinds and sizes.
"""

import contextlib
import io
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

MOST_MEMBERS = 2_000
MOST_BYTES = 128 * 2**20
"""Of one member, unpacked; the longest runs have some ten million."""
MOST_BYTES_IN_ALL = 256 * 2**20
_END = struct.Struct("<4s4H2LH")
"""What a ZIP file ends with: signature, two disks, two counts of members, length and place of their list, length of a comment."""
_SIGNATURE, _LONG_SIGNATURE = b"PK\x05\x06", b"PK\x06\x07"
_LONG_END = 20
"""So many bytes before the end there may be a sign that lengths are elsewhere (ZIP64)."""
_MOST_LISTED = 400
"""Bytes that a member takes in the list."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = stat.S_IFREG | 0o644
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class UnfitError(ValueError):
    """What is wrong with a file, as a part of a sentence."""


def write(file: Path, members: Mapping[str, bytes]) -> None:
    """Write the members in the order of their names, without times or anything else of this machine."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(members.items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, whose kinds of files these are
            info.external_attr = _PLAIN_FILE << 16
            archive.writestr(info, content)


class Archive:
    """The members of a ZIP file whose names, kinds and declared sizes are fit."""

    def __init__(self, archive: zipfile.ZipFile, is_known: Callable[[str], bool]) -> None:
        self._archive = archive
        self._members = {info.orig_filename: info for info in archive.infolist()}
        named = Counter(info.orig_filename for info in archive.infolist())
        for name, info in self._members.items():
            _refuse_unfit(info, is_known(name), named[name])
        if sum(info.file_size for info in self._members.values()) > MOST_BYTES_IN_ALL:
            raise UnfitError(f"unpacked it has more than {MOST_BYTES_IN_ALL:,} bytes")

    @property
    def names(self) -> set[str]:
        """Return the names of the members."""
        return set(self._members)

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """Return the content of a member.

        Raises:
            UnfitError: it has more than `most` bytes, or is not as long as it is declared.
        """
        info = self._members[name]
        with self._archive.open(info) as member:
            content = member.read(most + 1)
        if len(content) != info.file_size or len(content) > most:
            raise UnfitError(f"its member {name!r} is not as long as it is declared")
        return content


@contextlib.contextmanager
def reading(file: BinaryIO, is_known: Callable[[str], bool]) -> Iterator[Archive]:
    """Read a ZIP file inside the block; whatever is wrong with it is an UnfitError."""
    try:
        _refuse_unfit_end(file)
        with zipfile.ZipFile(file) as archive:
            yield Archive(archive, is_known)
    except UnfitError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError, struct.error) as error:
        raise UnfitError(f"it is damaged ({error})") from None


def _refuse_unfit_end(file: BinaryIO) -> None:
    """Look at the end before the standard library reads the list of members, which may be as long as the file."""
    size = file.seek(0, io.SEEK_END)
    if not _END.size <= size <= MOST_BYTES_IN_ALL:
        raise UnfitError(f"it has {size:,} bytes")
    file.seek(max(0, size - _END.size - _LONG_END))
    last = file.read()
    signature, *_, members, listed, place, comment = _END.unpack(last[-_END.size :])
    if signature != _SIGNATURE or comment or last.startswith(_LONG_SIGNATURE) or place + listed + _END.size != size:
        raise UnfitError("it does not end as a ZIP file does")
    if members > MOST_MEMBERS or listed > members * _MOST_LISTED:
        raise UnfitError(f"it has {members:,} members, listed in {listed:,} bytes")


def _refuse_unfit(info: zipfile.ZipInfo, is_known: bool, times: int) -> None:
    name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
    if not is_known:
        raise UnfitError(f"no pack has a member {name[:100]!r}")
    if times > 1:
        raise UnfitError(f"it has {times} members {name!r}")
    if kind not in (0, stat.S_IFREG) or info.compress_type not in _METHODS:
        raise UnfitError(f"its member {name!r} is no plain file")
    if info.file_size > MOST_BYTES:
        raise UnfitError(f"unpacked its member {name!r} has {info.file_size:,} bytes, more than {MOST_BYTES:,}")
