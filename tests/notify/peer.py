"""What notify asks of docs, on a real socket: mailboxes, heads and receipts that a test sets."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from aiohttp import web

from shared.events import DeliveryAcknowledged, DeliveryStatusReported
from tests.notify.chains import Mailbox


@dataclass(slots=True)
class Docs:
    """The mailboxes and receipts that docs holds, and the life of its database."""

    boxes: list[Mailbox] = field(default_factory=list[Mailbox])
    receipts: list[DeliveryAcknowledged] = field(default_factory=list[DeliveryAcknowledged])
    statuses: list[DeliveryStatusReported] = field(default_factory=list[DeliveryStatusReported])
    epoch: UUID = field(default_factory=uuid4)
    traceparent: str | None = None
    """Of all dispatches."""
    down: bool = False
    asked: int = 0
    url: str = ""

    async def get_mailbox(self, request: web.Request) -> web.Response:
        """Answer the entries of one lane."""
        wanted, query = request.match_info, request.query
        found = [
            entry
            for box in self.boxes
            if (str(box.agency), box.lane) == (wanted["agency"], wanted["lane"])
            for entry in box.made
        ]
        start, limit = int(query["from"]) - 1, int(query["limit"])
        head = {"sequence": len(found), "hash": found[-1].hash if found else "00" * 32}
        part = [one.model_dump(mode="json") for one in found[start:][:limit]]
        traced = [self.traceparent for _ in part]
        return self._answer({"head": head, "entries": part, "traceparents": traced})

    async def get_heads(self, _request: web.Request) -> web.Response:
        """Answer the head of every lane."""
        heads = [
            {
                "agency_id": str(box.agency),
                "lane": box.lane,
                "sequence": len(box.made),
                "hash": box.made[-1].hash,
            }
            for box in self.boxes
            if box.made
        ]
        return self._answer({"heads": heads})

    async def get_receipts(self, request: web.Request) -> web.Response:
        """Answer receipts, two on a page, with their statuses."""
        after = request.query.get("after", "")
        rows = sorted(self.receipts, key=lambda one: str(one.delivery_id))
        rows = [one for one in rows if str(one.delivery_id) > after]
        following = str(rows[1].delivery_id) if len(rows) > 2 else None
        shown = {one.delivery_id for one in rows[:2]}
        items = [one.model_dump(mode="json") for one in rows[:2]]
        told = [one.model_dump(mode="json") for one in self.statuses if one.delivery_id in shown]
        return self._answer({"items": items, "statuses": told, "next": following})

    def _answer(self, body: dict[str, object]) -> web.Response:
        self.asked += 1
        status = 503 if self.down else 200
        return web.json_response({"epoch": str(self.epoch), **body}, status=status)


@asynccontextmanager
async def serve_docs() -> AsyncGenerator[Docs]:
    """Serve docs' internal routes for the length of a `with`."""
    docs = Docs()
    app = web.Application()
    app.router.add_get("/internal/mailboxes/{agency}/{lane}", docs.get_mailbox)
    app.router.add_get("/internal/heads", docs.get_heads)
    app.router.add_get("/internal/receipts", docs.get_receipts)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    docs.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield docs
    finally:
        await runner.cleanup()
