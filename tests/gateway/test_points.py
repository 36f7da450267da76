"""Traffic is summed in memory and written rarely; what cannot be written now is kept."""

from uuid import UUID

import asyncpg
from aiohttp import web

from services.gateway.points import Points, flushing
from services.gateway.store.points import NOBODY, Traffic
from tests.gateway.door import Door

DRAFT = "/v1/documents/0190a6e2-7c1f-7c55-a6b0-5b1d5a0f9a11"
FILE = f"{DRAFT}/attachments/0190a6e2-7c1f-7c55-a6b0-5b1d5a0f9a12/content"


async def rows(door: Door) -> dict[str, tuple[int, ...]]:
    conn = await asyncpg.connect(door.settings.database_owner.get_secret_value())
    found = await conn.fetch(
        "select client_id, requests, client_errors, server_errors, bytes_in, bytes_out from traffic"
    )
    await conn.close()
    return {row["client_id"]: tuple(row)[1:] for row in found}


async def test_sums_of_several_flushes_add_up(door: Door):
    points = Points()
    points.add("a", None, Traffic(1, 0, 0, 10, 1))
    points.add("a", None, Traffic(1, 0, 1, 20, 2))
    points.add("b", None, Traffic(1, 1, 0, 0, 5))
    await points.flush(door.db)
    assert points.pending() == {}
    points.add("a", None, Traffic(1, 0, 0, 1, 1))
    await points.flush(door.db)
    assert await rows(door) == {"a": (3, 0, 1, 31, 4), "b": (1, 1, 0, 0, 5)}


async def test_what_cannot_be_written_now_is_written_later(door: Door):
    points = Points()
    points.add("a", None, Traffic(1, 0, 0, 10, 1))
    door.db.migrated = False  # as while PostgreSQL does not answer
    await points.flush(door.db)
    points.add("a", None, Traffic(1, 0, 0, 5, 0))
    door.db.migrated = True
    await points.flush(door.db)
    assert await rows(door) == {"a": (2, 0, 0, 15, 1)}


async def test_the_last_sums_are_written_when_the_process_ends(door: Door):
    door.points.add("a", None, Traffic(1, 0, 0, 1, 2))
    door.stop.set()
    await flushing(door.points, door.db, door.visits.tell)(door.stop)
    assert await rows(door) == {"a": (1, 0, 0, 1, 2)}


async def _cuts(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_what_passes_is_counted_on_the_connection_point(door: Door):
    headers = await door.headers("sys-h14")
    answer = await door.client.put(FILE, content=b"x" * 1000, headers=headers)
    door.behind.handler = _cuts
    failed = await door.client.put(FILE, content=b"x" * 10, headers=headers)
    refused = await door.client.get("/v1/inbox", headers=headers)
    own = await door.client.get("/v1/me", headers=headers)
    await door.client.get(DRAFT)
    sizes = [len(one.content) for one in (answer, failed, refused, own)]
    # A refused scope is known before the agency is: it stands with the system alone.
    assert door.points.pending() == {
        ("sys-h14", UUID(int=1)): Traffic(3, 0, 1, 1010, sum(sizes) - len(refused.content)),
        ("sys-h14", NOBODY): Traffic(1, 1, 0, 0, len(refused.content)),
    }
