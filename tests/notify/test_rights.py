"""Row-level security: the role of requests sees its own agencies' rows, and fails closed."""

from functools import partial

import pytest

from shared.db import Connection
from shared.ids import AgencyId, uuid7
from tests.fixtures.eventually import eventually
from tests.notify.chains import SENDER, Mailbox, digests
from tests.notify.issuer import INTERNAL_AUDIENCE
from tests.notify.running import Running

OWN = ("lanes", "entries", "waiting", "receipts", "events", "event_heads")
"""Tables whose rows belong to agencies and that requests read."""


@pytest.fixture
async def boxes(notify: Running) -> list[Mailbox]:
    """Two mailboxes with two entries each, one of them acknowledged."""
    await notify.agency("G22")
    found = [await notify.agency(code) for code in ("H14.03.05", "H14.03.06")]
    for box in found:
        await notify.deliver(*box.clear_many(2))
        answer = await notify.client.post(
            f"/v1/deliveries/{box.made[0].delivery_id}/acknowledgement",
            json={"digests": digests(box.made[0])},
            headers=notify.headers(box.code),
        )
        assert answer.status_code == 200

    async def numbered() -> bool:
        return await notify.db.as_worker(partial(count, table="events_unnumbered")) == 0

    await eventually(numbered, "all events are numbered")
    return found


async def count(conn: Connection, *, table: str) -> int:
    """Count the rows of a table that this role sees."""
    return await conn.fetchval(f"select count(*) from {table}") or 0  # noqa: S608 (fixed names)


async def test_the_worker_sees_all_a_request_its_own_and_a_stranger_nothing(
    notify: Running, boxes: list[Mailbox]
):
    total = {table: await notify.db.as_worker(partial(count, table=table)) for table in OWN}
    assert min(total.values()) >= 2
    for table in OWN:
        seen = [
            await notify.db.as_caller([box.agency], partial(count, table=table)) for box in boxes
        ]
        sender = await notify.db.as_caller([AgencyId(SENDER)], partial(count, table=table))
        expected = total[table] - (sender if table != "receipts" else 0)
        assert sum(seen) == expected, table
        assert seen[0] == seen[1]
        assert await notify.db.as_caller([AgencyId(uuid7())], partial(count, table=table)) == 0
        assert await notify.db.as_caller([], partial(count, table=table)) == 0
    assert await notify.db.as_caller([AgencyId(SENDER)], partial(count, table="receipts")) == 2
    assert await notify.db.as_caller([AgencyId(SENDER)], partial(count, table="entries")) == 0


@pytest.mark.parametrize("table", ["events_unnumbered", "alarms"])
async def test_what_is_not_for_requests_is_not_seen_by_them(
    notify: Running, boxes: list[Mailbox], table: str
):
    agencies = [box.agency for box in boxes]
    assert await notify.db.as_caller(agencies, partial(count, table=table)) == 0


async def test_every_table_of_agencies_forces_its_policies(notify: Running):
    async def unforced(conn: Connection) -> list[str]:
        rows = await conn.fetch(
            """
            select distinct c.relname
            from pg_class as c join pg_attribute as a on a.attrelid = c.oid
            where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
                and a.attname in ('agency_id', 'sender_id')
                and not (c.relrowsecurity and c.relforcerowsecurity)
            """
        )
        return [row["relname"] for row in rows]

    assert await notify.db.as_worker(unforced) == []


async def test_another_agency_cannot_touch_a_hold(notify: Running, boxes: list[Mailbox]):
    mine, other = boxes
    answer = await notify.client.post(
        "/v1/inbox/leases", json={}, headers=notify.headers(mine.code)
    )
    (held,) = answer.json()["leases"]
    url, headers = f"/v1/inbox/leases/{held['id']}", notify.headers(other.code)
    longer = await notify.client.patch(url, json={"visibility": "PT1H"}, headers=headers)
    gone = await notify.client.delete(url, headers=headers)
    assert (longer.status_code, gone.status_code) == (404, 404)


@pytest.mark.parametrize("path", ["/internal/heads", "/internal/receipts"])
async def test_internal_routes_take_only_tokens_made_for_them(
    notify: Running, boxes: list[Mailbox], path: str
):
    client_id = f"sys-{boxes[0].code.lower().replace('.', '-')}"
    for audience, scope, status in (
        (INTERNAL_AUDIENCE, "internal", 200),
        ("https://lienthong.vn/api", "internal", 401),
        ("https://lienthong.vn/internal/docs", "internal", 401),
        (INTERNAL_AUDIENCE, "documents.receive", 403),
    ):
        token = notify.issuer.token(client_id, [], scope=scope, audience=audience)
        headers = {"Authorization": f"Bearer {token}"}
        answer = await notify.client.get(path, headers=headers)
        assert answer.status_code == status, (audience, scope)


async def test_docs_reads_heads_entries_and_receipts(notify: Running, boxes: list[Mailbox]):
    token = notify.issuer.token("sys-g22", [], scope="internal", audience=INTERNAL_AUDIENCE)
    headers = {"Authorization": f"Bearer {token}"}
    epoch = str(uuid7())
    heads = (await notify.client.get(f"/internal/heads?docs_epoch={epoch}", headers=headers)).json()
    assert {(one["agency_id"], one["sequence"], one["hash"]) for one in heads["heads"]} == {
        (str(box.agency), 2, box.last.hex()) for box in boxes
    }
    box = boxes[0]
    entries = await notify.client.get(
        f"/internal/entries?agency={box.agency}&lane=normal&from=2", headers=headers
    )
    assert entries.json()["entries"] == [box.made[1].model_dump(mode="json")]
    seen, after = set[str](), None
    while True:
        query = "limit=1" + (f"&after={after}" if after else "")
        page = (await notify.client.get(f"/internal/receipts?{query}", headers=headers)).json()
        seen |= {item["delivery_id"] for item in page["items"]}
        after = page["next"]
        if after is None:
            break
    assert seen == {str(one.made[0].delivery_id) for one in boxes}
