"""Revoking a certificate: published at once, no verdict slips past, old verdicts are withdrawn."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast
from uuid import UUID

import pytest
from cryptography import x509

from services.signing import finding as reasons
from services.signing.examine import settle
from services.signing.pool import Limits, Look, Worker
from services.signing.revoke import Change, revoke
from services.signing.store import examinations, lists
from services.signing.store.examinations import Claim
from shared.db import Connection, clock
from shared.errors import Problem
from tests.fixtures.eventually import eventually
from tests.signing.desk import Desk
from tests.signing.test_examination import LEASE


def digest(desk: Desk, use: str) -> str:
    """Return the digest of the sender's certificate."""
    signer = desk.papers.leader() if use == "leader" else desk.papers.seal()
    assert signer.signing_cert
    return signer.signing_cert.sha256.hex()


def serial(desk: Desk) -> int:
    """Return the serial number of the leader's certificate."""
    certificate = desk.papers.leader().signing_cert
    assert certificate
    return x509.load_der_x509_certificate(cast("bytes", certificate.dump())).serial_number


async def change(desk: Desk, use: str, reason: str) -> Change:
    """Revoke, suspend or restore as the route does."""
    return await desk.db.as_worker(
        lambda conn: revoke(conn, desk.authorities, sha256=digest(desk, use), reason=reason)
    )


async def withdrawn(desk: Desk, dispatch: UUID) -> bool:
    """Say whether the last thing said about a dispatch is its withdrawal."""
    events = await desk.events(dispatch)
    return bool(events) and events[-1]["type"].endswith("verdict.withdrawn.v1")


@pytest.mark.parametrize("use", ["leader", "seal"])
async def test_a_paper_of_a_revoked_certificate_is_refused(own_desk: Desk, use: str) -> None:
    await change(own_desk, use, "keyCompromise")
    (seen,) = await own_desk.examine(own_desk.papers.good_main)
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.REVOKED)


async def test_a_suspended_certificate_can_be_restored(own_desk: Desk) -> None:
    assert (await change(own_desk, "seal", "certificateHold")).state == "suspended"
    first = await asyncio.to_thread(own_desk.papers.fresh_main, "81/VPCP-TTĐT")
    (seen,) = await own_desk.examine(first)
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.REVOKED)
    assert (await change(own_desk, "seal", "removeFromCRL")).state == "good"
    second = await asyncio.to_thread(own_desk.papers.fresh_main, "82/VPCP-TTĐT")
    (seen,) = await own_desk.examine(second)
    assert seen.indication == "TOTAL-PASSED"


async def test_a_revocation_is_for_good_and_may_be_repeated(own_desk: Desk) -> None:
    first = await change(own_desk, "seal", "superseded")
    again = await change(own_desk, "seal", "superseded")
    assert again.list_number == first.list_number
    with pytest.raises(Problem, match="SIG-4091"):
        await change(own_desk, "seal", "removeFromCRL")


async def test_the_published_list_names_the_certificate_and_why(own_desk: Desk) -> None:
    done = await change(own_desk, "leader", "affiliationChanged")
    newest = {known.authority: known for known in await own_desk.db.as_worker(lists.latest)}
    published = x509.load_der_x509_crl(newest["issuing"].der)
    issuing = x509.load_der_x509_certificate(own_desk.authorities.der("issuing"))
    assert published.is_signature_valid(issuing.public_key())  # pyright: ignore[reportArgumentType]
    entry = published.get_revoked_certificate_by_serial_number(serial(own_desk))
    assert entry
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.affiliation_changed
    assert newest["issuing"].number == done.list_number


async def test_verdicts_that_rested_on_it_are_withdrawn_once_and_repeated_when_asked(
    own_desk: Desk,
) -> None:
    passed = await own_desk.send(own_desk.papers.good_main, own_desk.papers.good_annex)
    refused = await own_desk.send(own_desk.papers.good_main, sender="H14")
    await own_desk.verdicts(passed)
    await own_desk.verdicts(refused)
    await change(own_desk, "seal", "keyCompromise")
    await eventually(lambda: withdrawn(own_desk, passed), "the verdict is withdrawn", timeout=30)
    kinds = [event["type"].split(".")[-3] for event in await own_desk.events(passed)]
    assert kinds == ["document", "document", "verdict"]
    assert not await withdrawn(own_desk, refused)
    await own_desk.send(own_desk.papers.good_main, own_desk.papers.good_annex, again=passed)
    assert await withdrawn(own_desk, passed)


async def looked(desk: Desk, dispatch: UUID) -> tuple[Claim, Look]:
    """Claim a file and have a worker look at it, without settling."""
    held = await desk.db.as_worker(
        lambda conn: examinations.claim(conn, lane="normal", after=None, lease=LEASE)
    )
    assert held
    assert held.dispatch_id == dispatch
    worker = Worker(Limits(), desk.forks)
    try:
        trust = await desk.db.as_worker(desk.dispatcher.anchor.now)
        return held, await worker.look(desk.blobs.path(held.sha256), held.sha256, trust)
    finally:
        await worker.end()


async def test_a_revocation_during_verification_is_not_missed(idle_desk: Desk) -> None:
    dispatch = await idle_desk.send(idle_desk.papers.good_main)
    held, look = await looked(idle_desk, dispatch)
    assert look.answer
    assert look.answer.finding
    assert look.answer.finding.outcome == "sound"
    await change(idle_desk, "leader", "keyCompromise")
    verdict = await idle_desk.db.as_worker(lambda conn: settle(conn, held, look))
    assert verdict is None  # verified with an older list: once more
    held, look = await looked(idle_desk, dispatch)
    verdict = await idle_desk.db.as_worker(lambda conn: settle(conn, held, look))
    assert verdict
    assert verdict.reason == reasons.REVOKED


async def test_a_revocation_waits_for_a_verdict_that_is_being_written(idle_desk: Desk) -> None:
    dispatch = await idle_desk.send(idle_desk.papers.good_main)
    held, look = await looked(idle_desk, dispatch)
    settled, may_commit = asyncio.Event(), asyncio.Event()

    async def slowly(conn: Connection) -> None:
        await settle(conn, held, look)
        settled.set()
        await may_commit.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(idle_desk.db.as_worker(slowly))
        await settled.wait()
        revoking = group.create_task(change(idle_desk, "leader", "keyCompromise"))
        await asyncio.sleep(0.3)
        assert not revoking.done()
        may_commit.set()
    (seen,) = await idle_desk.seen(dispatch)
    assert seen.indication == "TOTAL-PASSED"
    await eventually(lambda: withdrawn(idle_desk, dispatch), "it is withdrawn", timeout=30)


async def prove(conn: Connection, *, dispatch: UUID, at: datetime) -> None:
    """Let a verdict rest on signatures with a time stamp."""
    await conn.execute(
        "update verdict_certificates set proved_at = $2 where dispatch_id = $1", dispatch, at
    )


async def test_what_a_stamp_proves_to_be_older_is_not_withdrawn(own_desk: Desk) -> None:
    before = await own_desk.send(own_desk.papers.good_main)
    after = await own_desk.send(await asyncio.to_thread(own_desk.papers.fresh_main, "83/VPCP"))
    for dispatch, ago in ((before, timedelta(hours=1)), (after, timedelta(hours=-1))):
        await own_desk.verdicts(dispatch)
        await own_desk.db.as_worker(partial(prove, dispatch=dispatch, at=datetime.now(UTC) - ago))
    await change(own_desk, "seal", "cessationOfOperation")
    await eventually(lambda: withdrawn(own_desk, after), "it is withdrawn", timeout=30)
    assert not await withdrawn(own_desk, before)


async def test_it_is_known_how_long_each_list_lasts(idle_desk: Desk) -> None:
    async def left(authority: str) -> float:
        return await idle_desk.db.as_worker(lambda conn: lists.seconds_left(conn, authority))

    day, hour = 86_400, 3_600
    assert day - hour < await left("issuing") <= day
    assert await left("root") > 30 * day

    async def end(conn: Connection) -> None:
        await conn.execute("update revocation_lists set next_update = now() - interval '2 hours'")

    await idle_desk.db.as_worker(end)
    assert await left("issuing") < -hour
    await idle_desk.register.tend()
    assert await left("issuing") > day - hour, "the newest one counts"
    assert await left("root") < -hour
    await idle_desk.db.as_worker(lambda conn: conn.execute("delete from revocation_lists"))
    assert await left("issuing") == 0, "there is none"


async def test_a_list_that_has_not_begun_is_replaced_at_once(idle_desk: Desk) -> None:
    async def jump(conn: Connection) -> None:  # as a clock that was a day ahead has left it
        await conn.execute(
            "update revocation_lists set this_update = this_update + interval '1 day',"
            " next_update = next_update + interval '1 day' where authority = 'issuing'"
        )

    before = await idle_desk.db.look(lambda conn: lists.newest(conn, "issuing"))
    await idle_desk.db.as_worker(jump)
    await idle_desk.register.tend()
    after = await idle_desk.db.look(lambda conn: lists.newest(conn, "issuing"))
    assert before is not None
    assert after is not None
    assert after.number == before.number + 1
    assert after.this_update < await idle_desk.db.look(clock)
    await idle_desk.register.tend()
    assert await idle_desk.db.look(lambda conn: lists.newest(conn, "issuing")) == after, "once"
