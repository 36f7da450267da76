"""What lists say reaches every certificate and verdict, whatever comes in between."""

import asyncio
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, cast
from uuid import UUID

import pytest
from asn1crypto import ocsp as asn1_ocsp
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import OCSPNonce, ocsp
from pyhanko.sign.validation.dss import DocumentSecurityStore

from services.signing import heed, revoke
from services.signing.bench import Bench
from services.signing.finding import REVOKED
from services.signing.pipe import AnswerFacts, Facts, ListFacts, Reading, Revoked
from services.signing.store import fetches, withdrawals
from services.signing.store.answers import Question
from services.signing.store.fetches import Unapplied
from services.signing.store.lists import Numbered
from shared.db import Connection
from shared.errors import Unavailable
from tests.fixtures.eventually import eventually
from tests.fixtures.papers import Sheet
from tests.signing.desk import Desk
from tests.signing.elsewhere import answered, crl
from tests.signing.test_fetch import states
from tests.signing.test_fetch_sources import about_of
from tests.signing.trusting import Trusting

LATE = datetime(2026, 11, 20, tzinfo=UTC)
HELD = [Numbered("other", 1)]
"""What `registered` leaves."""


async def registered(one: Trusting) -> list[int]:
    """List the authority and register two certificates of its; returns their serial numbers."""
    one.site.serve("/crl", crl(one.ca, number=1))
    await one.agree(one.adding())
    _, serials = await asyncio.to_thread(one.paper)
    await one.desk.register.tend()
    await one.work()
    return serials


async def test_a_list_that_no_worker_came_through_stays_to_be_heeded(
    idle: Trusting, monkeypatch: pytest.MonkeyPatch
) -> None:
    serials = await registered(idle)
    idle.site.serve("/crl", crl(idle.ca, serials[0], number=2))
    read = Bench.read

    async def tired(bench: Bench, reading: Reading) -> Facts:
        if reading.serials:
            raise Unavailable("the process that reads certificates and lists (wall clock)")
        return await read(bench, reading)

    with monkeypatch.context() as while_tired:
        while_tired.setattr(Bench, "read", tired)
        await idle.again()
    assert await states(idle, serials) == ["good", "good"]
    await idle.work()
    assert await states(idle, serials) == ["revoked", "good"]


async def test_who_is_registered_while_a_list_is_heeded_is_looked_up_after_that(
    idle: Trusting, monkeypatch: pytest.MonkeyPatch
) -> None:
    await registered(idle)
    db, read = idle.desk.db, Bench.read

    async def others_come() -> None:
        await db.as_worker(lambda conn: fetches.apply_anew(conn, {"other"}))

    async def left() -> list[Unapplied]:
        return await db.look(lambda conn: fetches.unapplied(conn, {"other"}))

    async def meanwhile(bench: Bench, reading: Reading) -> Facts:
        (elsewhere,) = await left()
        await db.as_worker(lambda conn: fetches.applied(conn, elsewhere))
        assert not await left(), "another process has brought them to the list"
        await others_come()
        return await read(bench, reading)

    await others_come()
    with monkeypatch.context() as while_reading:
        while_reading.setattr(Bench, "read", meanwhile)
        assert await heed.heed(idle.bench)
    assert [one.name for one in await left()] == ["other"]
    await idle.work()
    assert not await left()


async def test_a_list_that_another_process_has_passed_changes_nothing(idle: Trusting) -> None:
    serials = await registered(idle)

    async def heeded(number: int, before: int, *, suspends: bool) -> list[str]:
        entries = (Revoked(f"{serials[0]:x}", "certificateHold", LATE),) if suspends else ()
        facts, found = ListFacts(number, LATE, None, entries), Unapplied("other", number, before)
        await idle.desk.db.as_worker(lambda conn: heed.apply(conn, found, facts, HELD))
        return await states(idle, serials)

    assert await heeded(3, 1, suspends=True) == ["suspended", "good"]
    assert await heeded(2, 1, suspends=False) == ["suspended", "good"], "it was read before that"
    assert await heeded(4, 3, suspends=False) == ["good", "good"]


async def test_a_list_may_say_that_a_certificate_was_revoked_sooner(idle: Trusting) -> None:
    serials = await registered(idle)

    async def since(number: int, at: datetime) -> datetime:
        gone = Revoked(f"{serials[0]:x}", "keyCompromise", at)
        facts = ListFacts(number, LATE, None, (gone,))

        async def step(conn: Connection) -> datetime:
            await heed.apply(conn, Unapplied("other", number, number - 1), facts, HELD)
            found: datetime = await conn.fetchval(
                "select revoked_at from certificates where serial = $1 and withdrawing", serials[0]
            )
            await conn.execute("update certificates set withdrawing = false")
            return found

        return await idle.desk.db.as_worker(step)

    assert await since(2, LATE) == LATE
    assert await since(3, LATE - timedelta(days=1)) == LATE - timedelta(days=1)
    assert await since(4, LATE) is None, "what was withdrawn is not withdrawn anew"


async def test_an_answer_may_say_that_a_certificate_was_revoked_sooner(idle: Trusting) -> None:
    (serial, _) = await registered(idle)
    db = idle.desk.db
    sha256 = await db.as_worker(
        lambda conn: conn.fetchval("select sha256 from certificates where serial = $1", serial)
    )

    async def since(reason: str | None, at: datetime | None) -> tuple[datetime, bool]:
        facts = AnswerFacts(LATE, None, reason, at)

        async def step(conn: Connection) -> tuple[datetime, bool]:
            await conn.execute("update certificates set withdrawing = false")
            await heed.apply_answer(conn, Question(sha256, b"", "issuing", 0, 0), facts)
            row = await conn.fetchrow(
                "select revoked_at, withdrawing from certificates where sha256 = $1", sha256
            )
            assert row
            return row["revoked_at"], row["withdrawing"]

        return await db.as_worker(step)

    sooner = LATE - timedelta(days=1)
    assert await since("keyCompromise", LATE) == (LATE, True)
    assert await since("keyCompromise", sooner) == (sooner, True), "withdrawn anew"
    assert await since("superseded", LATE) == (sooner, False), "never later"
    assert await since(None, None) == (sooner, False), "revoked is for good"


async def resting(desk: Desk, on: str, count: int) -> list[UUID]:
    """Have so many dispatches with a good verdict that rests on something; returns their ids."""
    sheet = Sheet(b"%PDF-1.7\n")
    made = sorted([await desk.take_in(sheet) for _ in range(count)])
    await desk.execute("update examinations set indication = 'TOTAL-PASSED', settled = true")
    for dispatch in made:
        await rest(desk, dispatch, on)
    return made


async def rest(desk: Desk, dispatch: UUID, on: str) -> None:
    """Have a good verdict rest on something."""
    await desk.execute(
        "insert into verdict_certificates (certificate, dispatch_id, sha256, judgement)"
        " select $2, dispatch_id, sha256, judgement from examinations where dispatch_id = $1",
        dispatch,
        on,
    )


async def test_verdicts_that_another_process_withdraws_meanwhile_end_nothing_early(
    idle_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revoke, "_AT_ONCE", 2)
    db = idle_desk.db
    rows = await db.as_worker(
        lambda conn: conn.fetch(
            "select sha256 from certificates where kind in ('leader', 'seal') order by 1 limit 2"
        )
    )
    leader, seal = (row["sha256"] for row in rows)
    made = await resting(idle_desk, seal, 3)
    for dispatch in made[:2]:
        await rest(idle_desk, dispatch, leader)
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def for_the_leader(conn: Connection) -> None:
        first = UUID(int=0)
        gone, _ = await withdrawals.withdraw(conn, leader, behind=first, reason=REVOKED, most=2)
        assert len(gone) == 2
        begun.set()
        await may_end.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(db.as_worker(for_the_leader))
        await begun.wait()
        await idle_desk.execute(
            "update certificates set state = 'revoked', reason = 'keyCompromise',"
            " revoked_at = now(), withdrawing = true where sha256 = $1",
            seal,
        )
        await eventually(lambda: _waits(idle_desk), "the desk waits for what the other one writes")
        may_end.set()

    async def gone() -> bool:
        found = await db.as_worker(lambda conn: withdrawals.known(conn, made))
        return {one.dispatch_id for one in found} == set(made)

    await eventually(gone, "all three are withdrawn", timeout=20)


async def _waits(desk: Desk) -> bool:
    """Say whether somebody waits for a lock in the desk's database."""
    return await desk.db.as_worker(
        lambda conn: conn.fetchval(
            "select exists (select from pg_locks where not granted and locktype = 'transactionid')"
        )
    )


async def test_what_a_time_stamp_spared_is_withdrawn_when_its_authority_is_revoked(
    idle_desk: Desk,
) -> None:
    db = idle_desk.db
    rows = await db.as_worker(
        lambda conn: conn.fetch("select sha256 from certificates order by sha256 limit 2")
    )
    stamping, seal = (row["sha256"] for row in rows)
    (spared,) = await resting(idle_desk, seal, 1)
    await idle_desk.execute(
        "update verdict_certificates set proved_at = '2026-01-01', proved_by = array[$1]", stamping
    )

    async def revoked(certificate: str) -> bool:
        await idle_desk.execute(
            "update certificates set state = 'revoked', reason = 'keyCompromise',"
            " revoked_at = '2026-02-01', withdrawing = true where sha256 = $1",
            certificate,
        )
        await eventually(_none_left, "all that is to be withdrawn is withdrawn", timeout=20)
        return bool(await db.as_worker(lambda conn: withdrawals.known(conn, [spared])))

    async def _none_left() -> bool:
        return not await db.look(withdrawals.waiting)

    assert not await revoked(seal)
    assert await revoked(stamping)


async def test_whoever_brings_its_own_answer_is_asked_about_all_the_same(own: Trusting) -> None:
    """What becomes of a certificate after its file passed is known only by asking."""
    sheet, serials = await asyncio.to_thread(own.paper)
    await own.agree(own.adding(crl=[], ocsp=[own.site.url("/ocsp")]))
    await own.desk.register.tend()
    brought = [await said(own, serial) for serial in serials]
    dispatch = await own.desk.send(await asyncio.to_thread(_with, sheet, brought))
    (seen,) = await own.desk.verdicts(dispatch)
    assert seen.indication == "TOTAL-PASSED"
    assert own.site.asked == [], "nobody had to be asked"
    await own.work()
    assert own.site.asked
    wanted = await own.desk.db.as_worker(
        lambda conn: conn.fetchval(
            "select count(*) from answers as a join certificates as c on c.sha256 = a.certificate"
            " where c.serial = any($1::numeric[])",
            serials,
        )
    )
    assert wanted == 2, "both are asked about from now on"


def _with(sheet: Sheet, answers: list[bytes]) -> Sheet:
    """Return the file with answers in its security store."""
    file, dss = BytesIO(sheet.content), cast("Any", DocumentSecurityStore)
    load = cast("Any", asn1_ocsp.OCSPResponse).load
    dss.add_dss(file, None, ocsps=[load(answer) for answer in answers])
    return Sheet(file.getvalue())


async def said(one: Trusting, serial: int) -> bytes:
    """Return an OCSP answer about a certificate."""
    about = await about_of(one, serial)
    sha1 = SHA1()  # noqa: S303 (RFC 5019: how certificates are named)
    builder = ocsp.OCSPRequestBuilder().add_certificate(about, one.ca.certificate, sha1)
    asked = builder.add_extension(OCSPNonce(b"n" * 16), critical=False).build()
    return answered(one.ca, asked.public_bytes(Encoding.DER), about)
