"""The row of `service_state`: which life of this database it is; how far reading has come."""

from collections.abc import Mapping

from shared.db import Connection
from shared.kafka import Place


async def recovering(conn: Connection) -> bool:
    """Say whether this database came back older and still lacks what was asked of it since."""
    return await conn.fetchval("select recovering from service_state")


async def recovered(conn: Connection) -> None:
    """Note that it lacks nothing any more."""
    await conn.execute("update service_state set recovering = false")


async def unread(conn: Connection, group: str, ends: Mapping[Place, int]) -> int:
    """Count the partitions that a group has not read up to these ends."""
    return await conn.fetchval(
        "select count(*) from unnest($2::text[], $3::int[], $4::bigint[]) as e (topic, part, stop)"
        " where not exists (select from offsets as o where o.consumer_group = $1"
        " and o.topic = e.topic and o.partition = e.part and o.next_offset >= e.stop)",
        group,
        [place[0] for place in ends],
        [place[1] for place in ends],
        list(ends.values()),
    )
