"""File work: fixture files of known content, read and summed up."""

import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

SIZES_KB = (1, 64, 1024)

Opener = Callable[[str, int], int]


def content(kb: int) -> bytes:
    """Return `kb` kilobytes of numbered lines, 16 bytes each, the number padded with zeros."""
    return "".join(f"{line:015d}\n" for line in range(kb * 64)).encode()


class Fixtures:
    """A folder with one file of each size, from the `with` statement's start to its end."""

    _folder: TemporaryDirectory[str]

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="lab-files-")
        for kb in SIZES_KB:
            self.path(kb).write_bytes(content(kb))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def path(self, kb: int) -> Path:
        """Return where the file of `kb` kilobytes is."""
        return Path(self._folder.name, f"{kb}.txt")


def opener(ms: int) -> Opener | None:
    """Return an `opener` for open() that takes `ms` milliseconds, as a networked file system would; None for 0.

    It blocks the thread that opens the file, whatever library put it there.
    """
    if ms == 0:
        return None

    def slow(path: str, flags: int) -> int:
        time.sleep(ms / 1000)
        return os.open(path, flags)

    return slow


def read(path: Path, ms: int) -> bytes:
    """Read the whole file, blocking."""
    with open(path, "rb", opener=opener(ms)) as file:
        return file.read()


def answer(content: bytes) -> dict[str, object]:
    """Return the answer of the file paths: size in bytes and CRC-32 as eight hexadecimal digits."""
    return {"size": len(content), "crc32": f"{zlib.crc32(content):08x}"}
