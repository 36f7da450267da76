"""Whom signing asks for revocation data: who stands in the trust list, and nobody else."""

import asyncio

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.x509 import ocsp

from infra.pki.authority import Use
from services.signing.revoke import Change, revoke
from services.signing.store import lists
from services.signing.trustlist import ChangeAuthority
from shared.errors import Problem
from tests.fixtures.eventually import eventually
from tests.fixtures.papers import Sheet
from tests.signing.elsewhere import (
    answered,
    crl,
    open_site,
)
from tests.signing.test_revocation import withdrawn
from tests.signing.trusting import Trusting


async def test_nothing_in_a_certificate_or_a_file_is_ever_asked(own: Trusting) -> None:
    async with open_site() as trap:
        office = own.site.office(own.ca, own.desk.papers.office.folder)
        addressed = trap.office(own.ca, office.folder)

        def signed() -> Sheet:
            papers = own.desk.papers
            signers = [papers.issued(use, office=addressed) for use in (Use.LEADER, Use.SEAL)]
            return Sheet(papers.signed(*signers))

        sheet = await asyncio.to_thread(signed)
        own.site.serve("/crl", crl(own.ca, number=1))
        await own.agree(own.adding())
        await own.desk.register.tend()
        await own.work()
        (seen,) = await own.desk.examine(sheet)
        assert seen.indication == "TOTAL-PASSED"
        assert trap.asked == []


async def test_the_own_network_is_not_asked_unless_the_list_says_so(idle: Trusting) -> None:
    idle.site.serve("/crl", crl(idle.ca, number=1))
    added = idle.adding(private_addresses=False)
    await idle.agree(added)
    await idle.work()
    assert "not an address of the internet" in ((await idle.freshness()).failure or "")
    assert idle.site.asked == []
    same = added.model_dump(exclude={"certificate", "anchor"})
    terms = {**same, "action": "change", "private_addresses": True}
    await idle.agree(ChangeAuthority.model_validate(terms))
    await idle.work()
    assert (await idle.freshness()).number == 1


async def test_an_authority_with_ocsp_alone_is_asked_for_what_waits(own: Trusting) -> None:
    sheet, serials = await asyncio.to_thread(own.paper)
    revoked: set[int] = set()

    async def answer(request: web.Request) -> web.Response:
        asked = await request.read()
        serial = ocsp.load_der_ocsp_request(asked).serial_number
        about = await about_of(own, serial)
        return web.Response(body=answered(own.ca, asked, about, revoked=serial in revoked))

    own.site.handlers["/ocsp"] = answer
    await own.agree(own.adding(crl=[], ocsp=[own.site.url("/ocsp")]))
    await own.desk.register.tend()
    await own.work()
    assert own.site.asked == [], "nobody waits"
    dispatch = await own.desk.send(sheet)

    async def passed() -> bool:
        await own.work()
        (seen,) = await own.desk.seen(dispatch)
        return seen.indication == "TOTAL-PASSED"

    await eventually(passed, "it passes once it was answered", timeout=60)
    assert own.site.asked == ["/ocsp"] * 2
    revoked.add(serials[0])
    # Two answers of one second are one answer.
    await asyncio.sleep(1.1)
    await own.again()
    await eventually(lambda: withdrawn(own.desk, dispatch), "it is withdrawn", timeout=60)


async def test_whom_nobody_reaches_is_left_alone_with_all_questions(own: Trusting) -> None:
    sheet, _ = await asyncio.to_thread(own.paper)
    await own.agree(own.adding(crl=[], ocsp=[own.site.url("/nobody")]))
    await own.desk.register.tend()
    dispatch = await own.desk.send(sheet)

    async def held() -> bool:
        (seen,) = await own.desk.seen(dispatch)
        return seen.indication == "INDETERMINATE"

    await eventually(held, "it is held", timeout=30)
    await own.work()
    assert own.site.asked == ["/nobody"], "one question is enough to know"
    await own.desk.execute("update answers set failures = 9")
    await own.again()
    assert own.site.asked == ["/nobody"] * 2
    waits = await own.desk.db.as_worker(
        lambda conn: conn.fetchval(
            "select extract(epoch from min(due_at) - clock_timestamp())::float8 from answers"
        )
    )
    assert waits > 60, "the longer, the more often nobody was reached"


async def about_of(one: Trusting, serial: int) -> x509.Certificate:
    """Return a registered certificate by its serial number."""
    der = await one.desk.db.as_worker(
        lambda conn: conn.fetchval("select der from certificates where serial = $1", serial)
    )
    return x509.load_der_x509_certificate(der)


async def test_a_certificate_of_another_authority_is_revoked_here_for_good_and_not_suspended(
    idle: Trusting,
) -> None:
    idle.site.serve("/crl", crl(idle.ca, number=1))
    await idle.agree(idle.adding())
    _, serials = await asyncio.to_thread(idle.paper)
    await idle.desk.register.tend()
    desk = idle.desk
    sha256 = await desk.db.as_worker(
        lambda conn: conn.fetchval("select sha256 from certificates where serial = $1", serials[0])
    )

    async def change(reason: str) -> Change:
        return await desk.db.as_worker(
            lambda conn: revoke(conn, desk.authorities, sha256=sha256, reason=reason)
        )

    with pytest.raises(Problem, match="SIG-4091"):
        await change("certificateHold")
    before = await desk.db.as_worker(lambda conn: lists.newest(conn, "issuing"))
    assert (await change("superseded")).state == "revoked"
    assert await desk.db.as_worker(lambda conn: lists.newest(conn, "issuing")) == before
    await idle.work()
    state = await desk.db.as_worker(
        lambda conn: conn.fetchval("select state from certificates where sha256 = $1", sha256)
    )
    assert state == "revoked", "a list that does not name it changes nothing"
