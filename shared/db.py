"""One service's database: short transactions as the caller or as the service itself."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import asyncpg
from asyncpg.pool import Pool, PoolConnectionProxy

from shared.bell import Bell
from shared.db_faults import AGAIN, LOST, NOT_YET
from shared.db_session import OneDatabase
from shared.errors import Unavailable
from shared.failpoint import reach
from shared.ids import AgencyId
from shared.line import Line
from shared.settings import ServiceSettings

if TYPE_CHECKING:
    from asyncpg import Record

T = TypeVar("T")
Connection: TypeAlias = "PoolConnectionProxy[Record]"
Session: TypeAlias = "asyncpg.Connection[Record]"
Step: TypeAlias = Callable[[Connection], Awaitable[T]]

WHAT = "PostgreSQL"
TRIES = 6
"""How often a transaction is begun when locks or deadlocks end it."""
_PAUSE, _CONNECT_SECONDS, _COMMAND_SECONDS = 0.02, 5, 30
_HOPELESS_SECONDS = 3.0
"""When the first in line has waited so long for a connection, who comes now waits in vain."""
_ONCE = "force_generic_plan"
"""Statements are planned once per connection, not for each call's values."""
_SCOPE = "select set_config('app.agencies', $1, true), set_config('plan_cache_mode', $2, true)"
_WROTE = "select pg_current_xact_id_if_assigned() is not null"

LIMITS = {
    "idle_in_transaction_session_timeout": "5s",
    "transaction_timeout": "20s",
    "lock_timeout": "3s",
    "jit": "off",
}
"""What the server holds every pooled connection to (protocol.md 4)."""


@dataclass(slots=True)
class _Noted:
    """What is known of the present transaction without a question."""

    wrote: bool = False
    to_send: bool = False


_noted: ContextVar[_Noted | None] = ContextVar("noted", default=None)


def note_write() -> None:
    """Say that the present transaction has written: it then need not be asked."""
    if noted := _noted.get():
        noted.wrote = True


def note_outbox() -> None:
    """Say that the present transaction has put a row into the outbox."""
    if noted := _noted.get():
        noted.wrote = noted.to_send = True


class _Connection(asyncpg.Connection):
    """Ends without `RESET ALL` at each release: nobody sets anything for the session."""

    def get_reset_query(self) -> str:
        return ""


def make_pool(
    dsn: str, *, size: int, name: str, only: OneDatabase | None = None, **settings: str
) -> "Pool[Record]":
    """Return a pool whose connections keep the limits and `settings`; `await` it before use."""
    return asyncpg.create_pool(
        dsn,
        min_size=0,  # opens without PostgreSQL
        max_size=size,
        connection_class=_Connection,
        init=(only or OneDatabase()).enter,
        timeout=_CONNECT_SECONDS,
        command_timeout=_COMMAND_SECONDS,
        max_inactive_connection_lifetime=600,  # a new one learns types and plans anew, 50 ms
        server_settings={**LIMITS, "application_name": name, **settings},
    )


class Database:
    """The pools of the roles `app` and `worker`. Opens without PostgreSQL; connects when it can.

    Every transaction has time limits (idle, whole, lock); a deadlock or lock time-out is tried
    again inside, so a step may run more than once and must only touch its connection. Until
    `shared.migrate` has run, every transaction raises Unavailable. Once another database is in the
    place of the first one, everything raises Replaced, which ends the process.
    """

    def __init__(
        self,
        *,
        app: "Pool[Record]",
        worker: "Pool[Record]",
        looks: "Pool[Record]",
        alone: str,
        only: OneDatabase | None = None,
    ) -> None:
        """Use these pools; `open` makes them. `alone` is the DSN for connections outside them."""
        self._app, self._worker, self._looks, self._alone = app, worker, looks, alone
        self._only = only or OneDatabase()
        self._lines = {pool: Line() for pool in (app, worker, looks)}
        self.bell = Bell()
        self.outbox_bell = Bell()
        """For the relay alone: rung after commits with outbox rows."""
        self.migrated = False
        """Set by `shared.migrate` when the schema is the one this code knows."""

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: ServiceSettings) -> "AsyncGenerator[Database]":
        """Open the pools for the length of a `with`."""
        name, only = settings.instance, OneDatabase()
        alone = settings.database_worker.get_secret_value()
        callers = settings.database_app.get_secret_value()
        app = make_pool(callers, size=8, name=f"{name} app", only=only)
        plans = {"plan_cache_mode": _ONCE}
        worker = make_pool(alone, size=8, name=f"{name} worker", only=only, **plans)
        reading = {"default_transaction_read_only": "on", **plans}
        looks = make_pool(alone, size=4, name=f"{name} looks", only=only, **reading)
        pools = (app, worker, looks)
        for pool in pools:
            await pool
        try:
            yield cls(app=app, worker=worker, looks=looks, alone=alone, only=only)
        finally:
            for pool in pools:
                pool.terminate()

    async def as_caller(
        self, agencies: Sequence[AgencyId], step: Step[T], *, by_keys: bool = False
    ) -> T:
        """Run `step` in one transaction that sees only what these agencies may see.

        Role `app` under row-level security; `app.agencies` is set first. It is committed when this
        returns. Raises Unavailable when PostgreSQL does not answer (of a write nothing is known
        then: only repeating with the same key tells). `by_keys`: reads by keys, planned once.
        """
        visible = ",".join(str(agency) for agency in agencies)

        async def scoped(conn: Connection) -> T:
            await conn.execute(_SCOPE, visible, _ONCE if by_keys else "auto")
            return await step(conn)

        return await self._transact(self._app, scoped)

    async def as_worker(self, step: Step[T]) -> T:
        """Run `step` in one transaction of background work (role `worker`, sees every row)."""
        return await self._transact(self._worker, step)

    async def look(self, step: Step[T]) -> T:
        """Run `step`, which only reads (role `worker`): each statement by itself, and no bell.

        For what asks whether there is work: a transaction around it is three questions more.
        """
        return await self._transact(self._looks, step, whole=False)

    @asynccontextmanager
    async def alone(self, **limits: str) -> "AsyncGenerator[Session]":
        """Open a connection of its own (role `worker`), with these settings of the server.

        Raises Unavailable while it cannot be made; what it raises later is asyncpg's own.
        """
        if not self.migrated:
            raise Unavailable(f"{WHAT} (migrated to this version)")
        try:
            conn = await asyncpg.connect(
                self._alone,
                timeout=_CONNECT_SECONDS,
                command_timeout=_COMMAND_SECONDS,
                server_settings={**LIMITS, **limits},
            )
        except NOT_YET as error:
            raise Unavailable(WHAT) from error
        try:
            await self._only.enter(conn)
            yield conn
        finally:
            conn.terminate()

    def check_room(self) -> None:
        """Refuse what would most likely wait in vain for a connection, before any work is done.

        What is done first and then given up keeps those from their end who stand in line: with
        enough clients that try again nothing would ever come to its end. Raises Unavailable.
        """
        if self._lines[self._app].longest > _HOPELESS_SECONDS:
            raise Unavailable(f"{WHAT} (too many wait)", retry_after=2)

    async def ready(self) -> bool:
        """Say whether PostgreSQL answers and the migrations are done."""
        try:
            async with asyncio.timeout(2):
                return await self.look(_answers)
        except (Unavailable, TimeoutError):
            return False

    async def _transact(self, pool: "Pool[Record]", step: Step[T], *, whole: bool = True) -> T:
        if not self.migrated:
            raise Unavailable(f"{WHAT} (migrated to this version)")
        for attempt in range(TRIES):
            noted = _Noted()
            try:
                result = await self._once(pool, step, noted if whole else None)
            except AGAIN:
                await asyncio.sleep(_PAUSE * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311
                continue
            if noted.wrote:
                self.bell.ring()
            if noted.to_send:
                self.outbox_bell.ring()
            return result
        raise Unavailable(f"{WHAT} (a lock)")

    async def _once(self, pool: "Pool[Record]", step: Step[T], noted: _Noted | None) -> T:
        try:
            with self._lines[pool].standing():
                conn = await pool.acquire(timeout=_CONNECT_SECONDS)
        except NOT_YET as error:
            raise Unavailable(WHAT) from error
        outer = _noted.set(noted)
        try:
            return await (step(conn) if noted is None else _whole(conn, step, noted))
        except LOST as error:
            raise Unavailable(WHAT) from error
        except asyncpg.InterfaceError as error:
            if gone(conn):
                raise Unavailable(WHAT) from error
            raise
        finally:
            _noted.reset(outer)
            # What was committed is committed, however the connection ends.
            with suppress(*LOST, asyncpg.InterfaceError):
                await pool.release(conn, timeout=_CONNECT_SECONDS)


async def _whole(conn: Connection, step: Step[T], noted: _Noted) -> T:
    async with conn.transaction():
        result = await step(conn)
        # A transaction that wrote or locked nothing has no number and rings no bell.
        noted.wrote = noted.wrote or await conn.fetchval(_WROTE)
        if noted.wrote:
            reach("database.before_commit")
    if noted.wrote:
        reach("database.committed")
    return result


async def clock(conn: Connection) -> datetime:
    """Return PostgreSQL's time: what the instances of a service say and sign is of one clock."""
    return await conn.fetchval("select clock_timestamp()")


def gone(conn: Connection) -> bool:
    """Say whether the connection has ended; its pool then takes it back at once."""
    try:
        return conn.is_closed()
    except asyncpg.InterfaceError:
        return True


async def _answers(conn: Connection) -> bool:
    return bool(await conn.fetchval("select true"))
