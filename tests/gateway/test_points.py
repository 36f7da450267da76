"""Traffic is summed in memory and written rarely; what cannot be written now is kept."""

import asyncpg
from aiohttp import web

from services.gateway.points import Points, flushing
from tests.gateway.door import Door

DRAFT = "/v1/documents/0190a6e2-7c1f-7c55-a6b0-5b1d5a0f9a11"
FILE = f"{DRAFT}/attachments/0190a6e2-7c1f-7c55-a6b0-5b1d5a0f9a12/content"


async def rows(door: Door) -> dict[str, tuple[int, int, int, int]]:
    conn = await asyncpg.connect(door.settings.database_owner.get_secret_value())
    found = await conn.fetch(
        "select client_id, requests, errors, bytes_in, bytes_out from connection_points"
    )
    await conn.close()
    return {row["client_id"]: tuple(row)[1:] for row in found}


async def test_sums_of_several_flushes_add_up(door: Door):
    points = Points()
    points.count("a", bytes_in=10, bytes_out=1, failed=False)
    points.count("a", bytes_in=20, bytes_out=2, failed=True)
    points.count("b", bytes_in=0, bytes_out=5, failed=False)
    await points.flush(door.db)
    assert points.pending() == {}
    points.count("a", bytes_in=1, bytes_out=1, failed=False)
    await points.flush(door.db)
    assert await rows(door) == {"a": (3, 1, 31, 4), "b": (1, 0, 0, 5)}


async def test_what_cannot_be_written_now_is_written_later(door: Door):
    points = Points()
    points.count("a", bytes_in=10, bytes_out=1, failed=False)
    door.db.migrated = False  # as while PostgreSQL does not answer
    await points.flush(door.db)
    points.count("a", bytes_in=5, bytes_out=0, failed=False)
    door.db.migrated = True
    await points.flush(door.db)
    assert await rows(door) == {"a": (2, 0, 15, 1)}


async def test_the_last_sums_are_written_when_the_process_ends(door: Door):
    door.points.count("a", bytes_in=1, bytes_out=2, failed=False)
    door.stop.set()
    await flushing(door.points, door.db)(door.stop)
    assert await rows(door) == {"a": (1, 0, 1, 2)}


async def _cuts(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_what_passes_is_counted_on_the_connection_point(door: Door):
    headers = await door.headers("sys-h14")
    answer = await door.client.put(FILE, content=b"x" * 1000, headers=headers)
    door.behind.handler = _cuts
    await door.client.put(FILE, content=b"x" * 10, headers=headers)
    await door.client.get(DRAFT)
    traffic = door.points.pending()["sys-h14"]
    assert (traffic.requests, traffic.errors) == (2, 1)
    assert (traffic.bytes_in, traffic.bytes_out) == (1010, len(answer.content))
    assert list(door.points.pending()) == ["sys-h14"]
