"""What producer and reader share: the login, the connections, and errors by one name."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from shared.kafka import KafkaAccess, KafkaLost

T = TypeVar("T")

REQUEST_MS = 10_000
CLOSE_SECONDS = 3
_CLOSED = "the handler is closed"
"""uvloop, of a write on a transport that has gone (uvloop/handles/handle.pyx)."""


def login(access: KafkaAccess) -> dict[str, Any]:
    secure = {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": access.user,
        "sasl_plain_password": access.password,
    }
    return {
        "bootstrap_servers": access.bootstrap,
        "client_id": access.user or "lienthong",
        "request_timeout_ms": REQUEST_MS,
        "metadata_max_age_ms": 30_000,
        **(secure if access.user else {}),
    }


class Line:
    """The connections of one client: a lost one may have led to a log that is now another."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 (aiokafka's client has no types)
        self._client = client
        self._seen: set[Any] = set()

    def lost(self) -> bool:
        """Say whether a connection that we used has ended since the last call."""
        alive = set(self._client._conns.values())  # noqa: SLF001 (no public signal: #1154)
        gone = any(conn not in alive or not conn.connected() for conn in self._seen)
        # The bootstrap connection is replaced by design, once.
        self._seen = {c for i, c in self._client._conns.items() if i[0] != "bootstrap"}  # noqa: SLF001
        return gone

    async def cluster(self) -> str:
        """Ask a broker for the cluster's id: any that answers, as one of three may be dead."""
        for broker in self._client.cluster.brokers():
            with suppress(KafkaError, OSError):
                answer = await self._client.send(broker.nodeId, MetadataRequest([]))
                return str(answer.cluster_id)
        raise KafkaLost


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Wait for aiokafka so long and no longer: it swallows cancellation, and may then hang.

    Raises TimeoutError, also when aiokafka cancels what it was asked (a lost connection can end
    so); what hangs is left behind with its cancellation. Raises ConnectionResetError where aiokafka
    writes to a connection that has just been closed: uvloop calls that a RuntimeError.
    """
    # A TaskGroup would wait for what hangs; so would asyncio.timeout().
    task = asyncio.get_running_loop().create_task(work)
    try:
        await asyncio.wait((task,), timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_ignore)
    if not task.done() or task.cancelled():
        raise TimeoutError
    try:
        return task.result()
    except RuntimeError as error:
        if _CLOSED not in str(error):
            raise
        raise ConnectionResetError(str(error)) from error


def _ignore(task: "asyncio.Task[T]") -> None:
    if not task.cancelled():
        task.exception()  # seen: nobody waits for it any more


async def guard(question: Coroutine[Any, Any, T]) -> T:
    """Ask within the time of a request. Raises KafkaLost."""
    try:
        return await within(REQUEST_MS / 1000, question)
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaLost from error
