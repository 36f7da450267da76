"""The file that is judged: bytes at hand, or a stored file, read in blocks where blocks do."""

import hashlib
import os
from dataclasses import dataclass
from io import FileIO
from typing import Protocol

from services.signing.validation.algorithms import hashed

_BLOCK = 1 << 20
ALTERED = "the stored bytes have another digest"
"""Detail of a failure of the store: the file is there, and is not what it was."""


class Given(Protocol):
    """A file of any size."""

    @property
    def size(self) -> int:
        """Return its length in bytes."""
        ...

    def digest(self, algorithm: str) -> bytes:
        """Return its digest, without holding it."""
        ...

    def content(self) -> bytes:
        """Return all of it."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes that are at hand."""

    held: bytes

    @property
    def size(self) -> int:
        """Return how many there are."""
        return len(self.held)

    def digest(self, algorithm: str) -> bytes:
        """Return their digest."""
        return hashed(self.held, algorithm)

    def content(self) -> bytes:
        """Return them."""
        return self.held


class Spoiled(Exception):  # noqa: N818 (what the file is)
    """A stored file cannot be read, or is not what it was; the text says which."""


class Stored:
    """An open file of the store, whose bytes count only when they have the digest it is named by.

    Memory holds one block of it, unless its content is asked for: files have up to 1 GiB, as much
    as a worker. All raise Spoiled.
    """

    def __init__(self, file: FileIO, sha256: str) -> None:
        """Read nothing yet."""
        self._file, self._sha256 = file, sha256
        self._content: bytes | None = None
        self._checked = False
        self.size = os.fstat(file.fileno()).st_size

    def digest(self, algorithm: str) -> bytes:
        """Return its digest; the one that names it is computed of the same bytes."""
        sums = {name: hashlib.new(name, usedforsecurity=False) for name in (algorithm, "sha256")}
        block = memoryview(bytearray(_BLOCK))
        try:
            self._file.seek(0)
            while count := self._file.readinto(block):
                for one in sums.values():
                    one.update(block[:count])
        except OSError as error:
            raise Spoiled(type(error).__name__) from None
        self._check(sums["sha256"].hexdigest())
        return sums[algorithm].digest()

    def content(self) -> bytes:
        """Return all of it; what was read once is kept."""
        if self._content is None:
            try:
                self._file.seek(0)
                content = self._file.readall()
            except OSError as error:
                raise Spoiled(type(error).__name__) from None
            self._check(hashlib.sha256(content).hexdigest())
            self._content = content
        return self._content

    def check(self) -> None:
        """Read it once, if nothing of it was read so far."""
        if not self._checked:
            self.digest("sha256")

    def _check(self, sha256: str) -> None:
        if sha256 != self._sha256:
            raise Spoiled(ALTERED)
        self._checked = True
