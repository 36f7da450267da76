"""Authorities with a list and OCSP: they are asked while the list cannot be had, not before."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web
from cryptography import x509
from cryptography.x509 import ocsp

from services.signing import finding as reasons
from services.signing.store import fetches
from tests.fixtures.eventually import eventually
from tests.signing.elsewhere import answered, crl, lasting
from tests.signing.test_answers import passed
from tests.signing.test_fetch import states
from tests.signing.test_fetch_sources import about_of
from tests.signing.test_revocation import withdrawn
from tests.signing.trusting import Trusting

HOLD = x509.ReasonFlags.certificate_hold
STALE = 49 * 60
"""Minutes: after 48 h a list tells nothing of signers, whenever it ends (policy)."""


@dataclass(slots=True)
class Responder:
    """Answers about an authority's certificates."""

    one: Trusting
    revoked: dict[int, x509.ReasonFlags] = field(default_factory=dict[int, x509.ReasonFlags])
    hours_old: float = 0

    async def __call__(self, request: web.Request) -> web.Response:
        """Answer a request."""
        asked = await request.read()
        serial = ocsp.load_der_ocsp_request(asked).serial_number
        says: dict[str, Any] = {"hours_old": self.hours_old}
        if serial in self.revoked:
            says |= {"revoked": True, "reason": self.revoked[serial]}
        about = await about_of(self.one, serial)
        return web.Response(body=answered(self.one.ca, asked, about, **says))


def serve_list(one: Trusting, *revoked: int, number: int, age: float) -> None:
    """Serve a list that was issued so many minutes ago and ends in ten days."""
    period = lasting(hours=240 + age / 60, since_minutes=age)
    one.site.serve("/crl", crl(one.ca, *revoked, number=number, period=period, reason=HOLD))


async def both(one: Trusting) -> Responder:
    """List the authority with both sources."""
    responder = Responder(one)
    one.site.handlers["/ocsp"] = responder
    await one.agree(one.adding(ocsp=[one.site.url("/ocsp")]))
    return responder


async def sent(one: Trusting) -> tuple[UUID, list[int]]:
    """Send a letter under the authority; return its dispatch and its signers' numbers."""
    sheet, serials = await asyncio.to_thread(one.paper)
    await one.desk.register.tend()
    await one.work()
    return await one.desk.send(sheet), serials


async def test_nobody_is_asked_while_the_list_can_be_had(own: Trusting) -> None:
    serve_list(own, number=1, age=60)
    await both(own)
    dispatch, _ = await sent(own)
    (seen,) = await own.desk.verdicts(dispatch)
    assert seen.indication == "TOTAL-PASSED"
    await own.again()
    assert set(own.site.asked) == {"/crl"}


async def test_a_letter_passes_by_answers_while_the_list_is_too_old(own: Trusting) -> None:
    serve_list(own, number=1, age=STALE)
    responder = await both(own)
    dispatch, serials = await sent(own)
    own.site.handlers.pop("/crl")

    async def waits() -> bool:
        (seen,) = await own.desk.seen(dispatch)
        return (seen.indication, seen.reason) == ("INDETERMINATE", reasons.REVOCATION_UNKNOWN)

    await eventually(waits, "it is held", timeout=30)
    await passed(own, dispatch)
    assert own.site.asked.count("/ocsp") == 2
    responder.revoked[serials[0]] = x509.ReasonFlags.key_compromise
    await asyncio.sleep(1.1)  # two answers of one second are one answer
    await own.again()
    await eventually(lambda: withdrawn(own.desk, dispatch), "it is withdrawn", timeout=60)


async def test_a_letter_passes_by_answers_when_the_list_was_never_there(own: Trusting) -> None:
    await both(own)
    dispatch, _ = await sent(own)
    await passed(own, dispatch)
    assert own.site.asked.count("/ocsp") == 2


async def test_who_signs_is_asked_about_before_a_list_ends_that_cannot_be_fetched(
    own: Trusting,
) -> None:
    serve_list(own, number=1, age=STALE - 90)
    await both(own)
    await own.work()
    own.site.handlers.pop("/crl")
    await own.again()
    dispatch, _ = await sent(own)
    (seen,) = await own.desk.verdicts(dispatch)
    assert seen.indication == "TOTAL-PASSED", "by the list"
    await own.work()
    assert own.site.asked.count("/ocsp") == 2


async def followed(one: Trusting) -> tuple[Responder, list[int]]:
    """Have the first of two certificates asked about, as while a list is missed."""
    responder = await both(one)
    _, serials = await asyncio.to_thread(one.paper)
    await one.desk.register.tend()
    await one.desk.db.as_worker(
        lambda conn: conn.execute(
            "insert into answers (certificate) select sha256 from certificates where serial = $1",
            serials[0],
        )
    )
    return responder, serials


async def is_kept(one: Trusting) -> bool:
    """Say whether an answer is kept."""
    return bool(
        await one.desk.db.as_worker(
            lambda conn: conn.fetchval("select exists (select from answers)")
        )
    )


async def test_an_answer_decides_until_a_newer_list_comes(idle: Trusting) -> None:
    serve_list(idle, number=1, age=STALE)
    responder, serials = await followed(idle)
    responder.revoked[serials[0]] = HOLD
    await idle.work()
    assert await states(idle, serials) == ["suspended", "good"]
    serve_list(idle, serials[1], number=2, age=30)
    await idle.again()
    assert await states(idle, serials) == ["suspended", "suspended"]
    asked = idle.site.asked.count("/ocsp")
    await idle.again()
    assert idle.site.asked.count("/ocsp") == asked, "there is a list again"
    await idle.desk.db.as_worker(lambda conn: fetches.apply_anew(conn, ["other"]))
    await idle.work()
    assert await states(idle, serials) == ["suspended", "suspended"], "others were registered"
    assert await is_kept(idle)
    serve_list(idle, number=3, age=-1)
    await idle.again()
    await idle.again()
    assert await states(idle, serials) == ["good", "good"]
    assert not await is_kept(idle)


async def test_an_answer_ends_no_suspension_by_a_newer_list(idle: Trusting) -> None:
    responder, serials = await followed(idle)
    serve_list(idle, serials[0], number=1, age=STALE)
    responder.hours_old = STALE / 60 + 1
    await idle.work()
    assert idle.site.asked.count("/ocsp") == 1
    assert await states(idle, serials) == ["suspended", "good"]
    responder.hours_old = 0
    await idle.again()
    assert await states(idle, serials) == ["good", "good"], "a newer answer does"
