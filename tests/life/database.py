"""A look into a service's own database, as its background role: what a step has left behind."""

from typing import TYPE_CHECKING

import asyncpg

from infra.postgres.provision import dsn
from shared.events.topics import Service
from tests.fixtures.stack import Stack, backing_of

if TYPE_CHECKING:
    from asyncpg import Record


async def rows(stack: Stack, service: Service, query: str, *values: object) -> "list[Record]":
    """Return the rows of one query."""
    port, role = backing_of(stack.folder).postgres_port, f"{service}_worker"
    address = dsn(port, role, stack.folder.secret(role), f"lienthong_{service}")
    connection = await asyncpg.connect(address)
    try:
        return await connection.fetch(query, *values)
    finally:
        await connection.close()
