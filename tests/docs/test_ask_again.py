"""Signing is asked again for what it has not answered: by new events, and not too often."""

from uuid import UUID

from prometheus_client import REGISTRY

from services.docs.dispatch import ASK_AT_ONCE, ask_again
from shared.db import Connection
from shared.events import DocumentDispatched
from shared.ids import DispatchId
from tests.docs.country import PROVINCE
from tests.docs.exchange import Exchange


def counted() -> float:
    """Return the metric."""
    return REGISTRY.get_sample_value("lienthong_verdicts_asked_again_total") or 0.0


async def ask(exchange: Exchange, *, later: float = 0) -> int:
    """Let so many seconds pass, look, and return how many were asked about by then."""

    async def look(conn: Connection) -> None:
        await conn.execute(
            "update dispatches set asked_at = asked_at - make_interval(secs => $1)", later
        )
        await ask_again(conn)

    before = counted()
    await exchange.db.as_worker(look)
    return int(counted() - before)


async def questions(exchange: Exchange, dispatch: DispatchId) -> list[UUID]:
    """Return the ids of the events that told signing of a dispatch."""

    async def read(conn: Connection) -> list[UUID]:
        rows = await conn.fetch(
            "select event_id from outbox where convert_from(value, 'UTF8')::jsonb"
            " ->> 'dispatch_id' = $1 order by id",
            str(dispatch),
        )
        return [row[0] for row in rows]

    return await exchange.db.as_worker(read)


async def test_each_question_is_a_new_event_that_says_the_same(exchange: Exchange):
    sent = await exchange.send(PROVINCE)
    assert await ask(exchange) == 0
    assert await ask(exchange, later=61) == 1
    first, again = await exchange.told(DocumentDispatched)
    assert first == again
    ids = await questions(exchange, sent)
    assert len(set(ids)) == 2, "an inbox passes over an id that it has seen"


async def test_the_time_between_questions_doubles_up_to_sixteen_minutes(exchange: Exchange):
    await exchange.send(PROVINCE)
    for minutes in (1, 2, 4, 8, 16, 16, 16):
        assert await ask(exchange, later=60 * minutes - 30) == 0
        assert await ask(exchange, later=31) == 1


async def test_one_look_asks_about_the_oldest_and_about_so_many_only(exchange: Exchange):
    sent = [await exchange.send(PROVINCE) for _ in range(ASK_AT_ONCE + 3)]
    assert await ask(exchange, later=61) == ASK_AT_ONCE
    assert await ask(exchange) == 3
    assert await ask(exchange) == 0
    asked = [one.dispatch_id for one in await exchange.told(DocumentDispatched)]
    assert asked == [*sent, *asked[len(sent) :]]
    assert sorted(asked[len(sent) :]) == sorted(sent)


async def test_what_is_judged_is_not_asked_about(exchange: Exchange):
    sent = await exchange.send(PROVINCE)
    await exchange.judge(sent)
    assert await ask(exchange, later=3600) == 0
