"""Events of one type: found among all the others without reading those; no other type is asked."""

from functools import partial

from services.notify.store import events
from services.notify.store.events import EventType, News
from shared.db import Connection
from shared.ids import uuid7
from tests.fixtures.eventually import eventually
from tests.notify.chains import Mailbox
from tests.notify.running import Running
from tests.shared.transport import look

CODE = "H14.03.05"
_MANY = (
    "insert into events (agency_id, epoch, number, type, subject, detail, at)"
    " select $1, epoch, n, 'delivery.arrived', gen_random_uuid(), '{}', now()"
    " from service_state, generate_series(1, $2) as n"
)
_ROWS_READ = (
    "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = 'events'"
)


async def test_events_of_one_type_are_read_past_the_others(notify: Running, mailbox: Mailbox):
    other: EventType = "delivery.status_reported"
    kinds: tuple[EventType, ...] = ("dispatch.changed", other, other)
    news = [
        News(mailbox.agency, kind, uuid7(), {"n": number}) for number in range(40) for kind in kinds
    ]
    await notify.db.as_worker(partial(events.put, news=news))

    async def numbered() -> bool:
        return await notify.db.as_worker(events.count_unnumbered) == 0

    await eventually(numbered, "all events are numbered")
    headers, found, after = notify.headers(CODE), list[int](), ""
    for _ in range(5):
        query = f"type=dispatch.changed&limit=11{after and f'&after={after}'}"
        page = (await notify.client.get(f"/v1/events?{query}", headers=headers)).json()
        found += [one["n"] for one in page["items"]]
        after = page["next"]
    assert found == list(range(40))
    rest = (await notify.client.get(f"/v1/events?after={after}", headers=headers)).json()
    assert rest["items"] == []


async def test_what_is_rare_is_not_looked_for_among_all(notify: Running):
    box = await notify.agency("H14.03.06")
    await look(notify.databases, _MANY, box.agency, 20_000)
    await look(notify.databases, "analyze events", dsn=notify.databases.owner)  # of one type

    async def read(conn: Connection) -> int:
        epoch = await conn.fetchval("select epoch from service_state")
        before = await conn.fetchval(_ROWS_READ)
        kind: EventType = "dispatch.changed"
        assert not await events.after(conn, {box.agency: 0}, epoch=epoch, limit=100, kind=kind)
        return await conn.fetchval(_ROWS_READ) - before

    assert await notify.db.as_caller([box.agency], read, by_keys=True) < 10


async def test_a_type_that_there_is_not_is_the_callers_mistake(notify: Running, mailbox: Mailbox):
    answer = await notify.client.get("/v1/events?type=x", headers=notify.headers(mailbox.code))
    assert (answer.status_code, answer.json()["code"]) == (400, "REQ-4003")
    assert answer.json()["errors"][0]["pointer"] == "/type"
