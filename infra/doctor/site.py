"""The stack under examination: its folder, and the ways in, each bounded in time."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

import aiohttp
import asyncpg
from confluent_kafka import KafkaException

from infra.doctor.limits import Limits
from infra.kafka.admin import Admin
from infra.postgres.provision import dsn
from infra.stack.folder import Folder

if TYPE_CHECKING:
    from asyncpg import Record

Connection: TypeAlias = "asyncpg.Connection[Record]"
PATIENCE = 2.0
"""Seconds for one answer."""
PATIENCE_HTTP = 3.0
"""Seconds for one page: metrics are counted when they are asked for."""
T = TypeVar("T")


class CannotLook(Exception):  # noqa: N818 (the check is told what keeps it from looking)
    """What a check asks does not answer. Text: what; `hint`: the way out."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


@dataclass(slots=True)
class Site:
    """One state folder and its running parts."""

    folder: Folder
    limits: Limits
    session: aiohttp.ClientSession
    ports: dict[str, object] = field(default_factory=dict[str, object])
    _made: dict[str, object] = field(default_factory=dict[str, object])
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])

    def make(self, words: str) -> str:
        """Return a command of the Makefile for this folder."""
        return f"{_quoted(self.folder.hint(''))} make {words}".strip()

    def address(self, name: str) -> str:
        """Return an address of `ports.json`; raises CannotLook when there is none."""
        found = self.ports.get(name)
        if not isinstance(found, str):
            raise CannotLook(f"ports.json names no {name}: it never ran here", self.make("up"))
        return found

    def instances(self) -> list[tuple[str, str]]:
        """Return name and private address of every instance of every service."""
        private = cast("dict[str, list[str]]", self.ports.get("metrics") or {})
        return [
            (service if number == 1 else f"{service}-{number}", url)
            for service, urls in private.items()
            for number, url in enumerate(urls, 1)
        ]

    async def get(self, url: str, *, who: str) -> tuple[int, bytes, dict[str, str]]:
        """Get a page: status, body, headers (lower case); raises CannotLook without an answer."""
        try:
            async with self.session.get(url, allow_redirects=False) as answer:
                body = await answer.content.read(1 << 22)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return answer.status, body, headers
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise CannotLook(
                f"{who} does not answer at {url}", self.start(who.partition(" ")[0])
            ) from error

    def start(self, process: str) -> str:
        """Return the command that starts a process."""
        return f"{self.make(f'start P={process}')}; {self.make(f'logs P={process}')} says why"

    async def query(self, service: str, question: Callable[[Connection], Awaitable[T]]) -> T:
        """Ask a service's database as its background role; raises CannotLook."""
        role = f"{service}_worker"
        address = dsn(self.address("postgres"), role, self._secret(role), f"lienthong_{service}")
        try:
            connection = await asyncpg.connect(address, timeout=PATIENCE, command_timeout=PATIENCE)
            try:
                return await question(connection)
            finally:
                connection.terminate()
        except asyncpg.UndefinedTableError as error:
            raise CannotLook(
                f"the database of {service} is not migrated: {error}", self.start(service)
            ) from error
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise CannotLook(
                f"PostgreSQL does not answer for {service}: {error or type(error).__name__}",
                self.start("postgres"),
            ) from error

    async def once(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        """Make something that several checks need once, or raise again that it cannot be had."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            if name not in self._made:
                try:
                    self._made[name] = await make()
                except CannotLook as silent:
                    self._made[name] = silent
        made = self._made[name]
        if isinstance(made, CannotLook):
            raise made
        return cast("T", made)

    async def kafka(self, question: Callable[[Admin], T]) -> T:
        """Ask Kafka's administration; raises CannotLook."""
        admin = await self.once("kafka", self._administrator)
        try:
            return await asyncio.to_thread(question, admin)
        except (KafkaException, TimeoutError) as error:
            raise CannotLook(f"Kafka does not answer: {error}", self.start("kafka")) from error

    async def _administrator(self) -> Admin:
        where = self.address("kafka")
        admin = Admin.of(where, self._secret)
        if not await asyncio.to_thread(lambda: admin.answers(within=PATIENCE)):
            text = f"Kafka does not answer its administrator at {where}"
            raise CannotLook(text, self.start("kafka"))
        return admin

    def _secret(self, name: str) -> str:
        """Return a secret of the folder; looking makes none."""
        found = self.folder.read("secrets.json").get(name)
        if not isinstance(found, str):
            raise CannotLook(f"secrets.json holds no password of {name}", self.make("up"))
        return found


def _quoted(assignment: str) -> str:
    name, equals, value = assignment.partition("=")
    return f"{name}={shlex.quote(value)}" if equals else ""
