"""A system's Kafka mailbox, read over OAuth with the token of REST; it rings a reader of REST."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import aiohttp
from aiokafka import AIOKafkaConsumer
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError, KafkaError

from tests.proof.client import Refused, System, Unreachable
from tests.proof.harness import Json
from tests.proof.records import Records

# A broken connection is what is waited for here; it is written down, not shown.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
_PAUSE, _CLOSING = 1.0, 5.0
_ARRIVED = "mailbox.arrived"


class Tokens(AbstractTokenProvider):
    """The token of REST, at each connection anew."""

    def __init__(self, system: System) -> None:
        """Ask in the name of a system."""
        self._system = system

    async def token(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride] -- untyped base
        """Return a living token. Raises KafkaConnectionError, after which aiokafka tries again."""
        try:
            return await self._system.token()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # Any other error ends aiokafka's fetching (0.14).
            raise KafkaConnectionError(f"no token: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One system's mailbox topic."""

    system: System
    records: Records
    ring: Callable[[], None]

    async def work(self) -> None:
        """Subscribe and read until cancelled, with a new consumer after each trouble."""
        while True:
            try:
                await self._read(await self.subscribed())
            except (KafkaError, Refused, Unreachable, OSError, TimeoutError) as error:
                line = {"e": "trouble", "system": self.system.client_id, "kind": "kafka"}
                self.records.seen.note(line | {"why": repr(error)[:200]})
            await asyncio.sleep(_PAUSE)

    async def subscribed(self) -> Json:
        """Ask for the mailbox (asking again answers the same one); return how to connect."""
        headers = {"Idempotency-Key": str(uuid4())}
        asked = await self.system.ask(
            "POST", "/v1/subscriptions", body={"kind": "kafka"}, headers=headers
        )
        path = asked.headers["Location"]
        while True:
            found = (await self.system.ask("GET", path)).json()
            if found["state"] == "ready" and found["kafka"]:
                return found["kafka"]
            await asyncio.sleep(_PAUSE)

    async def _read(self, kafka: Json) -> None:
        settings = cast("dict[str, Any]", kafka["settings"]["aiokafka"])
        consumer = AIOKafkaConsumer(
            kafka["topic"], **settings, sasl_oauth_token_provider=Tokens(self.system)
        )
        try:
            await consumer.start()
            while True:
                found = cast("dict[Any, list[Any]]", await consumer.getmany(timeout_ms=1000))  # pyright: ignore[reportUnknownMemberType] -- no types
                for records in found.values():
                    for record in records:
                        self._hear(dict(record.headers), record.value)
                if found:
                    await consumer.commit()  # pyright: ignore[reportUnknownMemberType] -- no types
        finally:
            await _stop(consumer)

    def _hear(self, headers: dict[str, bytes], value: bytes | None) -> None:
        kind = headers["ce_type"].decode()
        if value is None or _ARRIVED not in kind:
            return
        event = cast("Json", json.loads(value))
        self.records.seen.note(
            {
                "e": "notice",
                "via": f"kafka:{self.system.client_id}",
                "agency": event["recipient"],
                "kind": "delivery.arrived",
                "delivery": event["delivery_id"],
                "event": headers["ce_id"].decode(),
                "lane": event["lane"],
                "sequence": event["sequence"],
                "leak": b"canary-" in value,
            }
        )
        self.ring()


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer; with Kafka away that may hang (aiokafka 0.14)."""
    try:
        async with asyncio.timeout(_CLOSING):
            await consumer.stop()
    except (KafkaError, OSError, TimeoutError):
        pass
