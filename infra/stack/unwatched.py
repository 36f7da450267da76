"""What runs in a folder whose supervisor is gone, and how it is: asked of each process itself."""

import asyncio
from typing import cast

from infra.stack import endings
from infra.stack.brokers import broker_names, brokers_of, port_names
from infra.stack.folder import ATTENDANTS, PARTS, PROCESSES, Folder, kind_of
from infra.stack.jaeger import Jaeger
from infra.stack.kafka import Kafka
from infra.stack.part import NotYet
from infra.stack.postgres import Postgres
from infra.stack.provisioner import Provisioner
from infra.stack.services import ask
from infra.stack.spool import Spool

_OK = 200


async def states(folder: Folder) -> list[dict[str, object]]:
    """Return name, pid, address and health of each process that ever ran here; none: all ended."""
    running = {
        name: process.pid
        for name, process in await asyncio.to_thread(endings.left_behind, folder, parts=True)
    }
    if not running:
        return []
    names = {*PROCESSES, *broker_names(brokers_of(folder))}
    begun = {name for name in names if folder.log(name).exists()}
    addresses = folder.read("ports.json")
    lines: list[dict[str, object]] = []
    for name in sorted(begun | running.keys(), key=_place):
        pid = running.get(name)
        why = "does not run, and nothing starts it" if pid is None else await _fault(folder, name)
        address = str(addresses.get(kind_of(name), "-"))
        lines.append({"name": name, "pid": pid, "address": address, "healthy": not why, "why": why})
    return lines


def _place(name: str) -> tuple[int, str]:
    return PROCESSES.index(kind_of(name)), name


async def _fault(folder: Folder, name: str) -> str:
    """Return what a running process lacks, by the check its supervisor would make."""
    try:
        if name in ATTENDANTS:
            await Provisioner(folder, {}).check()
        else:
            of_part = kind_of(name) in PARTS
            await (_ask_part(folder, name) if of_part else _ask_instance(folder, name))
    except NotYet as reason:
        return str(reason)
    return ""


async def _ask_instance(folder: Folder, name: str) -> None:
    service, _, number = name.partition("-")
    private = cast("dict[str, list[str]]", folder.read("ports.json").get("metrics") or {})
    urls = private.get(service, [])
    if len(urls) < int(number or 1):
        raise NotYet("its private port is not known")
    status, text = await ask(urls[int(number or 1) - 1], "/health/ready")
    if status != _OK:
        raise NotYet(f"/health/ready says {status}: {text[:200]}")


async def _ask_part(folder: Folder, name: str) -> None:
    chosen = folder.read("chosen-ports.json")
    port = {key: int(str(value)) for key, value in chosen.items()}
    kind, number = kind_of(name), int(name.partition("-")[2] or 1)
    if (port_names(number)[0] if kind == "kafka" else name) not in port:
        raise NotYet("its port is not known")
    if name == "postgres":
        await Postgres(folder, port["postgres"]).check()
    elif kind == "kafka":
        await Kafka.at(folder, port, number).check()
    else:
        spool = Spool(folder.path / "jaeger" / "spool", port["otlp"])
        await Jaeger(folder, port["jaeger"], port["jaeger_grpc"], port["otlp"], spool).check()
