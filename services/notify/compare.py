"""The comparison of heads with docs: a lane that misses something learns it without a record."""

import time
from uuid import UUID

import structlog
from pydantic import BaseModel

from services.notify.mailbox import Alarm, Finding, LaneKey, raise_behind
from services.notify.store import alarms, lanes, state
from shared.chain import Lane
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.ids import AgencyId
from shared.internal import Internal, shaped

_log = structlog.get_logger()


class _Head(BaseModel):
    agency_id: UUID
    lane: Lane
    sequence: int
    hash: str


class _Heads(BaseModel):
    epoch: UUID
    heads: list[_Head]


def _by_lane(answer: _Heads) -> dict[LaneKey, _Head]:
    """Return the heads that have a number."""
    return {(AgencyId(one.agency_id), one.lane): one for one in answer.heads if one.sequence > 0}


class Comparison:
    """This process's memory of what docs said last.

    A number counts as missing only when the comparison before knew it already: what was cleared
    a moment ago is on its way by the log.
    """

    def __init__(self, db: Database, internal: Internal, *, seconds: float) -> None:
        """Compare every `seconds`."""
        self._db, self._internal, self._seconds = db, internal, seconds
        self._before: dict[LaneKey, int] = {}
        self._epoch: UUID | None = None
        self._next = 0.0

    async def due(self) -> bool:
        """Compare when it is time. Raises Unavailable while docs does not answer."""
        if time.monotonic() >= self._next:
            await self.make()
            self._next = time.monotonic() + self._seconds
        return False

    async def make(self) -> None:
        """Compare once: raise `behind` for what is missing, and alarms where hashes differ."""
        asked_under = await self._db.look(state.docs_epoch)
        answer = await _heads(self._internal)
        theirs = _by_lane(answer)
        known = self._before if answer.epoch == self._epoch else {}

        async def note(conn: Connection) -> bool:
            if not await state.meet_docs_epoch(conn, answer.epoch, asked_under=asked_under):
                return False
            await self.raise_missing(conn, theirs, known)
            await _check(conn, theirs)
            return True

        if await self._db.as_worker(note):
            self._epoch = answer.epoch
            self._before = {key: head.sequence for key, head in theirs.items()}

    @staticmethod
    async def raise_missing(
        conn: Connection, theirs: dict[LaneKey, _Head], known: dict[LaneKey, int]
    ) -> None:
        """Raise `behind` in the lanes that lack a number which is `known` and still docs' own."""
        ours = {(one.agency, one.lane): one.sequence for one in await lanes.states(conn)}
        missing = {
            key: known[key]
            for key in theirs
            if key in known and ours.get(key, 0) < min(known[key], theirs[key].sequence)
        }
        if not missing:
            return
        locked = await lanes.lock(conn, missing)
        raised = [raise_behind(locked[key], sequence) for key, sequence in missing.items()]
        await lanes.save(conn, [one for one in raised if one != locked[one.agency, one.lane]])
        _log.warning("lanes miss entries that docs has numbered", lanes=len(missing))


async def miss(db: Database, internal: Internal) -> int:
    """Have catch-up look for all that docs has numbered and this database lacks; return the lanes.

    After a restore nothing of it is on its way. Raises Unavailable while docs does not answer.
    """
    asked_under = await db.look(state.docs_epoch)
    answer = await _heads(internal)
    theirs = _by_lane(answer)

    async def note(conn: Connection) -> int:
        if not await state.meet_docs_epoch(conn, answer.epoch, asked_under=asked_under):
            raise Unavailable("docs (it was restored meanwhile)")
        known: dict[LaneKey, int] = {key: head.sequence for key, head in theirs.items()}
        await Comparison.raise_missing(conn, theirs, known)
        return int(await lanes.count_behind(conn))

    return await db.as_worker(note)


async def _heads(internal: Internal) -> _Heads:
    raw = await internal.get("docs", "/internal/heads")
    return shaped(_Heads, raw, what="docs (/internal/heads)")


async def _check(conn: Connection, theirs: dict[LaneKey, _Head]) -> None:
    wanted = [(*key, head.sequence) for key, head in theirs.items()]
    for key, found in (await lanes.known(conn, wanted)).items():
        expected, head = found[theirs[key].sequence].hash, theirs[key]
        if expected.hex() == head.hash:
            continue
        alarm = Alarm(head.sequence, Finding.FOREIGN_HASH, expected, bytes.fromhex(head.hash))
        await alarms.put(conn, key, [alarm])
