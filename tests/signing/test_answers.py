"""OCSP answers among thousands: each file is judged with those about its own certificates."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from aiohttp import web
from cryptography.x509 import ocsp

from services.signing.anchor import Anchor
from services.signing.due import Dated
from services.signing.store import answers
from services.signing.validation.material import Material
from shared.db import Connection
from tests.fixtures.eventually import eventually
from tests.signing.elsewhere import answered
from tests.signing.test_fetch_sources import about_of
from tests.signing.trusting import Trusting

MANY = 1_100
LEASE = timedelta(seconds=90)


async def answering(one: Trusting) -> list[int]:
    """List the authority, which is asked about each certificate; return the serials asked about."""
    asked: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        content = await request.read()
        serial = ocsp.load_der_ocsp_request(content).serial_number
        asked.append(serial)
        return web.Response(body=answered(one.ca, content, await about_of(one, serial)))

    one.site.handlers["/ocsp"] = answer
    await one.agree(one.adding(crl=[], ocsp=[one.site.url("/ocsp")]))
    return asked


async def followed(one: Trusting, count: int, *, begin: int = 0) -> None:
    """Have so many other certificates followed, all just answered, and due when nobody waits."""
    await one.desk.execute(
        "insert into certificates (sha256, der, serial, issuer, kind, not_before, not_after)"
        " select encode(sha256(n::text::bytea), 'hex'), '\\x00', n, 'other', 'authority', now(),"
        " now() from generate_series($1::int, $2::int) as n",
        begin + 1,
        begin + count,
    )
    await one.desk.execute(
        "insert into answers (certificate, der, this_update, next_update, due_at)"
        " select sha256, '\\x00', now(), now() + interval '1 hour', now() + interval '30 minutes'"
        " from certificates where serial between $1::int and $2::int",
        begin + 1,
        begin + count,
    )


async def passed(one: Trusting, dispatch: UUID) -> None:
    """Wait until a letter has passed, fetching what is due meanwhile."""

    async def seen() -> bool:
        await one.work()
        (now,) = await one.desk.seen(dispatch)
        return now.indication == "TOTAL-PASSED"

    await eventually(seen, "it passes", timeout=60)


async def evidence(one: Trusting, dispatch: UUID) -> dict[str, Any]:
    """Return the evidence of the newest verdict on the one file of a dispatch."""
    content = await one.desk.db.as_worker(
        lambda conn: conn.fetchval(
            "select evidence from verdicts where dispatch_id = $1 order by judgement desc limit 1",
            dispatch,
        )
    )
    return orjson.loads(content)


async def test_a_letter_passes_however_many_certificates_are_followed(own: Trusting) -> None:
    sheet, serials = await asyncio.to_thread(own.paper)
    asked = await answering(own)
    await own.desk.register.tend()
    dispatch = await own.desk.send(sheet)
    await passed(own, dispatch)
    assert sorted(asked) == sorted(serials)
    await followed(own, MANY)  # newer ones, as by their hourly refreshing
    again = await own.desk.send(sheet)
    (seen,) = await own.desk.verdicts(again)
    assert seen.indication == "TOTAL-PASSED"
    assert len(asked) == 2, "what is held is not asked for"
    for one in (dispatch, again):
        stored = await evidence(own, one)
        (first, second) = stored["material"]["answers"]
        used = {by["material"] for s in stored["finding"]["signatures"] for by in s["checked"]}
        assert used == {first, second}, "evidence names what it rests on, and no other answer"


async def test_what_is_answered_for_others_makes_no_new_material(own: Trusting) -> None:
    await answering(own)
    anchor = Anchor()

    async def now() -> Material:
        return (await own.desk.db.as_worker(anchor.now)).material

    before = await now()
    await followed(own, 3)
    assert await now() is before, "a new one would have all workers read all lists again"
    assert before.answers == ()


async def claimed(one: Trusting) -> str | None:
    """Claim the next question; return the certificate."""
    question = await one.desk.db.as_worker(lambda conn: answers.claim(conn, ["other"], lease=LEASE))
    return question.certificate if question else None


async def digest_of(one: Trusting, serial: int) -> str:
    """Return the digest of one of the certificates that are followed."""
    return await one.desk.db.as_worker(
        lambda conn: conn.fetchval("select sha256 from certificates where serial = $1", serial)
    )


async def hurry(one: Trusting, certificate: str) -> None:
    """Have a file wait for a certificate's state, as `settle` does."""

    async def step(conn: Connection) -> None:
        await answers.want(conn, [certificate])
        await answers.hurry(conn, [certificate])

    await one.desk.db.as_worker(step)


async def test_what_a_file_waits_for_is_asked_first(idle: Trusting) -> None:
    await answering(idle)
    await followed(idle, 20)
    await idle.desk.execute("update answers set due_at = now() - interval '1 hour'")
    last = await digest_of(idle, 20)
    await idle.desk.execute(
        "update answers set due_at = now() + interval '30 minutes' where certificate = $1", last
    )
    await hurry(idle, last)
    assert await claimed(idle) == last, "before 19 that have been due for long"
    await hurry(idle, last)
    assert await claimed(idle) != last, "it is being asked: not a second time within 30 s"
    await idle.desk.execute(
        "update answers set wanted_at = now() - interval '31 seconds' where certificate = $1", last
    )
    await hurry(idle, last)
    assert await claimed(idle) == last, "later it is asked again"


async def test_whom_nobody_reaches_is_not_asked_the_more_for_what_waits(idle: Trusting) -> None:
    await answering(idle)
    await followed(idle, 2)
    first, second = await digest_of(idle, 1), await digest_of(idle, 2)
    await idle.desk.execute("update answers set failures = 3 where certificate = $1", first)
    await hurry(idle, second)
    assert await claimed(idle) is None
    await idle.desk.execute("update answers set failures = 0, wanted_at = null")
    await hurry(idle, second)
    assert await claimed(idle) == second


async def test_the_release_before_notices_each_new_answer(idle: Trusting) -> None:
    """It serves beside this one during an upgrade, and gives its workers what has a new number."""
    await answering(idle)
    await followed(idle, 1)
    certificate, now = await digest_of(idle, 1), datetime.now(UTC)

    async def kept(conn: Connection) -> int:
        await answers.keep(conn, certificate, b"", Dated(1, now, None))
        return await conn.fetchval("select max(number) from answers where der is not null")

    first = await idle.desk.db.as_worker(kept)
    assert await idle.desk.db.as_worker(kept) > first
