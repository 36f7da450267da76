"""Whatever is done to the trust list behind the service is noticed, and told."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.signing import relist
from services.signing.register import Register
from services.signing.store import trust
from shared.db import Connection
from tests.fixtures.stack import Backing
from tests.signing.desk import Desk
from tests.signing.elsewhere import make_ca, pem
from tests.signing.trust_face import Face, adding, open_face

Rows = list[dict[str, Any]]
THIRD = make_ca("CA thứ ba")
ALTERED = "not the one that was decided"
TAKEN_OUT = "delete from trust_changes where version = 4"


@pytest.fixture
async def face(idle_desk: Desk, backing: Backing) -> AsyncIterator[Face]:
    """Signing whose list has a third authority that is trusted no more: versions 3 and 4."""
    async with open_face(idle_desk, backing) as opened:
        await opened.agree(adding())
        await opened.agree({"action": "end", "name": "other"})
        await idle_desk.register.tend()
        assert await idle_desk.register.check() is None
        yield opened


async def as_owner(face: Face, statement: str) -> None:
    """Do what only the database's owner can do."""
    owner = await asyncpg.connect(face.desk.databases.owner)
    try:
        await owner.execute(statement)
    finally:
        await owner.close()


async def said(register: Register) -> str:
    """Return what readiness says after the register was looked after once."""
    await register.tend()
    return await register.check() or ""


@pytest.mark.parametrize(
    "statement",
    [
        TAKEN_OUT,
        "delete from trust_changes where version in (3, 4)",
        "update trust_changes set reason = 'khác' where version = 4",
        "update trust_changes set decided_by = 'registrar-c' where version = 3",
        "update trust_changes set version = 9 where version = 4",
    ],
)
async def test_an_alteration_is_noticed_at_once_and_after_a_restart(
    face: Face, statement: str
) -> None:
    await as_owner(face, statement)
    assert ALTERED in await said(face.desk.register)
    restarted = Register(face.desk.bench, face.desk.authorities, face.desk.recovery)
    assert ALTERED in await said(restarted)
    rows = relist.changes_in_folder(face.desk.authorities)
    assert [one["version"] for one in rows] == [1, 2, 3, 4], "what was decided still lies there"


async def test_a_change_in_the_place_of_one_that_was_taken_out_is_noticed(face: Face) -> None:
    await as_owner(face, TAKEN_OUT)
    terms = {name: value for name, value in adding().items() if name in ("name", "trusted_from")}
    assert await face.agree({**terms, "action": "change", "purposes": ["seal"]}) == 4
    assert ALTERED in await said(face.desk.register)


async def test_what_was_put_back_is_well_again(face: Face) -> None:
    """Whoever restores the row need not restart anything."""
    await as_owner(face, "update trust_changes set version = 9 where version = 4")
    assert ALTERED in await said(face.desk.register)
    await as_owner(face, "update trust_changes set version = 4 where version = 9")
    assert await said(face.desk.register) == ""


async def test_a_list_that_was_not_touched_is_not_read_again(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(_: Connection) -> Rows:
        raise AssertionError("the whole list is read again")

    monkeypatch.setattr(trust, "approved_rows", read)
    assert await said(face.desk.register) == ""


async def test_what_another_process_laid_meanwhile_is_no_alteration(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its change stands in the database before it lies in the folder."""
    desk, approved_rows = face.desk, trust.approved_rows
    restarted = Register(desk.bench, desk.authorities, desk.recovery)

    async def slowly(conn: Connection) -> Rows:
        found = await approved_rows(conn)
        monkeypatch.setattr(trust, "approved_rows", approved_rows)
        await face.agree(adding(name="third", certificate=pem(THIRD)))
        await desk.register.tend()
        return found

    monkeypatch.setattr(trust, "approved_rows", slowly)
    assert await said(restarted) == ""
    assert len(relist.changes_in_folder(desk.authorities)) == 5


async def test_what_is_laid_into_the_folder_lasts_by_its_name(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = face.desk.authorities.folder.resolve()
    laid = folder / "trust-changes.jws"
    laid.unlink()
    synced: list[Path] = []

    def noted(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append(path if path != folder or laid.exists() else Path())

    monkeypatch.setattr(os, "fsync", noted)
    await relist.lay(face.desk.db, face.desk.authorities)
    assert laid.exists()
    assert [path for path in synced if path == folder] == [folder]
