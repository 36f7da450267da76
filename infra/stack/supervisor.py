"""The supervisor: holds the sockets, keeps every process running, carries out commands."""

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from infra.stack import endings
from infra.stack.brokers import broker_names, brokers_of, fixed_brokers
from infra.stack.folder import ATTENDANTS, PARTS, SERVICES, TREE, Folder, kind_of
from infra.stack.jaeger import Jaeger
from infra.stack.kafka import Kafka
from infra.stack.keeper import Keeper
from infra.stack.logs import last_lines
from infra.stack.part import Part
from infra.stack.postgres import Postgres
from infra.stack.provisioner import Provisioner
from infra.stack.seed import fixed_seed, seed_file
from infra.stack.services import Instance, Where
from infra.stack.sockets import Sockets, private_url
from infra.stack.spool import Spool
from infra.stack.trouble import Trouble

_ROOM = 1 << 30
_WORD_EVERY = 4.0
PATIENCE = 180.0
"""Seconds until a start that goes on without an end has failed."""


@dataclass(slots=True, eq=False)
class Supervisor:
    """All processes of one state folder."""

    folder: Folder
    group: asyncio.TaskGroup
    sockets: Sockets
    keepers: dict[str, Keeper] = field(default_factory=dict[str, Keeper])
    listeners: "set[asyncio.Queue[str]]" = field(default_factory=set["asyncio.Queue[str]"])
    given: dict[str, str] = field(default_factory=dict[str, str])
    closing: bool = False
    """From the first word of its end on: nothing is begun any more."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    seed: str = ""
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def say(self, text: str) -> None:
        """Tell everybody who waits, and the log; may be called from any thread."""
        line = {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": text}
        with suppress(OSError):  # a full disk takes no log, and must not end who can mend it
            print(json.dumps(line, ensure_ascii=False), flush=True)
        self._loop.call_soon_threadsafe(self._tell, text)

    def _tell(self, text: str) -> None:
        for listener in self.listeners:
            listener.put_nowait(text)

    async def up(
        self, wanted: Iterable[str], given: Mapping[str, str], *, seed: str = "", brokers: str = ""
    ) -> None:
        """Start what is wanted and does not run; return when all is ready, but for Jaeger.

        Raises Trouble with the first thing that keeps a part from starting.
        """
        names = set(wanted)
        async with self._starting:
            self.go_on()
            check_room(self.folder)
            names |= self._fix(names, seed=seed, brokers=brokers)
            self.given = dict(given)
            for name in (name for name in self._parts() if name in names):
                self.keep(self.part(name))
            if names & {*SERVICES, *ATTENDANTS}:
                await self._keys()
                # Jaeger is waited for by nobody.
                await self.all_ready(["postgres", *self._nodes()])
            for name in (name for name in SERVICES if name in names):
                if name not in self.keepers:
                    self.keep(self.instance(name, 1))
            self.sockets.write()
            if "provisioner" in names:
                self.keep(Provisioner(self.folder, self.sockets.addresses))
            await self.all_ready(names - {"jaeger"} or names)
            for name in PARTS:
                self.sockets.ports.release(name)

    def _fix(self, names: Collection[str], *, seed: str, brokers: str) -> set[str]:
        """Fix what the first start decides; return the nodes of Kafka that are wanted, if it is."""
        if {*names} & {*SERVICES, *ATTENDANTS}:
            self.seed = fixed_seed(self.folder, seed)
        if "kafka" not in names:
            return set()
        fixed_brokers(self.folder, brokers)
        self.sockets.open_brokers()
        return set(self._nodes())

    def _nodes(self) -> list[str]:
        return broker_names(brokers_of(self.folder))

    def _parts(self) -> list[str]:
        return [one for part in PARTS for one in (self._nodes() if part == "kafka" else [part])]

    def part(self, name: str) -> Part:
        """Describe PostgreSQL, a node of Kafka, or Jaeger at its ports."""
        ports, folder = self.sockets.ports, self.folder
        if name == "postgres":
            return Postgres(folder, ports["postgres"])
        if kind_of(name) == "kafka":
            return Kafka.at(folder, ports.chosen, int(name.partition("-")[2] or 1))
        spool = Spool(folder.path / "jaeger" / "spool", ports["otlp"])
        return Jaeger(folder, ports["jaeger"], ports["jaeger_grpc"], ports["otlp"], spool)

    def instance(self, service: str, number: int) -> Instance:
        """Describe the nth process of a service."""
        private = self.sockets.private_of(service, number)
        where = Where(
            urls=self.sockets.urls,
            postgres_port=self.sockets.ports["postgres"],
            kafka=self.sockets.addresses["kafka"],
            otlp=f"http://127.0.0.1:{self.sockets.ports['otlp']}",
            traces=f"http://127.0.0.1:{self.sockets.ports['jaeger']}/trace/",
            seed=str(seed_file(self.folder, self.seed)),
        )
        return Instance(
            service,
            number,
            self.folder,
            where,
            listen_fd=self.sockets.ports.held[service].fileno(),
            private_fd=private.fileno(),
            private_url=private_url(private),
            given=dict(self.given),
        )

    def keep(self, part: Part) -> Keeper:
        """Keep a part running from now on, unless it is kept already.

        Raises Trouble when the stack is being ended.
        """
        self.go_on()
        if part.name not in self.keepers:
            keeper = Keeper(part, self.folder, self.say)
            self.keepers[part.name] = keeper
            self.group.create_task(keeper.keep())
        return self.keepers[part.name]

    async def all_ready(self, names: Iterable[str]) -> None:
        """Return when these are ready or held down; raises Trouble when one cannot be."""
        kept = [self.keepers[name] for name in names if name in self.keepers]
        end, word = time.monotonic() + PATIENCE, time.monotonic() + _WORD_EVERY
        said = ""
        while True:
            self.go_on()
            late = [keeper for keeper in kept if not keeper.ready.is_set() and not keeper.held]
            if not late:
                return
            for keeper in late:
                if keeper.trouble is not None:
                    raise keeper.trouble
            if time.monotonic() > end:
                raise _too_late(late)
            if time.monotonic() > word:
                word += _WORD_EVERY
                said = self._say_once(_waits_for(late), said)
            await asyncio.sleep(0.05)

    def go_on(self) -> None:
        """Raise Trouble when the stack is being ended: what was begun before is given up."""
        if self.closing:
            raise Trouble("the stack is being ended", "when it is down: make up")

    def _say_once(self, text: str, said: str) -> str:
        if text != said:
            self.say(text)
        return text

    async def scale(self, service: str, count: int) -> None:
        """Run so many instances of a service."""
        names = [name for name in self.keepers if kind_of(name) == service]
        for number in range(1, count + 1):
            self.keep(self.instance(service, number))
        for name in names:
            if int(name.partition("-")[2] or 1) > count:
                await self.keepers.pop(name).end()
        self.sockets.close_private(service, beyond=max(count, 1))
        self.sockets.write()
        await self.all_ready([name for name in self.keepers if kind_of(name) == service])

    async def replace(self, service: str) -> int:
        """Replace every instance by one of the code of now, one after the other; return how many.

        Where there is only one, another stands in for it meanwhile: somebody always serves.
        """
        names = sorted(name for name in self.keepers if kind_of(name) == service)
        stand_in = len(names) == 1
        if stand_in:
            await self.scale(service, len(names) + 1)
        for name in names:
            self.go_on()
            await self.keepers[name].restart()
            await self.all_ready([name])
        if stand_in:
            await self.scale(service, len(names))
        return len(names)

    async def down(self) -> None:
        """End everything: services together, then the parts they need; nothing stays behind.

        Commands that are still at work are given up: none begins a process from now on.
        """
        self.closing = True
        for names in (self._services(), ["jaeger", *self._nodes()], ["postgres"]):
            ending = [self.keepers.pop(name) for name in names if name in self.keepers]
            async with asyncio.TaskGroup() as group:
                for keeper in ending:
                    group.create_task(keeper.end())
            if ending:
                self.say(f"ended: {', '.join(keeper.part.name for keeper in ending)}")
        await endings.end_left_behind(self.folder, parts=True)
        await endings.end_strays(self.folder)
        self.over.set()

    def _services(self) -> list[str]:
        return [name for name in self.keepers if kind_of(name) not in PARTS]

    async def _keys(self) -> None:
        """Complete the development PKI: keys, certificates, clients."""
        self.sockets.write()  # the clients' file names the token endpoint
        log = self.folder.log("pki")
        began = time.monotonic()
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "infra.pki", "init", "--run", str(self.folder.path)),
                *("--seed", str(seed_file(self.folder, self.seed))),
                cwd=TREE,
                env={**os.environ, "LIENTHONG_STACK": str(self.folder.path)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        if await self._ended(process):
            self.go_on()
            raise Trouble(
                f"the keys and certificates could not be made:\n{last_lines(log)}",
                f"see {log}; if its folder is broken, remove {self.folder.path / 'pki'}",
            )
        self.say(f"keys and certificates are there ({time.monotonic() - began:.1f} s)")

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        """Wait for the process that makes keys, telling how many certificates there are."""
        while True:
            try:
                async with asyncio.timeout(_WORD_EVERY):
                    return await process.wait()
            except TimeoutError:
                made = sum(1 for _ in (self.folder.path / "pki").glob("*.p12"))
                self.say(f"makes keys and certificates: {made:,} so far")


def _waits_for(late: Iterable[Keeper]) -> str:
    return "waits for " + "; ".join(f"{keeper.part.name} ({keeper.why[:90]})" for keeper in late)


def _too_late(late: Iterable[Keeper]) -> Trouble:
    names = "; ".join(f"{keeper.part.name}: {keeper.why}" for keeper in late)
    return Trouble(
        f"after {PATIENCE:.0f} s there is still not ready: {names}",
        "make logs P=… shows what it does; make down ends all",
    )


def check_room(folder: Folder, *, needed: int = _ROOM) -> None:
    """Raise Trouble unless so many bytes are free where the folder lies."""
    free = shutil.disk_usage(folder.path).free
    if free < needed:
        raise Trouble(
            f"only {free >> 20} MB are free where {folder.path} lies; a stack needs"
            f" {needed >> 20} MB",
            f"make room, or use another disk: LIENTHONG_RUN=/…/{folder.path.name} make up",
        )
