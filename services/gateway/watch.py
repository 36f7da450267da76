"""Looks again at what has been let in: what a client has lost since ends within seconds."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from services.gateway.visit import Visit, Visits
from shared import agencies
from shared.db import Connection, Database
from shared.errors import Problem, Unavailable
from shared.identity import STANDING_SECONDS, Guard, Standing, caller_of
from shared.process import Task
from shared.tokens import Token

LOOK_SECONDS = 2.0
GRACE_SECONDS = 900.0
"""How long an answer that is no stream may go on when its token has run out: it was asked for in
time and ends by itself. What was taken from its client ends it at once."""
_log = structlog.get_logger()


@dataclass(slots=True)
class Watch:
    """Knows when anything of clients or directory has changed since it looked last."""

    db: Database
    guard: Guard
    visits: Visits
    _seen: tuple[int, int] = (-1, -1)
    _hot_until: float = 0.0
    _missed: bool = False
    """Whether some could not be looked at in this pass."""
    _looked: dict[Token, Standing | None] = field(default_factory=dict[Token, "Standing | None"])

    async def look(self) -> None:
        """End the visits that would not be let in again for as much as they were let in for."""
        for visit in list(self.visits.open):
            if _over(visit, datetime.now(UTC)):
                visit.end()
        if await self._has_news():
            self._looked, self._missed = {}, False
            for visit in list(self.visits.open):
                if not await self._may_stay(visit):
                    visit.end()
            if self._missed:
                self._seen = (-1, -1)  # what was changed stays news until all were looked at

    async def _has_news(self) -> bool:
        async def versions(conn: Connection) -> tuple[int, int]:
            return await agencies.clients_version(conn), await agencies.directory_version(conn)

        now = time.monotonic()
        found = await self.db.look(versions)
        if found != self._seen:
            # Until then somebody may still be let in by what was believed before the change.
            self._hot_until = now + 2 * STANDING_SECONDS + LOOK_SECONDS
        self._seen = found
        return now < self._hot_until

    async def _may_stay(self, visit: Visit) -> bool:
        caller = visit.caller
        if caller is None or visit.standing is None:
            return True
        standing = await self._again(visit.standing)
        if standing is None:
            return False
        try:
            now = caller_of(standing, visit.request, visit.scopes)
        except Problem:
            return False
        return set(caller.visible) <= set(now.visible)

    async def _again(self, standing: Standing) -> Standing | None:
        token = standing.token
        if token not in self._looked:
            try:
                self._looked[token] = await self.guard.look_again(standing)
            except Unavailable:
                self._missed = True
                return standing  # what cannot be looked up was not taken away
            except Problem:
                self._looked[token] = None
        return self._looked[token]


def _over(visit: Visit, now: datetime) -> bool:
    if visit.expires_at is None:
        return False
    grace = 0.0 if visit.stream else GRACE_SECONDS
    return (now - visit.expires_at).total_seconds() > grace


def watching(watch: Watch) -> Task:
    """Return the task that looks every 2 s."""

    async def task(stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await watch.look()
            except Unavailable as error:
                _log.info("open visits not looked at", cause=error.en)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await stop.wait()

    return task
