"""What becomes of a time-stamping unit's certificate reaches the verdicts that its stamps bear."""

from dataclasses import replace
from uuid import UUID

import pytest
from cryptography.x509 import ReasonFlags

from services.signing import finding as reasons
from services.signing.bench import Bench
from services.signing.examine import settle
from services.signing.finding import Unit
from services.signing.pipe import Facts, Reading
from services.signing.pool import Limits, Look, Worker
from services.signing.revoke import revoke
from services.signing.store import examinations, standing
from services.signing.store.examinations import Claim
from shared.db import Connection
from shared.errors import Problem, Unavailable
from shared.ids import AgencyId
from tests.signing.desk import AGENCIES, SENDER
from tests.signing.elsewhere import leaf, make_ca
from tests.signing.stamping import Row, Stamping, seal_of, unit_of
from tests.signing.test_answers import passed
from tests.signing.test_examination import LEASE
from tests.signing.test_revocation import change
from tests.signing.trusting import Trusting

GOOD = Row("timestamp", "other", "good", retired=False, owned=False)
REVOKED = Row("timestamp", "other", "revoked", retired=False, owned=False)
RETIRED = Row("timestamp", "other", "revoked", retired=True, owned=False)


@pytest.fixture
async def stamping(own: Trusting) -> Stamping:
    """An authority of time stamps that is listed, for a desk that examines."""
    made = Stamping(own, unit_of(own.ca))
    await made.list_it()
    return made


@pytest.fixture
async def waiting(idle: Trusting) -> Stamping:
    """The same without anybody who examines."""
    made = Stamping(idle, unit_of(idle.ca))
    await made.list_it()
    return made


async def test_a_unit_is_registered_when_it_is_met_and_shown_to_nobody(stamping: Stamping) -> None:
    desk = stamping.own.desk
    (seen,) = await desk.examine(stamping.annex())
    assert seen.indication == "TOTAL-PASSED"
    assert await stamping.row() == GOOD

    async def units(conn: Connection) -> int:
        return await conn.fetchval("select count(*) from certificates where kind = 'timestamp'")

    assert await desk.db.as_worker(units) == 1
    assert await desk.db.as_caller([AgencyId(AGENCIES[SENDER])], units) == 0


@pytest.mark.parametrize(
    ("reason", "stays"),
    [
        (ReasonFlags.key_compromise, False),
        (None, False),
        (ReasonFlags.superseded, True),
        (ReasonFlags.unspecified, True),
    ],
)
@pytest.mark.parametrize("leaning", [True, False])
async def test_what_a_revoked_units_stamp_bears_is_withdrawn_unless_it_was_retired(
    stamping: Stamping, reason: ReasonFlags | None, *, stays: bool, leaning: bool
) -> None:
    """Leaning: judged when the seal was revoked already; else a stamp spared it after that."""
    desk, annex = stamping.own.desk, stamping.annex()
    if leaning:
        await change(desk, "seal", "keyCompromise")
    dispatch = await desk.send(annex)
    (seen,) = await desk.verdicts(dispatch)
    assert seen.indication == "TOTAL-PASSED"
    if not leaning:
        await change(desk, "seal", "keyCompromise")
    await stamping.settled()
    assert await stamping.stands(dispatch), "its stamp is older than the seal's revocation"
    await stamping.revoke(reason)
    assert await stamping.row() == (RETIRED if stays else REVOKED)
    assert await stamping.stands(dispatch) == stays


async def test_what_needs_no_stamp_stays(stamping: Stamping) -> None:
    dispatch = await stamping.own.desk.send(stamping.annex())
    await stamping.own.desk.verdicts(dispatch)
    await stamping.revoke(ReasonFlags.key_compromise)
    assert await stamping.stands(dispatch)


async def test_a_unit_that_was_retired_may_turn_out_to_be_compromised(stamping: Stamping) -> None:
    desk = stamping.own.desk
    await change(desk, "seal", "keyCompromise")
    dispatch = await desk.send(stamping.annex())
    await desk.verdicts(dispatch)
    await stamping.revoke(ReasonFlags.superseded)
    assert await stamping.stands(dispatch)
    await stamping.revoke(ReasonFlags.key_compromise, number=3)
    assert await stamping.row() == REVOKED
    assert not await stamping.stands(dispatch)


async def test_a_unit_that_was_retired_before_it_is_met_is_followed_at_once(
    stamping: Stamping,
) -> None:
    desk, annex = stamping.own.desk, stamping.annex()
    await change(desk, "seal", "keyCompromise")
    first = await desk.send(annex)
    await desk.verdicts(first)
    await stamping.revoke(ReasonFlags.superseded)
    await desk.execute("delete from verdict_certificates")
    await desk.execute("delete from certificates where kind = 'timestamp'")
    dispatch = await desk.send(annex)
    (seen,) = await desk.verdicts(dispatch)
    assert seen.indication == "TOTAL-PASSED"
    await stamping.own.work()
    assert await stamping.row() == RETIRED, "the list that names it was applied before it came"
    await stamping.settled()
    assert await stamping.stands(dispatch)


async def test_a_unit_revoked_while_a_file_is_looked_at_is_not_missed(waiting: Stamping) -> None:
    desk = waiting.own.desk
    await change(desk, "seal", "keyCompromise")
    dispatch = await desk.send(waiting.annex())
    held, look = await _looked(waiting, dispatch)
    await waiting.revoke(ReasonFlags.key_compromise)
    assert await desk.db.as_worker(lambda conn: settle(conn, held, look)) is None, "once more"
    held, look = await _looked(waiting, dispatch)
    verdict = await desk.db.as_worker(lambda conn: settle(conn, held, look))
    assert verdict
    assert (verdict.indication, verdict.reason) == ("TOTAL-FAILED", reasons.REVOKED)


async def test_what_an_answer_says_of_a_unit_meanwhile_is_not_missed(waiting: Stamping) -> None:
    """An answer has no number that would tell that the file was looked at before it."""
    desk = waiting.own.desk
    await change(desk, "seal", "keyCompromise")
    dispatch = await desk.send(waiting.annex())
    held, look = await _looked(waiting, dispatch)
    await desk.execute(
        "update certificates set state = 'revoked', reason = 'keyCompromise', revoked_at = now()"
        " where sha256 = $1",
        waiting.unit.sha256,
    )
    verdict = await desk.db.as_worker(lambda conn: settle(conn, held, look))
    assert verdict
    assert (verdict.indication, verdict.reason) == ("TOTAL-FAILED", reasons.REVOKED)


async def _looked(one: Stamping, dispatch: UUID) -> tuple[Claim, Look]:
    """Claim a file, have a worker look at it, and register its units, without settling."""
    desk = one.own.desk
    held = await desk.db.as_worker(
        lambda conn: examinations.claim(conn, lane="normal", after=None, lease=LEASE)
    )
    assert held
    assert held.dispatch_id == dispatch
    assert held.signature_sha256
    seal = desk.blobs.path(held.signature_sha256).read_bytes()
    worker = Worker(Limits(), desk.forks)
    try:
        trust = await desk.db.as_worker(desk.dispatcher.anchor.now)
        path = desk.blobs.path(held.sha256)
        look = await worker.look(path, held.sha256, trust, detached=seal)
    finally:
        await worker.end()
    await desk.register.meet(look.units)
    return held, replace(look, detached=seal)


async def test_a_unit_whose_authority_has_no_list_is_asked_about(own: Trusting) -> None:
    one = Stamping(own, unit_of(own.ca))
    asked = one.answer()
    await own.agree(one.adding_asked())
    await change(own.desk, "seal", "keyCompromise")
    dispatch = await own.desk.send(one.annex())
    await passed(own, dispatch)
    assert asked == [one.unit.serial]
    assert await one.row() == GOOD


async def test_only_units_of_listed_authorities_are_registered(waiting: Stamping) -> None:
    own = waiting.own
    strangers = (leaf(own.ca), seal_of(own.desk.papers).der, b"0", unit_of(make_ca("CA khác")).der)
    for der in strangers:
        await own.desk.register.meet([Unit(der, revoked=False)])
    await own.desk.register.meet([Unit(waiting.unit.der, revoked=True)])
    assert await _count(waiting) == 0
    both = [Unit(strangers[0], revoked=False), Unit(waiting.unit.der, revoked=False)]
    await own.desk.register.meet(both)
    assert await waiting.row() == GOOD
    assert await _count(waiting) == 1


async def _count(one: Stamping) -> int:
    return await one.own.desk.db.as_worker(
        lambda conn: conn.fetchval("select count(*) from certificates where kind = 'timestamp'")
    )


async def test_a_unit_that_is_known_is_not_read_again(
    waiting: Stamping, monkeypatch: pytest.MonkeyPatch
) -> None:
    register, told = waiting.own.desk.register, [Unit(waiting.unit.der, revoked=False)]
    await register.meet(told)

    async def none(_bench: Bench, _reading: Reading) -> Facts:
        raise AssertionError("nothing is to be read")

    monkeypatch.setattr(Bench, "read", none)
    await register.meet(told)
    await register.meet([])


async def test_a_file_whose_units_cannot_be_read_now_is_looked_at_once_more(
    stamping: Stamping, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, failed = Bench.read, list[str]()

    async def tired(bench: Bench, reading: Reading) -> Facts:
        if reading.what == "units" and not failed:
            failed.append(reading.what)
            raise Unavailable("the process that reads certificates and lists")
        return await read(bench, reading)

    monkeypatch.setattr(Bench, "read", tired)
    (seen,) = await stamping.own.desk.examine(stamping.annex())
    assert (seen.indication, seen.strikes) == ("TOTAL-PASSED", 0)
    assert failed
    assert await stamping.row() == GOOD


async def test_no_registrar_revokes_a_unit(stamping: Stamping) -> None:
    desk = stamping.own.desk
    await desk.examine(stamping.annex())
    with pytest.raises(Problem, match="REQ-4041"):
        await desk.db.as_worker(
            lambda conn: revoke(
                conn, desk.authorities, sha256=stamping.unit.sha256, reason="keyCompromise"
            )
        )
    await stamping.revoke(ReasonFlags.key_compromise)
    rows = await desk.db.look(standing.distrusted)
    assert stamping.unit.sha256 not in {one.sha256 for one in rows}, "its list tells of it again"
