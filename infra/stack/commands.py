"""The commands that a supervisor carries out, one per connection."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias, cast

from infra.stack.control import Answer, Door, serve
from infra.stack.folder import PROCESSES, SERVICES, kind_of
from infra.stack.keeper import Keeper
from infra.stack.part import NotYet
from infra.stack.services import Instance
from infra.stack.supervisor import Supervisor
from infra.stack.trouble import Trouble

_REPORT = "if its disk is full, make room and try again; else report this fault"
_LONGEST_WAIT = 1800.0
"""Seconds: Jaeger may have to be built over a slow network."""
MOST = 8
"""Instances of one service."""
Command: TypeAlias = Callable[[Supervisor, Mapping[str, object]], Awaitable[dict[str, object]]]


async def open_door(supervisor: Supervisor) -> asyncio.Server:
    """Choose the ports and begin to take commands."""
    trouble: list[Trouble] = []
    try:
        supervisor.sockets.open()
    except Trouble as no_ports:
        trouble.append(no_ports)

    async def handle(words: dict[str, object], answer: Answer) -> None:
        if trouble:
            await answer(_failure(trouble[0]))
            supervisor.over.set()
            return
        await _told(supervisor, words, answer)

    return await serve(Door(supervisor.folder), handle)


async def _told(supervisor: Supervisor, words: dict[str, object], answer: Answer) -> None:
    """Carry a command out while its sender is told what goes on.

    The command belongs to the supervisor: it goes on when its sender is interrupted.
    """
    listener: asyncio.Queue[str | None] = asyncio.Queue()
    outcome: dict[str, object] = {}

    async def work() -> None:
        try:
            command = COMMANDS[str(words.get("do"))]
            outcome.update({"end": "done", **await command(supervisor, words)})
        except Trouble as trouble:
            outcome.update(_failure(trouble))
        except Exception:  # noqa: BLE001 (a command that fails must not end what is kept)
            text = traceback.format_exc()
            outcome.update(_failure(Trouble(f"a fault of the supervisor\n{text}", _REPORT)))
        finally:
            listener.put_nowait(None)

    told = cast("asyncio.Queue[str]", listener)
    supervisor.listeners.add(told)
    try:
        supervisor.group.create_task(work())
        while (text := await listener.get()) is not None:
            await answer({"say": text})
        await answer(outcome)
    finally:
        supervisor.listeners.discard(told)


def _failure(trouble: Trouble) -> dict[str, object]:
    return {"end": "trouble", "what": trouble.what, "way_out": trouble.way_out}


async def _up(supervisor: Supervisor, words: Mapping[str, object]) -> dict[str, object]:
    wanted = [name for name in str(words.get("only") or "").split(",") if name] or [*PROCESSES]
    if unknown := set(wanted) - set(PROCESSES):
        raise _unknown(", ".join(sorted(unknown)))
    for sentence in supervisor.sockets.ports.moved:
        supervisor.say(sentence)
    supervisor.sockets.ports.moved.clear()
    asked = {name: str(words.get(name) or "") for name in ("seed", "brokers")}
    await supervisor.up(wanted, _given(words), **asked)
    return {"ports": supervisor.folder.read("ports.json")}


def _given(words: Mapping[str, object]) -> dict[str, str]:
    given = cast("dict[str, str]", words.get("env") or {})
    return {str(name): str(value) for name, value in given.items()}


async def _kill(supervisor: Supervisor, words: Mapping[str, object]) -> dict[str, object]:
    keeper = _named(supervisor, words)
    pid = None if keeper.process is None else keeper.process.pid
    await keeper.kill(hold=bool(words.get("hold")))
    return {"pid": pid}


async def _start(supervisor: Supervisor, words: Mapping[str, object]) -> dict[str, object]:
    name, given = str(words.get("process")), _given(words)
    if name not in supervisor.keepers and name in PROCESSES:
        await supervisor.up([name], given)
        return {}
    keeper = _named(supervisor, words)
    if given and isinstance(keeper.part, Instance):
        keeper.part.given.update(given)
        await keeper.restart()
    keeper.release()
    await supervisor.all_ready([name])
    return {}


async def _scale(supervisor: Supervisor, words: Mapping[str, object]) -> dict[str, object]:
    service, count = str(words.get("process")), int(str(words.get("count")))
    if service not in SERVICES or service not in supervisor.keepers:
        raise _unknown(service)
    if not 1 <= count <= MOST:
        raise Trouble(f"{count} instances cannot be had", f"choose 1 to {MOST}")
    await supervisor.scale(service, count)
    return {}


async def _replace(supervisor: Supervisor, words: Mapping[str, object]) -> dict[str, object]:
    service = str(words.get("process"))
    if service not in SERVICES or service not in supervisor.keepers:
        raise _unknown(service)
    replaced = await supervisor.replace(service)
    supervisor.say(f"{service}: {replaced} replaced")
    return {"replaced": replaced}


async def _wait(supervisor: Supervisor, words: Mapping[str, object]) -> dict[str, object]:
    keeper = _named(supervisor, words)
    name = keeper.part.name
    end = time.monotonic() + _LONGEST_WAIT
    while not keeper.ready.is_set():
        if keeper.trouble is not None:
            raise keeper.trouble
        if keeper.held or name not in supervisor.keepers:
            raise Trouble(f"{name} is held down or ended", f"make start P={name}")
        if time.monotonic() > end:
            raise Trouble(f"{name} is still not ready: {keeper.why}", f"make logs P={name}")
        await asyncio.sleep(0.1)
    return {}


async def _status(supervisor: Supervisor, words: Mapping[str, object]) -> dict[str, object]:
    del words
    return {"processes": [await _state(keeper) for keeper in _in_order(supervisor)]}


async def _state(keeper: Keeper) -> dict[str, object]:
    why = keeper.why
    if keeper.ready.is_set():
        try:
            await keeper.part.check()
        except NotYet as reason:
            why = str(reason)
    return {
        "name": keeper.part.name,
        "pid": None if keeper.process is None else keeper.process.pid,
        "address": keeper.part.address,
        "healthy": not why,
        "why": why,
    }


async def _down(supervisor: Supervisor, words: Mapping[str, object]) -> dict[str, object]:
    del words
    await supervisor.down()
    return {}


def _in_order(supervisor: Supervisor) -> list[Keeper]:
    order = {name: number for number, name in enumerate(PROCESSES)}
    kept = supervisor.keepers
    return [kept[name] for name in sorted(kept, key=lambda n: (order[kind_of(n)], n))]


def _named(supervisor: Supervisor, words: Mapping[str, object]) -> Keeper:
    name = str(words.get("process"))
    if name not in supervisor.keepers:
        raise _unknown(name)
    return supervisor.keepers[name]


def _unknown(name: str) -> Trouble:
    return Trouble(
        f"there is no process '{name}' in this stack", f"name one: P={' | '.join(PROCESSES)}"
    )


COMMANDS: dict[str, Command] = {
    "up": _up,
    "down": _down,
    "kill": _kill,
    "start": _start,
    "scale": _scale,
    "replace": _replace,
    "status": _status,
    "wait": _wait,
}
