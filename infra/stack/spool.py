"""Keeps the spans that come while Jaeger is still being built, and hands them over afterwards."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from infra.stack.part import NotYet

LARGEST = 64 << 20
"""Bytes kept; what comes beyond is answered 429 and lost, as spans may be."""
_BODY = 16 << 20


@dataclass(slots=True)
class Spool:
    """A stand-in for Jaeger's OTLP port; `async with` holds the port, `hand_over` empties it."""

    folder: Path
    port: int
    _runner: web.AppRunner | None = None
    _kept: int = 0
    _number: int = 0
    _opened: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> Self:
        """Listen on the port."""
        self.folder.mkdir(parents=True, exist_ok=True)
        app = web.Application(client_max_size=_BODY)
        app.router.add_post("/v1/traces", self._keep)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True).start()
        self._runner = runner
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the port to Jaeger."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def hand_over(self) -> None:
        """Send what was kept to Jaeger; raises NotYet if it does not take it."""
        kept = await asyncio.to_thread(self._kept_files)
        try:
            async with aiohttp.ClientSession() as session:
                for file in kept:
                    await self._send(session, file)
                    await asyncio.to_thread(file.unlink)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotYet(f"does not take the spans kept for it: {error}") from error

    def _kept_files(self) -> list[Path]:
        return sorted(self.folder.glob("*.otlp"))

    async def _keep(self, request: web.Request) -> web.Response:
        body = await request.read()
        async with self._opened:
            if self._kept + len(body) > LARGEST:
                return web.Response(status=429)
            self._number += 1
            self._kept += len(body)
            zipped = "gz" if request.headers.get("Content-Encoding") == "gzip" else "plain"
            file = self.folder / f"{self._number:06}.{zipped}.otlp"
            await asyncio.to_thread(file.write_bytes, body)
        return web.Response(content_type="application/x-protobuf")

    async def _send(self, session: aiohttp.ClientSession, file: Path) -> None:
        headers = {"Content-Type": "application/x-protobuf"}
        if ".gz." in file.name:
            headers["Content-Encoding"] = "gzip"
        url = f"http://127.0.0.1:{self.port}/v1/traces"
        body = await asyncio.to_thread(file.read_bytes)
        async with session.post(url, data=body, headers=headers) as answer:
            answer.raise_for_status()
