"""`python -m infra.stack up|down|status …`: what the Makefile's targets call."""

import argparse
import asyncio
import fcntl
import signal
import sys
from collections.abc import Awaitable, Callable

from infra.postgres.provision import answers
from infra.stack.alive import Process
from infra.stack.folder import Folder
from infra.stack.kafka import Kafka
from infra.stack.launch import Launch, start
from infra.stack.ports import Ports, keep_ports, kept_ports
from infra.stack.postgres import Postgres
from infra.stack.trouble import Trouble


def _run(folder: Folder, name: str, launch: Launch) -> None:
    process = Process.of(start(launch, folder.log(name)).pid)
    if process is not None:
        process.record(folder.pid_file(name))


def _gone(process: Process) -> bool:
    return not process.alive()


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    while True:
        if await condition():
            return
        await asyncio.sleep(0.1)


async def _up(folder: Folder) -> None:
    folder.make()
    lock = (folder.path / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    ports, kept = Ports(), kept_ports(folder)
    running = {name for name in ("postgres", "kafka") if Process.recorded(folder.pid_file(name))}
    for name, part in (("postgres", "postgres"), ("kafka", "kafka"), ("kafka_controller", "kafka")):
        ports.choose(name, kept=kept.get(name), ours=part in running)
    keep_ports(folder, ports.chosen)
    folder.write(
        "ports.json",
        {"postgres": f"127.0.0.1:{ports['postgres']}", "kafka": f"127.0.0.1:{ports['kafka']}"},
    )
    postgres = Postgres(folder, ports["postgres"])
    kafka = Kafka(folder, ports["kafka"], ports["kafka_controller"])
    if "postgres" not in running:
        postgres.prepare(print)
        _run(folder, "postgres", postgres.launch())
    if "kafka" not in running:
        kafka.prepare(print)
        _run(folder, "kafka", kafka.launch())
    await _until(lambda: answers(ports["postgres"], folder.secret))
    await postgres.provision()
    await _until(lambda: asyncio.to_thread(kafka.answers))
    kafka.provision()


async def _down(folder: Folder) -> None:
    for name in ("kafka", "postgres"):
        process = Process.recorded(folder.pid_file(name))
        if process is not None:
            process.send(signal.SIGINT)
            await _until(lambda: asyncio.to_thread(_gone, process))
        folder.pid_file(name).unlink(missing_ok=True)


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m infra.stack")
    parser.add_argument("command", choices=["up", "down"])
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    folder = Folder.here()
    try:
        asyncio.run(_up(folder) if given.command == "up" else _down(folder))
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
