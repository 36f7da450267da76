"""The service's own state: its epoch, whether it recovers, and the epochs of docs it has seen."""

from dataclasses import dataclass
from uuid import UUID

from shared.db import Connection


@dataclass(frozen=True, slots=True)
class ServiceState:
    """Which history this database tells, and whether it still misses receipts."""

    epoch: UUID
    recovering: bool


async def read(conn: Connection) -> ServiceState:
    """Return the service's state."""
    row = await conn.fetchrow("select epoch, recovering from service_state")
    if row is None:
        raise LookupError("service_state is empty: the migrations fill it")
    return ServiceState(row["epoch"], row["recovering"])


async def recovering(conn: Connection) -> bool:
    """Say whether this database came back older and still misses receipts."""
    return await conn.fetchval("select recovering from service_state")


async def recovered(conn: Connection) -> None:
    """End the recovery after a restore."""
    await conn.execute("update service_state set recovering = false")


async def docs_epoch(conn: Connection) -> UUID | None:
    """Return the epoch of docs that was seen last, None before the first contact."""
    return await conn.fetchval("select epoch from docs_epochs order by number desc limit 1")


async def meet_docs_epoch(conn: Connection, epoch: UUID, *, asked_under: UUID | None) -> bool:
    """Say whether an answer of this epoch of docs counts; a new epoch becomes the present one.

    Epochs are random, so age shows only in the order of meeting them: an answer counts if it is
    of the present epoch, or of one never met while nothing newer came since it was asked for.
    """
    await conn.execute("lock table docs_epochs in share row exclusive mode")
    present = await docs_epoch(conn)
    if present == epoch:
        return True
    if present != asked_under:
        return False
    made = await conn.fetchval(
        "insert into docs_epochs (epoch) values ($1) on conflict do nothing returning true", epoch
    )
    return made is not None
