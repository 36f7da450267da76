"""The trust list's changes beside the database: taken back from the folder, held against it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.signing import relist
from tests.fixtures.stack import Backing
from tests.signing.desk import Desk, open_desk
from tests.signing.trust_face import Face, adding, open_face


@pytest.fixture
async def face(idle_desk: Desk, backing: Backing) -> AsyncIterator[Face]:
    """Signing over a database of its own."""
    async with open_face(idle_desk, backing) as opened:
        yield opened


async def test_a_database_that_was_set_back_takes_its_changes_from_the_folder(
    face: Face, backing: Backing
) -> None:
    id_ = await face.propose(adding())
    await face.decide(id_, "approval")
    await face.agree({"action": "end", "name": "other"})
    await face.desk.register.tend()
    before = await face.list()
    folder = face.desk.papers.run / "set-back"
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(backing, databases, face.desk.papers, folder, workers=0) as desk,
        open_face(desk, backing) as older,
    ):
        assert (await older.list())["version"] == 2
        refused = face.desk.authorities
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await desk.db.as_worker(lambda conn: relist.take_back(conn, refused))
        await desk.execute("update service_state set recovering = true")
        for _ in range(2):
            await desk.db.as_worker(lambda conn: relist.take_back(conn, desk.authorities))
        after = await older.list()
        assert (after["version"], after["digest"]) == (before["version"], before["digest"])
        assert after["ended"] == before["ended"]
        change = (await older.ask("GET", f"/changes/{id_}", "operator-a")).json()
        assert (change["proposed_by"], change["decided_by"]) == ("operator-a", "registrar-b")
        state = await desk.db.as_worker(
            lambda conn: conn.fetchval(
                "select state from certificates where sha256 = $1", after["ended"][0]["sha256"]
            )
        )
        assert state == "revoked"


async def test_changes_in_the_folder_that_another_hand_wrote_are_refused(face: Face) -> None:
    await face.agree(adding())
    await face.desk.register.tend()
    path = face.desk.authorities.folder / "trust-changes.jws"
    good = path.read_text()
    assert [one["version"] for one in relist.changes_in_folder(face.desk.authorities)] == [1, 2, 3]
    head, content, value = good.split(".")
    exported = (await face.ask("GET", "/export", "operator-a")).text
    for forged in (f"{head}.{content}.{value[::-1]}", exported, "x"):
        path.write_text(forged)
        with pytest.raises(ValueError, match=r"signed by|no statement"):
            relist.changes_in_folder(face.desk.authorities)
    path.write_text(good)


async def test_a_change_that_was_rewritten_behind_the_service_is_noticed(face: Face) -> None:
    await face.agree(adding())
    await face.desk.register.tend()
    assert await face.desk.register.check() is None
    owner = await asyncpg.connect(face.desk.databases.owner)
    try:
        await owner.execute(
            "update trust_changes set change = jsonb_set(change, '{purposes}', '[\"protocol\"]')"
            " where version = 3"
        )
    finally:
        await owner.close()
    await face.agree({"action": "end", "name": "other"})
    await face.desk.register.tend()
    assert "not the one that was decided" in (await face.desk.register.check() or "")
