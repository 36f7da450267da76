"""An authority with a new certificate for the same key: what it says is of whom it had before."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.x509 import ocsp

from infra.pki.authority import Period
from services.signing import heed
from services.signing.bench import Bench
from services.signing.certificate import authority_key
from services.signing.pipe import Facts, ListFacts, Reading, Revoked
from services.signing.register import Register
from services.signing.store import fetches, lists
from services.signing.store.fetches import Unapplied
from services.signing.store.lists import Numbered, Published
from services.signing.trustlist import ChangeAuthority, EndAuthority
from tests.fixtures.eventually import eventually
from tests.signing.elsewhere import answered, crl, der, lasting, make_ca, renewed
from tests.signing.test_fetch import states
from tests.signing.test_fetch_sources import about_of
from tests.signing.test_revocation import withdrawn
from tests.signing.trusting import Trusting

HOLD = x509.ReasonFlags.certificate_hold


class Renewed(NamedTuple):
    """An authority under its second name, and whom it registered under its first."""

    newer: Trusting
    serials: list[int]


async def both_listed(one: Trusting) -> Renewed:
    """Register two certificates of `other`, and list it again, renewed, as `other-2`."""
    one.site.serve("/crl", crl(one.ca, number=1))
    await one.agree(one.adding())
    _, serials = await asyncio.to_thread(one.paper)
    await one.desk.register.tend()
    await one.work()
    newer = replace(one, ca=renewed(one.ca))
    await newer.agree(newer.adding("other-2", crl=[one.site.url("/crl-2")]))
    return Renewed(newer, serials)


def test_a_renewed_authority_has_the_key_that_it_had() -> None:
    ca = make_ca("CA gốc khác")
    assert der(renewed(ca)) != der(ca)
    assert authority_key(der(renewed(ca))) == authority_key(der(ca))
    assert authority_key(der(make_ca("CA gốc khác"))) != authority_key(der(ca))


async def test_whom_the_old_name_registered_the_list_of_the_new_one_revokes(
    idle: Trusting,
) -> None:
    newer, serials = await both_listed(idle)
    await idle.agree(EndAuthority(action="end", name="other"))
    idle.site.serve("/crl-2", crl(newer.ca, serials[0], number=2))
    await newer.again()
    assert await states(idle, serials) == ["revoked", "good"]
    assert idle.site.asked[-1] == "/crl-2", "who is not trusted is not asked"


async def test_an_older_list_of_one_name_ends_no_suspension_by_the_other(idle: Trusting) -> None:
    newer, serials = await both_listed(idle)
    older = lasting(hours=24, since_minutes=30)
    idle.site.serve("/crl-2", crl(newer.ca, serials[0], number=3, reason=HOLD))
    await newer.again()
    assert await states(idle, serials) == ["suspended", "good"]
    await idle.desk.execute("delete from revocation_lists where authority = 'other'")
    idle.site.serve("/crl", crl(idle.ca, number=2, period=older))
    await newer.again()
    assert (await idle.freshness("other")).number == 2
    assert await states(idle, serials) == ["suspended", "good"]
    changed = await idle.desk.db.as_worker(
        lambda conn: conn.fetchval(
            "select max(changed_in) from certificates where serial = any($1::numeric[])", serials
        )
    )
    assert changed <= 2, "else every verdict would wait for a list of its name that says so"


async def keep(one: Trusting, name: str, number: int, content: bytes, *, period: Period) -> None:
    """Have a list as if it had been fetched."""
    kept = Published(name, number, period.begins, period.ends, content)
    await one.desk.db.as_worker(lambda conn: lists.insert(conn, kept))


async def test_a_list_that_was_read_for_another_name_undoes_no_newer_one(
    idle: Trusting, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, serials = await both_listed(idle)
    early, late = lasting(hours=24, since_minutes=30), lasting(hours=24)
    idle.site.serve("/crl-2", crl(newer.ca, number=2, period=early))
    await newer.again()
    db, read, come = idle.desk.db, Bench.read, list[str]()

    async def another_process(number: int) -> None:
        held = crl(idle.ca, serials[0], number=number, period=late, reason=HOLD)
        await keep(idle, "other", number, held, period=late)
        said = Revoked(f"{serials[0]:x}", "certificateHold", late.begins)
        facts, found = ListFacts(number, late.begins, None, (said,)), Unapplied("other", number, 5)
        newest = [Numbered("other", number), Numbered("other-2", 2)]
        await db.as_worker(lambda conn: heed.apply(conn, found, facts, newest))

    async def meanwhile(bench: Bench, reading: Reading) -> Facts:
        if reading.authority == "other-2" and not come:
            come.append(reading.authority)
            await another_process(6)
            assert await states(idle, serials) == ["suspended", "good"]
        return await read(bench, reading)

    middle = lasting(hours=24, since_minutes=10)
    await keep(idle, "other", 5, crl(idle.ca, number=5, period=middle), period=middle)
    await db.as_worker(lambda conn: fetches.apply_anew(conn, {"other"}))
    monkeypatch.setattr(Bench, "read", meanwhile)
    await heed.heed(idle.bench)
    assert come, "number 5 was read for the other name"
    assert await states(idle, serials) == ["suspended", "good"]
    await newer.work()
    assert await states(idle, serials) == ["suspended", "good"]


async def test_a_newest_list_that_cannot_be_read_hides_no_other(idle: Trusting) -> None:
    newer, serials = await both_listed(idle)
    early, late = lasting(hours=24, since_minutes=30), lasting(hours=24)
    forged = crl(make_ca("CA gốc khác"), number=9, period=late)
    await keep(idle, "other", 9, forged, period=late)
    good = crl(newer.ca, serials[0], number=2, period=early)
    await keep(idle, "other-2", 2, good, period=early)
    assert await heed.heed(idle.bench)
    assert await states(idle, serials) == ["revoked", "good"]
    assert not await heed.heed(idle.bench)


async def test_who_is_registered_under_one_name_is_looked_up_in_the_lists_of_all(
    idle: Trusting,
) -> None:
    newer, _ = await both_listed(idle)
    idle.site.serve("/crl-2", crl(newer.ca, number=2))
    await newer.again()

    async def left() -> list[str]:
        names = {"other", "other-2"}
        found = await idle.desk.db.look(lambda conn: fetches.unapplied(conn, names))
        return [one.name for one in found]

    assert await left() == []
    await idle.desk.db.as_worker(lambda conn: fetches.apply_anew(conn, {"other"}))
    assert await left() == ["other", "other-2"]
    await newer.work()
    assert await left() == []


async def test_names_that_were_listed_before_keys_were_noted_are_made_up_for(
    idle: Trusting,
) -> None:
    newer, serials = await both_listed(idle)
    await idle.agree(EndAuthority(action="end", name="other"))
    await idle.desk.execute("update authorities set key = null")
    idle.site.serve("/crl-2", crl(newer.ca, serials[0], number=2))
    await newer.again()
    assert await states(idle, serials) == ["good", "good"], "nobody knows that they are one"
    desk = idle.desk
    await Register(desk.bench, desk.authorities, desk.recovery).tend()  # as a process begins
    await newer.work()
    assert await states(idle, serials) == ["revoked", "good"]


async def test_what_the_release_before_did_by_an_older_list_is_mended_as_a_process_begins(
    idle: Trusting,
) -> None:
    """It serves beside this one during an upgrade, and knows one name of an authority."""
    newer, serials = await both_listed(idle)
    idle.site.serve("/crl-2", crl(newer.ca, serials[0], number=3, reason=HOLD))
    await newer.again()
    desk = idle.desk
    await desk.execute(
        "update certificates set state = 'good', reason = null, revoked_at = null"
        " where serial = $1",
        serials[0],
    )
    await newer.work()
    assert await states(idle, serials) == ["good", "good"]
    await Register(desk.bench, desk.authorities, desk.recovery).tend()
    await newer.work()
    assert await states(idle, serials) == ["suspended", "good"]


async def test_whom_the_old_name_registered_the_new_one_is_asked_for(own: Trusting) -> None:
    sheet, serials = await asyncio.to_thread(own.paper)
    revoked: set[int] = set()
    newer = replace(own, ca=renewed(own.ca))

    async def answer(request: web.Request) -> web.Response:
        asked = await request.read()
        serial = ocsp.load_der_ocsp_request(asked).serial_number
        about = await about_of(own, serial)
        return web.Response(body=answered(newer.ca, asked, about, revoked=serial in revoked))

    own.site.handlers["/ocsp-2"] = answer
    await own.agree(own.adding(crl=[], ocsp=[own.site.url("/ocsp")]))
    await own.desk.register.tend()
    await newer.agree(newer.adding("other-2", crl=[], ocsp=[own.site.url("/ocsp-2")]))
    await own.agree(EndAuthority(action="end", name="other"))
    dispatch = await own.desk.send(sheet)

    async def passed() -> bool:
        await newer.work()
        (seen,) = await own.desk.seen(dispatch)
        return seen.indication == "TOTAL-PASSED"

    await eventually(passed, "it passes once it was answered", timeout=60)
    assert own.site.asked == ["/ocsp-2"] * 2
    revoked.add(serials[0])
    # Two answers of one second are one answer.
    await asyncio.sleep(1.1)
    await newer.again()
    await eventually(lambda: withdrawn(own.desk, dispatch), "it is withdrawn", timeout=60)


async def passes(one: Trusting) -> UUID:
    """Have a letter of the authority judged good; return its dispatch."""
    sheet, _ = await asyncio.to_thread(one.paper)
    await one.desk.register.tend()
    await one.work()
    dispatch = await one.desk.send(sheet)
    (seen,) = await one.desk.verdicts(dispatch)
    assert seen.indication == "TOTAL-PASSED", seen
    return dispatch


async def run_out(one: Trusting) -> None:
    """Let the trust in `other` end by its time, and wait until it has."""
    until = datetime.now(UTC) + timedelta(seconds=5)
    same = one.adding().model_dump(exclude={"action", "name", "certificate", "anchor"})
    change = {**same, "action": "change", "name": "other", "trusted_until": until}
    await one.agree(ChangeAuthority.model_validate(change))
    await asyncio.sleep(max((until - datetime.now(UTC)).total_seconds(), 0) + 0.1)


async def test_what_was_judged_under_a_name_that_runs_out_stands_until_it_is_ended(
    own: Trusting,
) -> None:
    newer = replace(own, ca=renewed(own.ca))
    own.site.serve("/crl", crl(own.ca, number=1))
    own.site.serve("/crl-2", crl(newer.ca, number=2))
    await own.agree(own.adding())
    before = await passes(own)
    await newer.agree(newer.adding("other-2", crl=[own.site.url("/crl-2")]))
    await run_out(own)
    after = await passes(newer)
    assert not await withdrawn(own.desk, before)
    await own.agree(EndAuthority(action="end", name="other"))
    await eventually(lambda: withdrawn(own.desk, before), "it is withdrawn", timeout=60)
    assert not await withdrawn(own.desk, after), "it rests on the other certificate of that key"
