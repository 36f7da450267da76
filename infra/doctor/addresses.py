"""Who runs and who answers: the supervisor, its processes, and each address of `ports.json`."""

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from infra.doctor import store
from infra.doctor.finding import Findings, Seen, fault
from infra.doctor.site import PATIENCE, CannotLook, Site
from infra.stack import unwatched
from infra.stack.alive import Process
from infra.stack.control import Door, command
from infra.stack.folder import PROCESSES, SERVICES

_OWN = {
    "docs": "/internal/agencies",
    "signing": "/internal/verdicts/0",
    "notify": "/internal/entries",
    "gateway": "/internal/clients",
}
_API_VERSIONS = 18
_CORRELATION = 0x4C54


async def processes(site: Site) -> Seen:
    """The supervisor lives, and everything it keeps is healthy."""
    findings: Findings = []
    if Process.recorded(site.folder.pid_file("supervisor")) is None:
        text = "no supervisor: a process that ends stays down"
        findings.append(fault(text, f"{site.make('up')} starts one, which takes over what runs"))
        kept = await unwatched.states(site.folder)
    else:
        kept = await _kept(site)
    missing = set(PROCESSES) - {str(one["name"]) for one in kept}
    findings += [
        fault(f"{name} was not started", site.make("up")) for name in sorted(missing) if kept
    ]
    findings += [
        fault(f"{one['name']}: {one['why']}", _way_out(site, str(one["name"]), str(one["why"])))
        for one in kept
        if not one["healthy"]
    ]
    return Seen(f"the supervisor and {len(kept)} it keeps", tuple(findings))


def _way_out(site: Site, name: str, why: str) -> str:
    if "held down" in why:
        return site.make(f"start P={name}")
    return f"{site.make(f'logs P={name}')} says why; {site.make(f'kill P={name}')} begins it anew"


async def _kept(site: Site) -> list[dict[str, object]]:
    try:
        async with (
            asyncio.timeout(2 * PATIENCE),
            command(Door(site.folder), do="status") as following,
        ):
            while (line := await following()) is not None:
                if "processes" in line:
                    return cast("list[dict[str, object]]", line["processes"])
    except (OSError, TimeoutError):
        pass
    again = f"{site.make('kill P=supervisor')}; {site.make('up')}"
    raise CannotLook("the supervisor does not answer", again)


async def ports(site: Site) -> Seen:
    """Each address of `ports.json` is answered by the program that it names."""
    asked: dict[str, Callable[[], Awaitable[str]]] = {
        name: _Asked(site, name, url).private for name, url in site.instances()
    }
    asked = {f"{name} (private)": ask for name, ask in asked.items()}
    for name, address in site.ports.items():
        if isinstance(address, str):
            way = _Asked(site, name, address)
            asked[name] = way.service if name in SERVICES else getattr(way, name, way.kafka)
    if not asked:
        raise CannotLook(f"{site.folder.path} has no ports.json: nothing ran here", site.make("up"))
    said = await _all(asked)
    findings: Findings = [
        fault(f"{name}: {why}", _who_is_there(site, name)) for name, why in said.items() if why
    ]
    return Seen(f"{len(asked)} addresses answer as who they are", tuple(findings))


def _who_is_there(site: Site, name: str) -> str:
    process = name.partition(" ")[0].partition("_")[0].replace("otlp", "jaeger")
    return f"{site.make('status')}; {site.make(f'start P={process}')}; ss -ltnp shows who listens"


async def _all(asked: Mapping[str, Callable[[], Awaitable[str]]]) -> dict[str, str]:
    async def one(ask: Callable[[], Awaitable[str]]) -> str:
        try:
            async with asyncio.timeout(2 * PATIENCE):
                return await ask()
        except CannotLook as silent:
            return str(silent)
        except TimeoutError:
            return "does not answer"

    async with asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(one(ask)) for name, ask in asked.items()}
    return {name: task.result() for name, task in tasks.items()}


class _Asked:
    """One address, and how each kind of program is known; every way returns what is odd."""

    def __init__(self, site: Site, name: str, address: str) -> None:
        self._site, self._name, self._address = site, name, address

    async def _get(self, path: str) -> tuple[int, bytes]:
        url = self._address + path
        status, body, _ = await self._site.get(url, who=self._name)
        return status, body

    async def private(self) -> str:
        status, body = await self._get("/health/live")
        return _unlike(status, 200, body, b'"live"')

    async def service(self) -> str:
        # A route that this service alone has and nobody forwards, asked for without a token.
        status, body = await self._get(_OWN[self._name])
        return _unlike(status, 401, body, b'"code"')

    async def jaeger(self) -> str:
        status, body = await self._get("/api/services")
        return _unlike(status, 200, body, b'"data"')

    async def otlp(self) -> str:
        status, body = await self._get("/v1/traces")  # it takes POST only
        return "" if status in (400, 404, 405, 415) else _unlike(status, 405, body, b"")

    async def postgres(self) -> str:
        await self._site.query("docs", store.clock)
        return ""

    async def kafka(self) -> str:
        """Ask which requests it knows: any broker says so before a login (KIP-35)."""
        said = [await self._broker(one) for one in self._address.split(",")]
        return "; ".join(filter(None, said))

    async def _broker(self, address: str) -> str:
        host, _, port = address.rpartition(":")
        header = struct.pack(">hhih", _API_VERSIONS, 0, _CORRELATION, -1)
        try:
            reader, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return f"nobody listens at {address}"
        try:
            writer.write(struct.pack(">i", len(header)) + header)
            answer = await reader.readexactly(8)
        except (OSError, asyncio.IncompleteReadError):
            return f"what listens at {address} is no Kafka"
        finally:
            writer.close()
        known = struct.unpack(">ii", answer)[1] == _CORRELATION
        return "" if known else f"what listens at {address} is no Kafka"


def _unlike(status: int, expected: int, body: bytes, mark: bytes) -> str:
    if status == expected and mark in body:
        return ""
    return f"another program answers there ({status}: {_plain(body)})"


def _plain(body: bytes) -> str:
    text = body[:60].decode(errors="replace")
    return json.dumps(text, ensure_ascii=False)
