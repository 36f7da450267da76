"""Changes of stored files, undone afterwards: flipped, cut, lost, added, exchanged."""

import random
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.audit.tamper.rows import Change, NothingToDo

_HASH = 64
How = Literal[
    "flipped", "truncated", "lengthened", "lost", "exchanged", "emptied", "added", "misplaced"
]


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file is no longer what it was."""

    how: How

    @property
    def kind(self) -> str:
        """How it is counted."""
        return f"file {self.how}"

    @contextmanager
    def applied(self, root: Path, rng: random.Random) -> Generator[Change]:
        """Change a file for the length of a `with`. Raises NothingToDo."""
        if self.how in ("added", "misplaced"):
            with _added(root, rng, misplaced=self.how == "misplaced") as change:
                yield change
            return
        files = sorted(one for one in root.glob("??/??/*") if len(one.name) == _HASH)
        if len(files) < 2:  # noqa: PLR2004 (to exchange two)
            raise NothingToDo
        path, other = rng.sample(files, 2)
        before = path.read_bytes()
        try:
            _change(path, before, self.how, other, rng)
            yield Change(f"{path.name} {self.how}")
        finally:
            path.write_bytes(before)


def _change(path: Path, before: bytes, how: How, other: Path, rng: random.Random) -> None:
    place = rng.randrange(len(before))
    match how:
        case "flipped":
            flipped = before[place] ^ (1 << rng.randrange(8))
            path.write_bytes(before[:place] + bytes([flipped]) + before[place + 1 :])
        case "truncated":
            path.write_bytes(before[:place])
        case "lengthened":
            path.write_bytes(before + rng.randbytes(1 + place % 4096))
        case "emptied":
            path.write_bytes(bytes(len(before)))
        case "exchanged":
            path.write_bytes(other.read_bytes())
        case _:
            path.unlink()


@contextmanager
def _added(root: Path, rng: random.Random, *, misplaced: bool) -> Generator[Change]:
    """Add a file whose name is not its digest, or which lies where no file belongs."""
    name = rng.randbytes(32).hex()
    folder = root / name[:2] / (name[4:6] if misplaced else name[2:4])
    made = [one for one in (folder.parent, folder) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(rng.randbytes(100))
    try:
        yield Change(f"{path.relative_to(root)} added")
    finally:
        path.unlink()
        for one in reversed(made):
            one.rmdir()


FILE_KINDS: tuple[FileChange, ...] = (
    FileChange("flipped"),
    FileChange("truncated"),
    FileChange("lengthened"),
    FileChange("lost"),
    FileChange("exchanged"),
    FileChange("emptied"),
    FileChange("added"),
    FileChange("misplaced"),
)
