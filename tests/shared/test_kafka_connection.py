"""A connection that ends under aiokafka's hands is a lost one, whatever the event loop calls it."""

import asyncio

import pytest
import uvloop

from shared.kafka import KafkaLost
from shared.kafka.connection import guard, within


async def _write_on_a_closed_connection() -> None:
    """Do what aiokafka does when a broker goes away between its look and its write."""
    ended = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        _, writer = await asyncio.open_connection(host, port)
        await ended.wait()
        writer.transport.abort()
        await asyncio.sleep(0)  # uvloop closes a handle in the loop's next turn
        writer.write(b"a request")


def test_a_write_on_a_closed_connection_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionResetError, match="the handler is closed"):
        uvloop.run(within(5, _write_on_a_closed_connection()))


def test_a_question_on_a_closed_connection_is_kafka_lost() -> None:
    with pytest.raises(KafkaLost):
        uvloop.run(guard(_write_on_a_closed_connection()))


def test_any_other_fault_stays_what_it_is() -> None:
    async def fault() -> None:
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        uvloop.run(within(5, fault()))
