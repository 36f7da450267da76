"""Floors: what the parts do alone, on this machine, in this run: no pipeline can do more."""

# confluent-kafka's futures have no type arguments:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
from confluent_kafka import Producer

from infra.bench import processes, store
from infra.kafka.admin import Admin, TopicSpec
from infra.postgres.provision import admin, dsn
from infra.stack.folder import TREE, Folder

_DATABASE, _TOPIC = "bench_floor", "bench.floor"
_CLIENTS = 8
_FILE_BYTES = 112_000
_RECORD_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class Floor:
    """How fast one part is alone."""

    name: str
    what: str
    per_second: float
    cpu_ms: float
    """Milliseconds of CPU per operation, of all processes that took part."""


async def postgres(folder: Folder, port: int, seconds: float) -> Floor:
    """Insert rows, each in a transaction of its own, from 8 connections, in a scratch database."""
    connection = await admin(port, folder.secret)
    await store.make_scratch(connection, _DATABASE)
    address = dsn(port, "postgres", folder.secret("postgres"), _DATABASE)
    try:
        async with asyncpg.create_pool(address, min_size=_CLIENTS, max_size=_CLIENTS) as pool:
            async with pool.acquire() as one:
                await store.make_floor(one)
            before, began = _cpu(folder.path), time.perf_counter()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_insert(pool, seconds)) for _ in range(_CLIENTS)]
            passed, used = time.perf_counter() - began, _cpu(folder.path) - before
    finally:
        await store.drop_scratch(connection, _DATABASE)
        await connection.close()
    rows = sum(task.result() for task in tasks)
    what = f"insert + commit of one row, {_CLIENTS} connections, asyncpg"
    return Floor("postgres", what, rows / passed, 1000 * used / rows)


async def _insert(pool: "asyncpg.Pool[asyncpg.Record]", seconds: float) -> int:
    recipient, rows, end = uuid4(), 0, time.monotonic() + seconds
    async with pool.acquire() as connection:
        while time.monotonic() < end:
            await store.insert_floor(connection, (uuid4(), recipient, rows, "x" * 150))
            rows += 1
    return rows


def disk(folder: Folder, seconds: float) -> Floor:
    """Write files of a document's size, each safe on disk before the next, from 8 threads."""
    place = folder.path / "bench-floor"
    place.mkdir(exist_ok=True)
    before, began = _cpu(folder.path), time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as pool:
        counts = [pool.submit(_write, place / str(n), seconds) for n in range(_CLIENTS)]
        files = sum(count.result() for count in counts)
    place.rmdir()
    passed, used = time.perf_counter() - began, _cpu(folder.path) - before
    what = (
        f"write + fsync + rename + fsync of the folder, {_FILE_BYTES:,} bytes, {_CLIENTS} threads"
    )
    return Floor("disk", what, files / passed, 1000 * used / files)


def _write(place: Path, seconds: float) -> int:
    place.mkdir(exist_ok=True)
    content, files, end = os.urandom(_FILE_BYTES), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        path = place / str(files % 64)
        with path.with_suffix(".half").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".half").replace(path)
        opened = os.open(place, os.O_RDONLY)
        os.fsync(opened)
        os.close(opened)
        files += 1
    for path in place.iterdir():
        path.unlink()
    place.rmdir()
    return files


def kafka(folder: Folder, bootstrap: str, seconds: float) -> Floor:
    """Produce records of 1 KB, idempotent, all replicas, to a scratch topic."""
    administration = Admin.of(bootstrap, folder.secret)
    administration.make_topics([TopicSpec(_TOPIC, 6)])
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": "admin",
            "sasl.password": folder.secret("admin"),
            "enable.idempotence": True,
            "linger.ms": 5,
        }
    )
    try:
        _produce(producer, 0.2)  # connects
        before, began = _cpu(folder.path), time.perf_counter()
        records = _produce(producer, seconds)
        passed, used = time.perf_counter() - began, _cpu(folder.path) - before
    finally:
        for removed in administration.client.delete_topics([_TOPIC]).values():
            removed.result(30)
    what = f"produce of {_RECORD_BYTES:,} bytes, idempotent, acks=all, linger 5 ms"
    return Floor("kafka", what, records / passed, 1000 * used / records)


def _produce(producer: Producer, seconds: float) -> int:
    value, records, end = os.urandom(_RECORD_BYTES), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            producer.produce(_TOPIC, value, key=str(records % 100))
        except BufferError:
            producer.poll(0.01)
            continue
        records += 1
        producer.poll(0)
    producer.flush(30)
    return records


def verification(
    papers: list[Path], *, root: bytes, issuing: bytes, lists: dict[str, bytes], seconds: float
) -> Floor:
    """Verify the same papers by the same function, in one process that does nothing else."""
    given = {
        "papers": [str(path) for path in papers],
        "root": root.hex(),
        "issuing": issuing.hex(),
        "lists": {name: der.hex() for name, der in lists.items()},
        "seconds": seconds,
    }
    done = subprocess.run(
        [sys.executable, "-m", "infra.bench.verifying"],
        input=json.dumps(given).encode(),
        capture_output=True,
        check=True,
        cwd=TREE,
    )
    count, passed, used = (float(word) for word in done.stdout.split())
    what = "verification of a paper of 112,000 bytes (2 signatures), one process"
    return Floor("verification", what, count / passed, 1000 * used / count)


def _cpu(run: Path) -> float:
    return sum(processes.cpu(run).values())


async def all_floors(
    folder: Folder,
    ports: dict[str, str],
    *,
    verify: Callable[[], Floor],
    seconds: float,
    say: Callable[[str], None],
) -> list[Floor]:
    """Measure all four, one after another."""
    say(f"floors, {seconds:g} s each")
    port = int(ports["postgres"].rpartition(":")[2])
    floors = [await postgres(folder, port, seconds)]
    floors.append(await asyncio.to_thread(disk, folder, seconds))
    floors.append(await asyncio.to_thread(kafka, folder, ports["kafka"], seconds))
    floors.append(await asyncio.to_thread(verify))
    return floors
