"""One service's database set back: beside the running one, then in its place, then completed."""

import asyncio
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from infra.postgres import swap
from infra.postgres.archive import Archive
from infra.postgres.provision import admin, dsn, grant_inside, make_database
from infra.postgres.swap import Remnant, database_of
from infra.restore.base import bases
from infra.restore.goal import goal_of
from infra.restore.log import kept
from infra.restore.processes import ended, gauge, instances, written
from infra.restore.side import Goal, brought_up, carried_over
from infra.restore.tools import say
from infra.stack.folder import Folder
from infra.stack.trouble import Trouble
from shared.migrate import MigrationRefused, apply

_WORD_EVERY = 2.0
_PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done, for the last line."""

    service: str
    goal: str
    base: str
    replaced: str
    down_s: float
    recovering_s: float
    remnants: list[Remnant]


async def restore(folder: Folder, archive: Archive, port: str, service: str, to: str) -> Restored:
    """Set a service's database back to a point, and wait until the service is complete again.

    Raises Trouble. Until the two databases change their places nothing is changed.
    """
    await instances(folder, service)  # says at once that no stack runs here
    made = f"{database_of(service)}_next"
    replaced = f"{database_of(service)}_before_{datetime.now(UTC):%Y%m%dT%H%M%S}"
    goal = await _prepare(folder, archive, port, service, to)
    try:
        await _load(folder, archive, port, service, goal)
        began = time.monotonic()
        async with ended(folder, service):
            await _in_place(folder, port, service, made=made, replaced=replaced)
            say(f"{database_of(service)} stands at {goal.words}; the one before is {replaced}")
        down = time.monotonic() - began
    except BaseException:
        await _drop(folder, port, made)
        raise
    recovering = await _completed(folder, service)
    return Restored(
        service,
        goal.words,
        goal.base.name,
        replaced,
        down,
        recovering,
        await list_remnants(folder, port, service),
    )


async def _prepare(folder: Folder, archive: Archive, port: str, service: str, to: str) -> Goal:
    """Find out how to get there, and have the log kept up to now."""
    connection = await admin(port, folder.secret)
    try:
        known = bases(archive)
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
        cut = await swap.cut_log(connection, f"restore {service} {stamp}")
        goal = goal_of(to, known, cut)
        await kept(connection, archive, cut.piece)
        return goal
    finally:
        await connection.close()


async def _load(folder: Folder, archive: Archive, port: str, service: str, goal: Goal) -> None:
    """Make the database as it was at the goal, under another name, in the running server."""
    database = database_of(service)
    made = f"{database}_next"
    async with brought_up(folder, archive, goal) as (source, home):
        connection = await admin(port, folder.secret)
        try:
            await swap.drop(connection, made)
            await make_database(connection, made, service)
        finally:
            await connection.close()
        await carried_over(
            folder, source=source, database=database, target=port, made=made, home=home
        )
    await grant_inside(port, folder.secret, made, service)
    owner = f"{service}_owner"
    try:
        await apply(dsn(port, owner, folder.secret(owner), made), swap.folders(service))
    except MigrationRefused as refused:
        raise Trouble(
            f"what {goal.words} holds is not of this release: {refused}",
            "restore with the release that wrote it; nothing was changed",
        ) from refused
    connection = await admin(port, folder.secret, made)
    try:
        await swap.begin_new_life(connection, service)
    finally:
        await connection.close()


async def _in_place(folder: Folder, port: str, service: str, *, made: str, replaced: str) -> None:
    connection = await admin(port, folder.secret)
    try:
        await swap.swap(connection, database=database_of(service), made=made, kept=replaced)
    finally:
        await connection.close()


async def _drop(folder: Folder, port: str, made: str) -> None:
    connection = await admin(port, folder.secret)
    try:
        await swap.drop(connection, made)
    finally:
        await connection.close()


async def _completed(folder: Folder, service: str) -> float:
    """Wait until the service has taken over what the others know; return how long it took."""
    began = time.monotonic()
    word = began + _WORD_EVERY
    while True:
        now = await asyncio.to_thread(gauge, folder, service, "lienthong_recovering")
        if now == 0:
            return time.monotonic() - began
        if time.monotonic() > word:
            word += _WORD_EVERY
            say(f"… {service} takes over what the others know ({time.monotonic() - began:.0f} s)")
        if time.monotonic() - began > _PATIENCE:
            raise Trouble(
                f"{service} is in its place and runs, but does not come to the end of its recovery",
                f"its peers and Kafka must run: make status, make logs P={service}; it goes on by"
                " itself, and accepts nothing until then",
            )
        await asyncio.sleep(0.2)


async def list_remnants(folder: Folder, port: str, service: str) -> list[Remnant]:
    """List what a service knows only in part, in the state folder too; forget old databases."""
    connection = await admin(port, folder.secret, database_of(service))
    try:
        found = await swap.remnants(connection, service)
        for name in await swap.forget_replaced(connection, service):
            say(f"removed {name}, an older one")
    finally:
        await connection.close()
    path = written(folder, f"restored-{service}.json", [asdict(one) for one in found])
    if found:
        say(f"known only by an entry, a receipt or an event: {len(found)}, listed in {path}")
        for one in found[:10]:
            say(f"  {one.kind} {one.id} {one.what}")
    return found
