"""Makes PostgreSQL what the services expect: roles, databases and rights; harmless if repeated."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

if TYPE_CHECKING:
    from asyncpg import Record

SERVICES = ("docs", "signing", "notify", "gateway")
ROLES = ("owner", "app", "worker")
_HERE = Path(__file__).parent
Connection: TypeAlias = "asyncpg.Connection[Record]"
Secret: TypeAlias = Callable[[str], str]
"""From a role's name to its password."""


def dsn(port: int | str, role: str, password: str, database: str) -> str:
    """Return the address of a database for one role. `port`: of this machine, or `host:port`."""
    host = f"127.0.0.1:{port}" if isinstance(port, int) else port
    return f"postgresql://{role}:{password}@{host}/{database}"


async def admin(port: int | str, secret: Secret, database: str = "postgres") -> Connection:
    """Connect as the superuser."""
    address = dsn(port, "postgres", secret("postgres"), database)
    return await asyncpg.connect(address, timeout=10)


async def answers(port: int | str, secret: Secret) -> None:
    """Return if the server takes connections; raises what asyncpg raises if it does not."""
    connection = await admin(port, secret)
    await connection.close()


async def provision(port: int | str, secret: Secret) -> None:
    """Make each service's roles, database and rights."""
    connection = await admin(port, secret)
    try:
        for service in SERVICES:
            await _roles(connection, service, secret)
            await make_database(connection, f"lienthong_{service}", service)
    finally:
        await connection.close()
    for service in SERVICES:
        await grant_inside(port, secret, f"lienthong_{service}", service)


async def _roles(connection: Connection, service: str, secret: Secret) -> None:
    for role in ROLES:
        name = f"{service}_{role}"
        await connection.execute(
            "select set_config($1, $2, false)", f"lienthong.{name}", secret(name)
        )
    await connection.execute(_script("roles.sql", service))


async def make_database(
    connection: Connection, database: str, service: str, *, template: str = "template0"
) -> None:
    """Make a database that only its service's roles may enter, unless it exists.

    One that is closed, because a restore died between closing and renaming it, is opened again.
    """
    if not await connection.fetchval("select 1 from pg_database where datname = $1", database):
        await connection.execute(
            f'create database "{database}" owner {service}_owner template "{template}"'
        )
    await connection.execute(f'alter database "{database}" allow_connections true')
    await connection.execute(f'revoke all on database "{database}" from public')
    names = ", ".join(f"{service}_{role}" for role in ROLES)
    await connection.execute(f'grant connect, temporary on database "{database}" to {names}')


async def grant_inside(port: int | str, secret: Secret, database: str, service: str) -> None:
    """Give the service's roles their rights inside a database."""
    connection = await admin(port, secret, database)
    try:
        await connection.execute(_script("database.sql", service))
    finally:
        await connection.close()


def _script(name: str, service: str) -> str:
    return (_HERE / name).read_text().replace("{service}", service)
