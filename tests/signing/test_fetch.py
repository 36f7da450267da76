"""Revocation data of listed authorities: fetched, taken or refused, and what follows from it."""

import asyncio
import time
from uuid import UUID

import pytest
from aiohttp import web
from cryptography import x509

from services.signing import aging, fetch, heed
from services.signing import finding as reasons
from services.signing.hosts import Hosts
from services.signing.trustlist import EndAuthority
from tests.fixtures.eventually import eventually
from tests.signing.elsewhere import (
    Handler,
    compressed,
    crl,
    flood,
    lasting,
    make_ca,
    redirect,
)
from tests.signing.test_revocation import withdrawn
from tests.signing.trusting import Trusting

PROMISED_SECONDS = 60


async def listed(own: Trusting, *, number: int = 1) -> tuple[UUID, list[int]]:
    """List the authority, register two of its certificates, and have a letter pass with them."""
    own.site.serve("/crl", crl(own.ca, number=number))
    await own.agree(own.adding())
    sheet, serials = await asyncio.to_thread(own.paper)
    await own.desk.register.tend()
    await own.work()
    dispatch = await own.desk.send(sheet)
    (seen,) = await own.desk.verdicts(dispatch)
    assert (seen.indication, seen.reason) == ("TOTAL-PASSED", None)
    return dispatch, serials


async def test_a_letter_under_a_listed_authority_passes_and_before_not(own: Trusting) -> None:
    sheet, _ = await asyncio.to_thread(own.paper)
    (seen,) = await own.desk.examine(sheet)
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.UNTRUSTED)
    await listed(own)
    assert set(own.site.asked) == {"/crl"}


async def test_a_revocation_elsewhere_withdraws_verdicts_within_the_promised_time(
    own: Trusting,
) -> None:
    dispatch, serials = await listed(own)
    own.site.serve("/crl", crl(own.ca, serials[1], number=2))
    begun = time.monotonic()
    await own.again()
    await eventually(lambda: withdrawn(own.desk, dispatch), "it is withdrawn", timeout=60)
    assert time.monotonic() - begun < PROMISED_SECONDS
    (event,) = [one for one in await own.desk.events(dispatch) if "withdrawn" in one["type"]]
    assert event["reason"] == reasons.REVOKED


async def test_an_ended_trust_withdraws_verdicts_as_a_revoked_authority_does(
    own: Trusting,
) -> None:
    dispatch, _ = await listed(own)
    other = await own.desk.send(own.desk.papers.good_main)
    await own.desk.verdicts(other)
    begun = time.monotonic()
    await own.agree(EndAuthority(action="end", name="other"))
    await eventually(lambda: withdrawn(own.desk, dispatch), "it is withdrawn", timeout=60)
    assert time.monotonic() - begun < PROMISED_SECONDS
    assert not await withdrawn(own.desk, other)
    sheet, _ = await asyncio.to_thread(own.paper)
    (seen,) = await own.desk.examine(sheet)
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.UNTRUSTED)
    asked = len(own.site.asked)
    await own.again()
    assert len(own.site.asked) == asked, "who is not trusted is not asked"


async def test_without_a_list_a_letter_is_held_until_there_is_one(own: Trusting) -> None:
    await own.agree(own.adding())
    sheet, _ = await asyncio.to_thread(own.paper)
    await own.desk.register.tend()
    dispatch = await own.desk.send(sheet)

    async def held() -> bool:
        (seen,) = await own.desk.seen(dispatch)
        return (seen.indication, seen.reason) == ("INDETERMINATE", reasons.REVOCATION_UNKNOWN)

    await eventually(held, "it is held", timeout=30)
    await own.work()
    assert (await own.freshness()).failures == 1
    own.site.serve("/crl", crl(own.ca, number=1))
    await own.again()
    (seen,) = await own.desk.verdicts(dispatch)
    assert seen.indication == "TOTAL-PASSED"


async def test_a_suspension_elsewhere_ends_when_the_list_no_longer_tells_of_it(
    idle: Trusting,
) -> None:
    idle.site.serve("/crl", crl(idle.ca, number=1))
    await idle.agree(idle.adding())
    _, serials = await asyncio.to_thread(idle.paper)
    await idle.desk.register.tend()
    await idle.work()
    hold = x509.ReasonFlags.certificate_hold
    idle.site.serve("/crl", crl(idle.ca, serials[0], number=2, reason=hold))
    await idle.again()
    assert await states(idle, serials) == ["suspended", "good"]
    idle.site.serve("/crl", crl(idle.ca, serials[1], number=3))
    await idle.again()
    assert await states(idle, serials) == ["good", "revoked"]
    idle.site.serve("/crl", crl(idle.ca, number=4))
    await idle.again()
    assert await states(idle, serials) == ["good", "revoked"], "revoked is for good"


async def test_who_is_registered_later_is_looked_up_in_the_list_that_is_held(
    idle: Trusting,
) -> None:
    await idle.agree(idle.adding())
    _, serials = await asyncio.to_thread(idle.paper)
    period = lasting(hours=24, since_minutes=90)
    idle.site.serve("/crl", crl(idle.ca, *serials, number=1, period=period))
    await idle.work()
    assert await states(idle, serials) == []
    await idle.desk.register.tend()
    await idle.work()
    assert await states(idle, serials) == ["revoked", "revoked"]
    since = await idle.desk.db.as_worker(
        lambda conn: conn.fetchval(
            "select min(revoked_at) from certificates where serial = any($1::numeric[])", serials
        )
    )
    assert since == period.begins, "since the list says, not since it was heeded"


async def states(one: Trusting, serials: list[int]) -> list[str]:
    """Return the states of registered certificates, by their serial numbers."""
    rows = await one.desk.db.as_worker(
        lambda conn: conn.fetch(
            "select state from certificates where serial = any($1::numeric[])"
            " order by array_position($1::numeric[], serial)",
            serials,
        )
    )
    return [row["state"] for row in rows]


BAD: dict[str, tuple[Handler | bytes, str]] = {
    "redirects": (redirect("http://127.0.0.1:1/"), "answered with 302"),
    "floods": (flood, "more than"),
    "compresses": (compressed, "compressed"),
    "serves garbage": (b"no list", "ValueError"),
    "serves another authority's list of the same name": (
        crl(make_ca("CA gốc khác"), number=9),
        "not signed by the issuer",
    ),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_site_that(idle: Trusting, what: str) -> None:
    content, why = BAD[what]
    if isinstance(content, bytes):
        idle.site.serve("/crl", content)
    else:
        idle.site.handlers["/crl"] = content
    await idle.agree(idle.adding())
    await idle.work()
    seen = await idle.freshness()
    assert (seen.number, seen.failures) == (None, 1)
    assert why in (seen.failure or "")
    failing = (await idle.desk.db.as_worker(aging.failing)).values
    ages = (await idle.desk.db.as_worker(aging.ages)).values
    assert failing["other"] > 0
    assert ages["other"] == float("inf")
    assert 0 < ages["issuing"] < 3600
    idle.site.serve("/crl", crl(idle.ca, number=1))
    await idle.again()
    assert ((await idle.freshness()).failures, (await idle.freshness()).number) == (0, 1)
    assert (await idle.desk.db.as_worker(aging.failing)).values["other"] == 0


@pytest.mark.parametrize(
    ("number", "hours", "minutes", "why"),
    [
        (4, 24, 1, "older than what is held"),
        (6, 24, 600, "older than what is held"),
        (5, 24, 0, "two lists with the number 5"),
        (6, 1, 120, "it has ended"),
        (6, 24, -60, "it is of the future"),
    ],
)
async def test_a_list_that_is_not_newer_is_refused_and_told(
    idle: Trusting, number: int, hours: float, minutes: float, why: str
) -> None:
    idle.site.serve("/crl", crl(idle.ca, number=5, period=lasting(hours=24, since_minutes=5)))
    await idle.agree(idle.adding())
    await idle.work()
    period = lasting(hours=hours, since_minutes=minutes)
    idle.site.serve("/crl", crl(idle.ca, number=number, period=period))
    await idle.again()
    seen = await idle.freshness()
    assert (seen.number, seen.failures) == (5, 1)
    assert why in (seen.failure or "")


async def test_lists_without_a_number_follow_each_other_by_time(idle: Trusting) -> None:
    idle.site.serve("/crl", crl(idle.ca, number=None, period=lasting(hours=24, since_minutes=9)))
    await idle.agree(idle.adding())
    await idle.work()
    first = (await idle.freshness()).number
    idle.site.serve("/crl", crl(idle.ca, number=None, period=lasting(hours=24, since_minutes=1)))
    await idle.again()
    second = (await idle.freshness()).number
    assert (second or 0) - (first or 0) == pytest.approx(480, abs=5)


async def test_after_a_failure_the_next_address_is_tried(idle: Trusting) -> None:
    first, second = idle.site.url("/away"), idle.site.serve("/crl", crl(idle.ca, number=1))
    await idle.agree(idle.adding(crl=[first, second]))
    await idle.work()
    assert (await idle.freshness()).number is None
    await idle.again()
    assert (await idle.freshness()).number == 1
    assert idle.site.asked == ["/away", "/crl"]


async def test_two_processes_do_not_fetch_the_same_at_once(idle: Trusting) -> None:
    going = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await going.wait()
        return web.Response(body=crl(idle.ca, number=1))

    idle.site.handlers["/crl"] = slow
    await idle.agree(idle.adding())
    async with asyncio.TaskGroup() as group:
        first = group.create_task(idle.fetch())
        await eventually(lambda: _asked(idle), "one process asks")
        other = fetch.fetch(idle.bench, Hosts())
        assert not await other, "the other one finds nothing due"
        going.set()
    assert first.result()
    assert idle.site.asked == ["/crl"]
    assert (await idle.freshness()).number == 1


async def _asked(one: Trusting) -> bool:
    return bool(one.site.asked)


async def test_a_restart_between_fetching_keeping_and_heeding_loses_nothing(
    idle: Trusting,
) -> None:
    await idle.agree(idle.adding())
    _, serials = await asyncio.to_thread(idle.paper)
    await idle.desk.register.tend()
    asking = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        asking.set()
        await asyncio.sleep(60)
        return web.Response()

    idle.site.handlers["/crl"] = hang
    async with asyncio.TaskGroup() as group:
        fetching = group.create_task(idle.fetch())
        await asking.wait()
        fetching.cancel()
    idle.site.serve("/crl", crl(idle.ca, serials[0], number=1))
    assert not await idle.fetch(), "its lease still holds"
    await idle.desk.execute("update authorities set due_at = now() where due_at is not null")
    assert await idle.fetch()
    # It ends here: the list is kept, and its certificates are not changed yet.
    assert await states(idle, serials) == ["good", "good"]
    while await heed.heed(idle.bench):
        pass
    assert await states(idle, serials) == ["revoked", "good"]
