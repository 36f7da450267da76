"""A service's processes: all ended and held down while its database is set back, then started."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import cast
from urllib.request import urlopen

from infra.restore.tools import say
from infra.stack.control import Door, command
from infra.stack.folder import Folder
from infra.stack.trouble import Trouble


async def _ask(folder: Folder, do: str, **words: object) -> dict[str, object]:
    """Have a command carried out by the supervisor; raises Trouble."""
    try:
        async with command(Door(folder), do=do, **words) as following:
            while (line := await following()) is not None:
                if line.get("end") == "trouble":
                    raise Trouble(str(line["what"]), str(line["way_out"]))
                if "end" in line:
                    return line
    except OSError:
        pass
    raise Trouble("no supervisor answers here", f"{folder.hint('')} make up".strip())


async def instances(folder: Folder, service: str) -> dict[str, int | None]:
    """Return the processes of a service that the supervisor keeps, with their pids."""
    states = cast("list[dict[str, object]]", (await _ask(folder, "status"))["processes"])
    return {
        str(one["name"]): cast("int | None", one["pid"])
        for one in states
        if str(one["name"]).partition("-")[0] == service
    }


@asynccontextmanager
async def ended(folder: Folder, service: str) -> AsyncGenerator[None]:
    """End every process of a service, and start them again afterwards, whatever happened.

    One that survived would publish what its database does not know any more. So one that somebody
    begins meanwhile is ended, too, before any is started again. Raises Trouble, also when one does
    not run again; the others are started all the same.
    """
    began = time.monotonic()
    names: list[str] = []
    try:
        await _hold(folder, service, names)
        say(f"ended {', '.join(names) or 'nothing'}")
        yield
        await _hold(folder, service, names)
    except BaseException:
        for name, trouble in (await _started(folder, service, names)).items():
            say(f"{name} does not run again: {trouble}")
        raise
    failed = await _started(folder, service, names)
    if failed:
        why = "; ".join(f"{name}: {trouble.what}" for name, trouble in failed.items())
        raise Trouble(
            f"does not run again: {why}", f"make status; make start P={next(iter(failed))}"
        )
    say(f"started again after {time.monotonic() - began:.1f} s")


async def _hold(folder: Folder, service: str, names: list[str]) -> None:
    """End the processes that there are now and hold them down; add those that are new to `names`.

    Raises Trouble when one does not stay down.
    """
    for name in await instances(folder, service):
        if name not in names:
            names.append(name)
        await _ask(folder, "kill", process=name, hold=True)
    left = [name for name, pid in (await instances(folder, service)).items() if pid]
    if left:
        raise Trouble(f"{', '.join(left)} does not stay down", "make status; try again")


async def _started(folder: Folder, service: str, names: Sequence[str]) -> dict[str, Trouble]:
    """Start those of them that are still kept, at once; return which do not run, and why."""
    failed: dict[str, Trouble] = {}
    try:
        kept = await instances(folder, service)
    except Trouble as trouble:
        return dict.fromkeys(names, trouble)
    async with asyncio.TaskGroup() as group:
        for name in names:
            if name in kept:
                group.create_task(_start(folder, name, failed))
    return failed


async def _start(folder: Folder, name: str, failed: dict[str, Trouble]) -> None:
    try:
        await _ask(folder, "start", process=name)
    except Trouble as trouble:
        failed[name] = trouble


def gauge(folder: Folder, service: str, name: str) -> float | None:
    """Read a gauge of a service, the highest of its instances; None while one does not tell."""
    addresses = cast("dict[str, list[str]]", folder.read("ports.json").get("metrics") or {})
    found: list[float] = []
    for address in addresses.get(service, []):
        try:
            with urlopen(f"{address}/metrics", timeout=5) as answer:  # noqa: S310 (our own ports)
                lines = answer.read().decode().splitlines()
        except OSError:
            return None
        found += [float(line.split()[1]) for line in lines if line.startswith(f"{name} ")]
        if not any(line.startswith(f"{name} ") for line in lines):
            return None
    return max(found, default=None)


def written(folder: Folder, name: str, content: object) -> str:
    """Write a list for the operator into the state folder; return its path."""
    path = folder.path / name
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return str(path)
