"""Alarms: where two things that must agree did not; kept for the operator."""

from collections.abc import Sequence

import structlog

from services.notify.mailbox import Alarm, LaneKey
from shared.db import Connection

_log = structlog.get_logger()


async def put(conn: Connection, key: LaneKey, alarms: Sequence[Alarm]) -> None:
    """Keep alarms for the operator and say each new one; the same one again is the same row."""
    for alarm in alarms:
        new = await conn.fetchval(
            """
            insert into alarms (agency_id, lane, sequence, finding, expected, found)
            values ($1, $2, $3, $4, $5, $6) on conflict do nothing
            returning true
            """,
            *key,
            alarm.sequence,
            alarm.finding.value,
            alarm.expected,
            alarm.found,
        )
        if new is not None:
            _log.error(
                "mailbox alarm",
                finding=alarm.finding.value,
                agency=str(key[0]),
                lane=key[1],
                sequence=alarm.sequence,
            )


async def count(conn: Connection) -> int:
    """Count the alarms that were raised."""
    return await conn.fetchval("select count(1) from alarms") or 0
