"""A system's Kafka mailbox, read over OAuth with the token of REST; it rings a reader of REST."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
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
_WHOLE = 120.0
"""Seconds to read a whole topic."""
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
        line = told(headers, value, via=f"kafka:{self.system.client_id}")
        if line is not None:
            self.records.seen.note(line)
            self.ring()


def told(headers: Mapping[str, bytes], value: bytes | None, *, via: str) -> Json | None:
    """Return what a record tells of an arrival; None: it tells of something else."""
    if value is None or _ARRIVED not in headers["ce_type"].decode():
        return None
    event = cast("Json", json.loads(value))
    return {
        "e": "notice",
        "via": via,
        "agency": event["recipient"],
        "kind": "delivery.arrived",
        "delivery": event["delivery_id"],
        "event": headers["ce_id"].decode(),
        "lane": event["lane"],
        "sequence": event["sequence"],
        "leak": b"canary-" in value,
    }


async def whole(
    topic: str, settings: Mapping[str, object], tokens: AbstractTokenProvider
) -> list[tuple[dict[str, bytes], bytes | None]]:
    """Return all records of a topic up to its present end, by no group: no offset is moved.

    Raises KafkaError, OSError, TimeoutError.
    """
    alone = cast("dict[str, Any]", {**settings, "group_id": None})
    consumer = AIOKafkaConsumer(topic, **alone, sasl_oauth_token_provider=tokens)
    found: list[tuple[dict[str, bytes], bytes | None]] = []
    try:
        async with asyncio.timeout(_WHOLE):
            await consumer.start()
            parts = consumer.assignment()
            ends = cast("dict[Any, int]", await consumer.end_offsets(parts))  # pyright: ignore[reportUnknownMemberType] -- no types
            while await _short_of(consumer, ends):
                some = cast("dict[Any, list[Any]]", await consumer.getmany(timeout_ms=1000))  # pyright: ignore[reportUnknownMemberType] -- no types
                found += [(dict(r.headers), r.value) for records in some.values() for r in records]
    finally:
        await _stop(consumer)
    return found


async def _short_of(consumer: AIOKafkaConsumer, ends: Mapping[Any, int]) -> bool:
    """Say whether a partition is not read up to its end."""
    for part, end in ends.items():
        if await consumer.position(part) < end:  # pyright: ignore[reportUnknownMemberType] -- no types
            return True
    return False


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer; with Kafka away that may hang (aiokafka 0.14)."""
    try:
        async with asyncio.timeout(_CLOSING):
            await consumer.stop()
    except (KafkaError, OSError, TimeoutError):
        pass
