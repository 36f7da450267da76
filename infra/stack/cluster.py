"""Which PostgreSQL server a state folder holds: made once, and never a second time by itself."""

from enum import Enum, auto
from os.path import lexists
from pathlib import Path

from infra.postgres.archive import Archive
from infra.stack.folder import Folder
from infra.stack.trouble import Trouble

MARK = "postgres.json"
"""In the state folder, away from the data: the system identifier of the server that was made."""
HALF_MADE = "half-made"
"""In the server's folder until its data folder has been made whole."""
_TRACES = ("PG_VERSION", "global", "base", "pg_wal")
"""In every data folder."""
_OWNER = "state-folder"
"""In the server's folder: the state folder that it belongs to."""


class Finding(Enum):
    """What a state folder holds."""

    NEW = auto()
    """Nothing was ever made here, or its making was interrupted."""
    WHOLE = auto()
    LOST = auto()
    """It held a server whose data are gone, or not all there."""
    ANOTHER = auto()
    """The data of a server that is not the one it held."""


def finding(*, known: str | None, found: str, half_made: bool, had_one: bool) -> Finding:
    """Decide what a state folder holds.

    `known`: what its mark says, None without a mark (as releases before left it); `found`: the
    system identifier of the data that lie there, empty when they are not complete; `had_one`:
    something tells of a server that was there, mark or none.
    """
    if known is not None:
        if not found:
            return Finding.LOST
        return Finding.WHOLE if known in ("", found) else Finding.ANOTHER
    if half_made:
        return Finding.NEW
    if found:
        return Finding.WHOLE
    return Finding.LOST if had_one else Finding.NEW


def identifier(data: Path) -> str:
    """Return the system identifier of the server whose data lie there; empty: not all of them.

    Raises OSError when the disk does not say: that is not the same as nothing.
    """
    try:
        (data / "PG_VERSION").stat()
        with (data / "global" / "pg_control").open("rb") as control:
            begin = control.read(8)  # pg_control.h: ControlFileData begins with it
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return str(int.from_bytes(begin, "little")) if any(begin) else ""


def must_be_made(folder: Folder, home: Path) -> bool:
    """Say whether the server's data folder, in `home`, is to be made; touches nothing.

    Raises Trouble when there was one whose data are not there: they may be on a disk that is away,
    or about to be copied back, and an empty exchange in their place would begin to number anew.
    """
    known, inside = _known(folder), folder.path / "postgres"
    if known is None and not lexists(inside):
        return True  # what lies where its link would lead is a folder's that was here before
    data = home / "data"
    found = identifier(data)
    what = finding(
        known=known,
        found=found,
        half_made=(home / HALF_MADE).exists(),
        had_one=Archive(home / "backup").begun.exists()
        or (inside.is_symlink() and not home.exists())
        or any((data / name).exists() for name in _TRACES),
    )
    if what is Finding.LOST:
        raise _not_there(folder, home, f"PostgreSQL's data are gone, or not complete: {data}")
    if what is Finding.ANOTHER:
        text = f"{data} holds another PostgreSQL server ({found}) than the one of before ({known})"
        raise _not_there(folder, home, text)
    if what is Finding.WHOLE:
        _refuse_a_copys(folder, home)
    return what is Finding.NEW


def remember(folder: Folder, home: Path) -> None:
    """Mark the state folder as one whose server has been made, and the server's as its."""
    found = identifier(home / "data")
    if found != _known(folder):
        folder.write(MARK, {"server": found})
    if _owner(home) != folder.path:
        (home / _OWNER).write_text(str(folder.path))


def _known(folder: Folder) -> str | None:
    if not (folder.path / MARK).exists():
        return None
    return str(folder.read(MARK).get("server", ""))


def _owner(home: Path) -> Path | None:
    file = home / _OWNER
    return Path(file.read_text()) if file.exists() else None


def _refuse_a_copys(folder: Folder, home: Path) -> None:
    """Raise Trouble when the link was copied with a state folder that goes on using the server."""
    owner = _owner(home)
    if owner is None or _same(owner, folder.path):
        return
    if _same(owner / "postgres", home):
        raise Trouble(
            f"{folder.path / 'postgres'} leads to {home}, the server of {owner}",
            f"copy that folder too (cp -a, while it is down), and lead the link to the copy;"
            f" or remove {owner / 'postgres'} if it has moved here for good",
        )


def _same(one: Path, other: Path) -> bool:
    """Say whether both are one folder; one that has gone, or is closed to us, is another."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def _not_there(folder: Folder, home: Path, what: str) -> Trouble:
    beside = sorted(str(path) for path in home.parent.glob(f"{home.name}-until-*"))
    kept = f"; set aside before: {', '.join(beside)}" if beside else ""
    return Trouble(
        f"{what}{kept}",
        "mount its disk or put the folder back, and PostgreSQL starts by itself; nothing is made or"
        f" removed here until then. Only to give up all that it held: move {folder.path / MARK}"
        f" and {home} away",
    )
