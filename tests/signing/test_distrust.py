"""What was revoked stays so after a restore, whoever issued it and whenever it is registered."""

import asyncio
from datetime import UTC, datetime

import httpx2
import pytest
from cryptography import x509

from services.signing import distrust, recover, relist
from services.signing.finding import REVOKED
from services.signing.register import Register
from services.signing.store import lists
from services.signing.store.standing import Distrusted
from services.signing.validation import material
from shared.errors import Unavailable
from shared.restored import Recovery
from tests.fixtures.database import access_of
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing
from tests.signing.desk import Desk, open_desk
from tests.signing.elsewhere import crl, der
from tests.signing.test_revocation import change, digest, serial, withdrawn
from tests.signing.trust_face import CLIENTS, Face, open_face
from tests.signing.trusting import Trusting


async def foreign(one: Trusting) -> str:
    """List the authority and register a certificate of its; returns its digest."""
    one.site.serve("/crl", crl(one.ca, number=1))
    await one.agree(one.adding())
    _, serials = await asyncio.to_thread(one.paper)
    await one.desk.register.tend()
    await one.work()
    return await one.desk.db.as_worker(
        lambda conn: conn.fetchval("select sha256 from certificates where serial = $1", serials[0])
    )


async def ask_to_revoke(face: Face, sha256: str) -> httpx2.Response:
    """Ask for a revocation as the registrar does."""
    token = face.issuer.token("registrar-b", [], scope=" ".join(CLIENTS["registrar-b"].scopes))
    return await face.client.post(
        f"/v1/certificates/{sha256}/revocations",
        json={"reason": "keyCompromise"},
        headers={"Authorization": f"Bearer {token}"},
    )


async def revoke(face: Face, sha256: str) -> None:
    """Revoke a certificate as the registrar does."""
    answer = await ask_to_revoke(face, sha256)
    assert (answer.status_code, answer.json()["state"]) == (200, "revoked"), answer.text


async def standing(desk: Desk, sha256: str) -> tuple[object, ...] | None:
    """Return how a certificate stands; None: it is not registered."""
    row = await desk.db.as_worker(
        lambda conn: conn.fetchrow(
            "select state, reason, revoked_at from certificates where sha256 = $1", sha256
        )
    )
    return tuple(row) if row else None


async def forget(desk: Desk, sha256: str) -> None:
    """Set a certificate back to what it was before it was revoked."""
    await desk.execute(
        "update certificates set state = 'good', reason = null, revoked_at = null,"
        " withdrawing = false where sha256 = $1",
        sha256,
    )


async def nothing(*_: object) -> None:
    """Read nothing from Kafka."""


async def recovering(desk: Desk, backing: Backing, monkeypatch: pytest.MonkeyPatch) -> Recovery:
    """Have a desk recover as after a restore, apart from what Kafka would tell it."""
    monkeypatch.setattr(recover, "_documents_read", nothing)
    monkeypatch.setattr(recover, "read_back", nothing)
    await desk.execute("update service_state set recovering = true")
    return recover.recovery(desk.bench, access_of(backing, "signing"), desk.authorities)


async def test_it_lies_beside_the_database_before_the_registrar_is_answered(
    idle: Trusting, backing: Backing
) -> None:
    sha256 = await foreign(idle)
    authorities = idle.desk.authorities
    async with open_face(idle.desk, backing) as face:
        await revoke(face, sha256)
        assert list(distrust.in_folder(authorities)) == [sha256]
        (authorities.folder / "distrusted.jws").unlink()
        await revoke(face, sha256)
        assert list(distrust.in_folder(authorities)) == [sha256], (
            "an answer that was lost, asked again"
        )


async def test_who_died_before_it_was_laid_is_made_up_for(idle: Trusting) -> None:
    sha256 = await foreign(idle)
    await idle.desk.execute(
        "update certificates set state = 'revoked', reason = 'superseded', revoked_at = now()"
        " where sha256 = $1",
        sha256,
    )
    await idle.desk.register.tend()
    assert list(distrust.in_folder(idle.desk.authorities)) == [sha256]


async def test_what_lies_there_and_is_not_revoked_is_revoked_again(
    idle: Trusting, backing: Backing
) -> None:
    sha256 = await foreign(idle)
    async with open_face(idle.desk, backing) as face:
        await revoke(face, sha256)
    before = await standing(idle.desk, sha256)
    await forget(idle.desk, sha256)
    await idle.desk.register.tend()
    assert await standing(idle.desk, sha256) == before
    await idle.desk.register.tend()
    assert await standing(idle.desk, sha256) == before


async def test_a_database_that_was_set_back_has_it_revoked_before_anything_is_judged(
    own: Trusting, backing: Backing, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet, serials = await asyncio.to_thread(own.paper)
    own.site.serve("/crl", crl(own.ca, number=1))
    await own.agree(own.adding())
    await own.desk.register.tend()
    await own.work()
    dispatch = await own.desk.send(sheet)
    (seen,) = await own.desk.verdicts(dispatch)
    assert seen.indication == "TOTAL-PASSED"
    sha256 = await own.desk.db.as_worker(
        lambda conn: conn.fetchval("select sha256 from certificates where serial = $1", serials[0])
    )
    async with open_face(own.desk, backing) as face:
        await revoke(face, sha256)
    before = await standing(own.desk, sha256)
    await forget(own.desk, sha256)
    recovery = await recovering(own.desk, backing, monkeypatch)
    assert not await recovery.over()
    await recovery.due()
    assert await recovery.over()
    assert await standing(own.desk, sha256) == before
    (seen,) = await own.desk.examine(sheet)
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", REVOKED)
    await eventually(lambda: withdrawn(own.desk, dispatch), "it is withdrawn", timeout=30)


async def test_what_our_own_list_names_is_registered_before_the_next_one_is_published(
    idle_desk: Desk, backing: Backing, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, sha256 = idle_desk, digest(idle_desk, "leader")
    await change(desk, "leader", "keyCompromise")
    await desk.register.tend()  # lays the list
    before = await standing(desk, sha256)
    # Registered and revoked in a time that is lost.
    await desk.execute("delete from certificates where sha256 = $1", sha256)
    await desk.execute(
        "delete from revocation_lists where authority = 'issuing' and number = ("
        "select max(number) from revocation_lists where authority = 'issuing')"
    )
    recovery = await recovering(desk, backing, monkeypatch)
    with pytest.raises(Unavailable, match="register"):
        await recovery.due()
    await Register(desk.bench, desk.authorities, recovery).tend()
    await recovery.due()
    assert await standing(desk, sha256) == before
    newest = await desk.db.as_worker(lambda conn: lists.newest(conn, "issuing"))
    assert newest
    assert serial(desk) in {one.serial_number for one in x509.load_der_x509_crl(newest.der)}


async def test_what_is_registered_after_that_only_is_revoked_as_it_is_registered(
    idle: Trusting, backing: Backing
) -> None:
    sha256 = await foreign(idle)
    async with open_face(idle.desk, backing) as face:
        await revoke(face, sha256)
    await idle.desk.register.tend()  # lays the trust list as well
    before = await standing(idle.desk, sha256)
    folder = idle.desk.papers.run / "set-back"
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(backing, databases, idle.desk.papers, folder, workers=0) as desk,
    ):
        assert await standing(desk, sha256) is None, "its authority is not listed there yet"
        await desk.execute("update service_state set recovering = true")
        await desk.db.as_worker(lambda conn: distrust.take_back(conn, desk.authorities))
        await desk.db.as_worker(lambda conn: relist.take_back(conn, desk.authorities))
        await desk.register.tend()
        assert await standing(desk, sha256) == before


async def test_an_authority_that_is_listed_again_is_distrusted_at_once(idle: Trusting) -> None:
    since = datetime(2026, 11, 20, tzinfo=UTC)
    sha256 = material.digest(der(idle.ca))
    await distrust.keep(idle.desk.authorities, [Distrusted(sha256, "keyCompromise", since)])
    await idle.agree(idle.adding())
    assert await standing(idle.desk, sha256) == ("revoked", "keyCompromise", since)
