"""A stand-in for signing on a real socket, which shows evidence and makes reports of it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from infra.pki.authority import key_pem, new_key
from shared.internal import Internal
from tests.docs.server import Running
from tests.fixtures.database import settings_of
from tests.fixtures.stack import Backing, Databases


@dataclass(slots=True)
class Shelf:
    """What a stand-in for signing's `/internal/verdicts/{sha256}` holds."""

    contents: dict[str, bytes] = field(default_factory=dict[str, bytes])
    asked: list[str] = field(default_factory=list[str])
    up: bool = True
    refuses: tuple[str, int] | None = None
    """With which problem signing refuses a form; it finds, say, that its evidence was changed."""
    mebibytes: int = 0
    """So large is every report; 0: as it lies in `contents`."""

    async def verdict(self, request: web.Request) -> web.Response:
        """Show evidence."""
        self.asked.append(request.match_info["sha256"])
        content = self.contents.get(request.match_info["sha256"])
        if not self.up or content is None:
            return web.Response(status=404 if self.up else 503)
        return web.Response(body=content, content_type="application/json")

    async def report(self, request: web.Request) -> web.StreamResponse:
        """Show a report."""
        self.asked.append(request.path_qs)
        if self.mebibytes:
            return await _large(request, self.mebibytes)
        content = self.contents.get(request.match_info["form"])
        if self.refuses is not None:
            code, status = self.refuses
            return web.json_response({"code": code, "status": status}, status=status)
        if not self.up or content is None:
            return web.Response(status=503)
        return web.Response(body=content)


async def _large(request: web.Request, mebibytes: int) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(mebibytes):
        await answer.write(bytes(1 << 20))
    return answer


@asynccontextmanager
async def open_shelf(
    docs: Running, databases: Databases, backing: Backing, folder: Path
) -> AsyncGenerator[Shelf]:
    """Open one for the length of a `with`, and tell docs where."""
    shelf = Shelf()
    app = web.Application()
    app.router.add_get("/internal/verdicts/{sha256}", shelf.verdict)
    app.router.add_get("/internal/verdicts/{sha256}/{form}", shelf.report)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    key = folder / "service-docs.key.pem"
    key.write_bytes(key_pem(new_key()))
    settings = settings_of(databases, "docs", backing).model_copy(
        update={"issuer_metadata": docs.issuer.metadata, "client_key": key}
    )
    async with Internal.open(settings, {"signing": site.name}) as internal:
        docs.state.internal = internal
        yield shelf
    await runner.cleanup()
