"""A new connection to the database: it is to the right one, and is made ready for our types."""

from typing import Any

import orjson

_JSONB_VERSION = b"\x01"


class Replaced(Exception):  # noqa: N818 (it is no error of ours)
    """Another database is in the place of the one that this process began with: it was restored.

    All that the process knows (that nothing is missing, what was compared, how far it has read) is
    of a database that is gone. No `Unavailable`: it ends the process, and the next one asks anew.
    """


class OneDatabase:
    """Which database the connections of a process are to: that of the first one, to its end."""

    def __init__(self) -> None:
        """Start without a connection."""
        self._oid: int | None = None

    async def enter(self, conn: Any) -> None:  # noqa: ANN401 (pools and plain connections alike)
        """Make a new connection ready. Raises Replaced when it is to another database.

        A database keeps its oid whatever it is called, and is not renamed while somebody is in it.
        """
        oid = await conn.fetchval("select oid from pg_database where datname = current_database()")
        if self._oid not in (None, oid):
            raise Replaced(f"the database {oid} is in the place of {self._oid}")
        self._oid = oid
        await prepare(conn)


async def prepare(conn: Any) -> None:  # noqa: ANN401 (pools and plain connections alike)
    """Make JSON columns dicts and lists, by orjson."""
    await conn.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_to_jsonb, decoder=_from_jsonb
    )


def _to_jsonb(value: object) -> bytes:
    return _JSONB_VERSION + orjson.dumps(value)


def _from_jsonb(raw: bytes) -> Any:  # noqa: ANN401 (JSON is anything)
    return orjson.loads(raw[1:])
