"""What the plants of faults share: the stack's folder, its Kafka, its databases as their owners."""

import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from infra.doctor.__main__ import CHECKS, examine
from infra.doctor.finding import Result
from infra.doctor.limits import Limits
from infra.kafka.admin import Admin
from infra.provision import provision
from infra.stack.folder import Folder
from tests.fixtures.stack import Backing, Stack, backing_of

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class Planted:
    """Where the doctor is to look, and what it has to say."""

    says: str
    """Part of what is found."""
    hints: str
    """Part of what is to be done."""
    folder: Folder | None = None
    """None: the stack's own folder. Another: a copy in which something is not as it was."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A running stack in which faults are planted, and a place for copies of its folder."""

    stack: Stack
    beside: Path

    @property
    def folder(self) -> Folder:
        """The stack's folder."""
        return self.stack.folder

    @property
    def backing(self) -> Backing:
        """The stack's PostgreSQL and Kafka."""
        return backing_of(self.folder)

    @property
    def kafka(self) -> Admin:
        """The stack's Kafka administration."""
        return self.backing.kafka_admin()

    async def mend(self) -> None:
        """Do what the doctor's hints say: `make provision`."""
        await provision(self.folder)

    @asynccontextmanager
    async def owner(self, service: str) -> "AsyncGenerator[asyncpg.Connection[Record]]":
        """Open a service's database as its owner."""
        role = f"{service}_owner"
        secret = self.folder.secret(role)
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=self.backing.postgres_port,
            user=role,
            password=secret,
            database=f"lienthong_{service}",
        )
        try:
            yield connection
        finally:
            await connection.close()

    def copied(self) -> Folder:
        """Copy what the doctor reads of the folder: addresses, secrets, certificates."""
        copy = self.beside / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for name in ("ports.json", "secrets.json"):
            shutil.copy(self.folder.path / name, copy / name)
        keys = shutil.ignore_patterns("*.p12", "clients", ".*")
        shutil.copytree(self.folder.path / "pki", copy / "pki", ignore=keys)
        return Folder(copy)


Plant: TypeAlias = Callable[[Ground], AbstractAsyncContextManager[Planted]]
"""Plants a fault for the length of a `with` and heals it as the hint says."""


async def look(folder: Folder, check: str, limits: Limits | None = None) -> Result:
    """Ask one check."""
    asked = [one for one in CHECKS if one.name == check]
    (result,) = await examine(folder, limits or Limits(), asked)
    return result
