"""`python -m infra.kafka.provisioner`: keeps integrators' topics, rights and keys on Kafka right.

It remembers nothing: each pass compares what the owners say with what Kafka has.
"""

import asyncio
import json
import math
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from confluent_kafka import KafkaException
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.kafka.admin import Admin
from infra.kafka.integrators import client_of, drop, holders, settle
from infra.kafka.owners import DEADLINE, JsonObject, NotAnswered, Owners, Subscription
from infra.stack.folder import Folder
from infra.stack.kafka import WORD
from shared.events.topics import Service
from shared.settings import load

PAUSE_SECONDS = 1.0
_SHORT_SECONDS = 0.1
LOOK_SECONDS = 10.0
"""How often Kafka is looked at when nothing has changed: its log directory may have been wiped."""
WHOLE_SECONDS = 30.0
"""How often the gateway is asked for all clients instead of those that changed."""


class Settings(BaseSettings):
    """What the provisioner is told by its environment (`PROVISIONER_…`)."""

    model_config = SettingsConfigDict(env_prefix="PROVISIONER_", extra="ignore", frozen=True)

    run: Path
    """The state folder: the key set for the broker and the administrator's password lie there."""
    kafka_bootstrap: str
    kafka_oauth: str
    """Where integrators come in; told to them."""
    client_key: Path
    gateway_url: str
    notify_url: str
    jwks: Path


@dataclass(slots=True)
class Provisioner:
    """What the owners said last, and the passes over it."""

    owners: Owners
    admin: Admin
    folder: Folder
    settings: Settings
    users: dict[str, str] = field(default_factory=dict[str, str])
    """Of each client who it is at Kafka, by its present tokens; empty: it may read no mailbox.

    None at all: the gateway was not asked yet.
    """
    subscriptions: list[Subscription] | None = None
    """None: notify was not asked yet."""
    _version: int = 0
    _whole_at: float = -math.inf
    _settled: "tuple[frozenset[str], float] | None" = None
    """Who had rights at the last look at which all was as it has to be, and when that was."""
    _keys: JsonObject | None = None
    _told: set[str] = field(default_factory=set[str])
    """Which notify knows to be ready, and where: told again in each life, the port may be new."""
    _said: str | None = None

    async def once(self) -> bool:
        """Make one pass; return whether another is due at once. What fails is said, and retried."""
        lacks = [why for why in (await self._ask_gateway(), await self._ask_notify()) if why]
        again = False
        if self.users:
            try:
                again = not await self._settle()
            except (KafkaException, TimeoutError) as error:
                lacks.append(f"Kafka does not do it: {error or 'in time'}")
                self._settled = None
            except NotAnswered as error:
                lacks.append(str(error))
        self._tell("; ".join(lacks))
        return again and not lacks

    async def _ask_gateway(self) -> str:
        try:
            keys = await self.owners.keys()
            if keys != self._keys or not self.settings.jwks.exists():
                self.folder.write(self.settings.jwks.name, keys)
                self._keys = keys
                kids = sorted(str(key.get("kid")) for key in keys["keys"])
                say("keys written for the broker", keys=kids)
            # All of them now and then: a restored gateway counts its changes again.
            whole = time.monotonic() - self._whole_at > WHOLE_SECONDS
            version, changed = await self.owners.clients(0 if whole else self._version)
        except NotAnswered as error:
            return str(error)
        if whole:
            self.users.clear()
            self._whole_at = time.monotonic()
        self.users.update(changed)
        self._version = version
        return ""

    async def _ask_notify(self) -> str:
        try:
            self.subscriptions = await self.owners.subscriptions()
        except NotAnswered as error:
            return str(error)  # what it said last still holds
        return ""

    async def _settle(self) -> bool:
        """Give and take rights; confirm what is done. Returns whether all was as it has to be."""
        if self.subscriptions is None:
            # Nobody gets rights; those of clients that may no longer have any are taken away.
            holding = await asyncio.to_thread(holders, self.admin)
            readers = frozenset(user for user in holding if self.users.get(client_of(user)) == user)
        else:
            living = {s.client_id: s.reader for s in self.subscriptions if s.state != "ended"}
            # Both have to know of a change: a subscription that it ends is not given to new tokens.
            readers = frozenset(
                user for client_id, user in living.items() if user and self._is(client_id, user)
            )
        if not self._looked_lately(readers):
            self._settled = None
            if not await asyncio.to_thread(settle, self.admin, readers):
                say("topics and rights changed on Kafka", readers=len(readers))
                return False
            self._settled = readers, time.monotonic()
        return await self._confirm(readers)

    def _is(self, client_id: str, user: str) -> bool:
        return self.users.get(client_id) == user

    def _looked_lately(self, readers: frozenset[str]) -> bool:
        if self._settled is None:
            return False
        then, at = self._settled
        return then == readers and time.monotonic() - at < LOOK_SECONDS

    async def _confirm(self, readers: frozenset[str]) -> bool:
        """Tell notify what is done; False when a topic is only just being deleted."""
        done = True
        for subscription in self.subscriptions or ():
            facts = {"subscription": subscription.id, "client_id": subscription.client_id}
            if subscription.state == "ended":
                if not await asyncio.to_thread(drop, self.admin, subscription.client_id):
                    done = False
                    continue
                await self.owners.removed(subscription)
                say("subscription removed", **facts)
            elif subscription.reader in readers and subscription.id not in self._told:
                await self.owners.ready(subscription, self.settings.kafka_oauth)
                self._told.add(subscription.id)
                say("subscription ready", **facts)
        return done

    def _tell(self, why: str) -> None:
        """Say what is lacking when that has changed, and that we live."""
        word = self.folder.path / WORD
        if why == self._said and word.exists():
            os.utime(word)
            return
        say("waiting" if why else "all is as it has to be", **({"cause": why} if why else {}))
        self.folder.write(WORD, {"pid": os.getpid(), "why": why})
        self._said = why


def say(event: str, **facts: object) -> None:
    """Write one line to the log."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(json.dumps({"timestamp": moment, "event": event, **facts}), flush=True)


async def provide(settings: Settings) -> None:
    """Make passes until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    folder = Folder(settings.run)
    admin = Admin.of(settings.kafka_bootstrap, folder.secret)
    async with aiohttp.ClientSession(timeout=DEADLINE) as session:
        addresses: dict[Service, str] = {
            "gateway": settings.gateway_url,
            "notify": settings.notify_url,
        }
        owners = Owners(session, addresses, settings.client_key)
        provisioner = Provisioner(owners, admin, folder, settings)
        while not stop.is_set():
            again = await provisioner.once()
            try:
                async with asyncio.timeout(_SHORT_SECONDS if again else PAUSE_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue


if __name__ == "__main__":
    asyncio.run(provide(load(Settings)))
