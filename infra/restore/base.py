"""Base backups: made, verified, named, and forgotten with the log that only they need."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from infra.postgres.archive import PATIENCE, Archive
from infra.postgres.provision import Connection, admin
from infra.postgres.swap import cut_log, keep_log_soon, keeps_log, moment
from infra.restore.log import kept
from infra.restore.tools import bytes_in, megabytes, run, say
from infra.stack.folder import Folder
from infra.stack.trouble import Trouble

KEPT = 2
"""Backups that stay: the newest ones."""
_NAME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Base:
    """One base backup: any point from its end on can be reached, as far as the log is kept."""

    name: str
    ended: datetime
    first_piece: str
    """The oldest piece of the log that it needs."""


def bases(archive: Archive) -> list[Base]:
    """Return the complete backups, oldest first."""
    found: list[Base] = []
    for file in sorted(archive.bases.glob("*.json")):
        said = json.loads(file.read_text(encoding="utf-8"))
        ended = datetime.fromisoformat(said["ended"])
        found.append(Base(file.stem, ended, said["first_piece"]))
    return found


async def make(folder: Folder, archive: Archive, port: str) -> Base:
    """Make a backup of the whole cluster beside running services, verify it, forget old ones.

    Raises Trouble; what is there already stays.
    """
    connection = await admin(port, folder.secret)
    try:
        if not await keeps_log(connection):
            raise Trouble(
                "PostgreSQL runs without keeping its log: it was started by an older release",
                f"{folder.hint('')} make down; then make up and make backup".strip(),
            )
        archive.begun.touch()
        await keep_log_soon(connection, PATIENCE)
        base = await _copy(folder, archive, port, connection)
        cut = await cut_log(connection, f"backup {base.name}")
        await kept(connection, archive, cut.piece)
    finally:
        await connection.close()
    await _forget(folder, archive)
    return base


async def _copy(folder: Folder, archive: Archive, port: str, connection: Connection) -> Base:
    name = (await moment(connection)).strftime(_NAME)
    half, whole = archive.bases / f"half-{name}", archive.bases / name
    for left in archive.bases.glob("half-*"):
        shutil.rmtree(left)
    host, _, number = port.rpartition(":")
    say(f"copies the cluster to {whole}")
    way_out = "make room or repair what it says, then: make backup"
    address = ("-h", host, "-p", number, "-U", "postgres")
    # With the log that was written meanwhile, so that it is complete by itself.
    options = ("-D", half, "-c", "fast", "-X", "fetch", "-l", name, "--manifest-checksums=SHA256")
    await run(
        folder, "pg_basebackup", *address, *options, way_out=way_out, word=lambda: megabytes(half)
    )
    say(f"verifies {megabytes(half)}")
    if wrong := await asyncio.to_thread(differences, half):
        raise Trouble(f"the backup is not what was sent: {', '.join(wrong[:5])}", "make backup")
    ended = await moment(connection)
    base = Base(name, ended, _first_piece(half))
    half_said = archive.bases / f".{name}"
    said = {"ended": ended.isoformat(), "first_piece": base.first_piece, "bytes": bytes_in(half)}
    half_said.write_text(json.dumps(said), encoding="utf-8")
    half.rename(whole)
    half_said.rename(archive.bases / f"{name}.json")
    return base


def differences(base: Path) -> list[str]:
    """Return which files of a backup are not as its manifest says (`pg_verifybackup` here dies)."""
    manifest = json.loads((base / "backup_manifest").read_text(encoding="utf-8"))
    return [
        one["Path"]
        for one in manifest["Files"]
        if not (base / one["Path"]).is_file() or _digest(base / one["Path"]) != one["Checksum"]
    ]


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _first_piece(base: Path) -> str:
    """Read where the log of a backup begins: `START WAL LOCATION: 0/2000028 (file 0000…02)`."""
    label = (base / "backup_label").read_text(encoding="utf-8").splitlines()[0]
    return label.partition("(file ")[2].rstrip(")")


async def _forget(folder: Folder, archive: Archive) -> None:
    """Remove all but the newest backups, and the log that nobody needs any more."""
    known = bases(archive)
    for old in known[:-KEPT]:
        remove(archive, old.name)
        say(f"forgot the backup {old.name}")
    oldest = known[-KEPT:][0].first_piece
    words = ("-x", ".gz", archive.log, oldest)
    await run(
        folder, "pg_archivecleanup", *words, way_out="make backup", word=lambda: "clears the log"
    )


def remove(archive: Archive, name: str) -> None:
    """Remove a backup; what is left of it when that is broken off goes with the next one."""
    half = archive.bases / f"half-{name}"
    (archive.bases / f"{name}.json").unlink()
    (archive.bases / name).rename(half)
    shutil.rmtree(half)


def newest_before(known: Sequence[Base], moment: datetime) -> Base | None:
    """Return the newest backup from which a moment can be reached."""
    return next((base for base in reversed(known) if base.ended <= moment), None)
