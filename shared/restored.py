"""After a restore: a service changes nothing until it knows again what the others hold."""

from collections.abc import Awaitable, Callable

import structlog
from fastapi import Request

from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.health import Gauge

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OPERATING = ("/v1/parked/", "/v1/log-level/")
"""What an operator may do meanwhile."""
_RETRY_SECONDS = 2
_log = structlog.get_logger()

Ask = Callable[[Connection], Awaitable[bool]]
"""Reads from the service's own state whether it recovers."""


class Recovery:
    """This process's knowledge of whether its database still lacks something.

    Every process has one database until its end (`db_session.Replaced`): once over is for good.
    """

    def __init__(
        self, db: Database, *, service: str, asked: Ask, work: Callable[[], Awaitable[None]]
    ) -> None:
        """`work` takes over what is missing and ends by noting so; it raises Unavailable."""
        self._db, self._service, self._asked, self._work = db, service, asked, work
        self._over = False

    async def due(self) -> bool:
        """Recover if a restore asks for it. Raises Unavailable while a peer does not answer."""
        if not self._over and await self._db.look(self._asked):
            _log.warning("recovering after a restore")
            await self._work()
            _log.warning("recovered")
        self._over = True
        return False

    async def over(self) -> bool:
        """Say whether nothing is missing (any more)."""
        if not self._over and not await self._db.look(self._asked):
            self._over = True
        return self._over

    async def require_over(self) -> None:
        """Raise Unavailable while something is missing."""
        if not await self.over():
            raise Unavailable(
                f"{self._service} (taking over what is known after a restore)",
                retry_after=_RETRY_SECONDS,
            )

    def gauge(self) -> Gauge:
        """Return `lienthong_recovering`."""

        async def recovering() -> float:
            return float(await self._db.as_worker(self._asked))

        return recovering


async def refuse_meanwhile(request: Request) -> None:
    """Refuse what would change anything while `app.state.recovery` is not over."""
    path = request.url.path
    if request.method in SAFE or not path.startswith("/v1/") or path.startswith(OPERATING):
        return
    recovery: Recovery = request.app.state.recovery
    await recovery.require_over()
