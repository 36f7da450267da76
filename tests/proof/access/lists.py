"""What lists, filters, cursors, streams and texts of refusals tell of others' objects: nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote
from uuid import uuid4

import aiohttp

from tests.proof.access.answers import Answer
from tests.proof.access.bundles import absent
from tests.proof.access.matrix import Findings
from tests.proof.access.world import SIBLING, STRANGER, World
from tests.proof.harness import Json

_PAGES = 200
_STREAM_S = 3.0
_PARTIES = frozenset({"sender", "receiver"})


@dataclass(slots=True)
class Asker:
    """Asks in one role at one door, and looks at everything that comes back."""

    world: World
    found: Findings
    role: str
    at: str

    async def get(self, path: str, mentioned: tuple[str, ...] = (), **headers: str) -> Answer:
        """Ask for a path; words that the request itself names are no finding."""
        return await self.send("GET", path, mentioned, headers={**headers})

    async def send(
        self,
        method: str,
        path: str,
        mentioned: tuple[str, ...] = (),
        *,
        headers: dict[str, str] | None = None,
        body: object = None,
    ) -> Answer:
        """Ask, and look at the answer."""
        sent = {
            "Authorization": f"Bearer {await self.world.token(self.role)}",
            "Idempotency-Key": str(uuid4()),
            **(headers or {}),
        }
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        answer = await self.world.wire.send(
            method, self.world.addresses[self.at] + path, sent, data
        )
        self.look(f"{method} {path}", answer, mentioned)
        return answer

    def look(self, where: str, answer: Answer, mentioned: tuple[str, ...]) -> None:
        """Note what it shows that is not for this role; pages and filters of a list are one."""
        self.found.ask(where.partition("?")[0], self.at, "list", self.role)
        if shown := answer.shows(self.world.secrets(self.role), mentioned):
            self.found.read(f"{where} at {self.at} ({self.role})", shown)

    async def pages(self, path: str) -> AsyncIterator[Answer]:
        """Yield every page of a list."""
        cursor, joint = "", "&" if "?" in path else "?"
        for _ in range(_PAGES):
            answer = await self.get(path + (f"{joint}cursor={quote(cursor)}" if cursor else ""))
            yield answer
            cursor = str(_page(answer).get("next_cursor") or "")
            if not cursor or not _page(answer)["items"]:
                return

    async def same(
        self,
        what: str,
        foreign: tuple[str, str],
        nothing: tuple[str, str],
        *,
        method: str = "GET",
        bodies: tuple[object, object] = (None, None),
    ) -> None:
        """Compare the answer that names something foreign with one that names nothing.

        Each is a path and the word in it (or in its body) that makes the difference.
        """
        seen: list[str] = []
        for (path, word), body in zip((foreign, nothing), bodies, strict=True):
            answer = await self.send(method, path, (word,), body=body)
            seen.append(answer.told([word]))
        if seen[0] != seen[1]:
            self.found.leak(f"{what} at {self.at} ({self.role})", *seen)


_LISTS = (
    ("docs", "/v1/documents?limit=500", ("sender",)),
    ("docs", "/v1/deliveries?direction=out&limit=500", ("sender", "receiver")),
    ("docs", "/v1/deliveries?direction=in&limit=500&expand=document", ("sender", "receiver")),
    ("docs", "/v1/deliveries?direction=in&limit=1", ("receiver",)),
    ("docs", "/v1/agencies?limit=500", ("receiver", "registrar")),
    ("notify", "/v1/inbox?limit=500", ("receiver",)),
    ("notify", "/v1/subscriptions", ("receiver",)),
    ("signing", "/v1/certificates?limit=500", ("sender",)),
    ("gateway", "/v1/clients", ("registrar",)),
    ("gateway", "/v1/connections", ("operator",)),
)
_TABLES = (
    ("docs", "/v1/documents", "sender"),
    ("docs", "/v1/deliveries?direction=out", "sender"),
    ("docs", "/v1/deliveries?direction=in", "receiver"),
    ("docs", "/v1/dispatches/{dispatch_id}/deliveries", "sender"),
    ("docs", "/v1/documents/{document_id}/timeline", "sender"),
    ("gateway", "/v1/connections", "operator"),
)


async def lists(world: World, found: Findings) -> None:
    """Read every list to its end, as JSON and as CSV, at both doors."""
    for service, path, roles in _LISTS:
        for at in sorted({"gateway", service}):
            await _all_pages(world, found, path, at=at, roles=roles)
    for service, path, role in _TABLES:
        for at in sorted({"gateway", service}):
            where = path.format_map(world.own["sent"].sent)
            await Asker(world, found, role, at).get(where, Accept="text/csv")
    for at in ("gateway", "notify"):
        for role in ("sender", "receiver", "operator", "registrar"):
            await _events(Asker(world, found, role, at))
            await _stream(Asker(world, found, role, at))


async def _all_pages(
    world: World, found: Findings, path: str, *, at: str, roles: tuple[str, ...]
) -> None:
    for role in roles:
        async for _ in Asker(world, found, role, at).pages(path):
            pass


async def _events(asker: Asker) -> None:
    after = ""
    for _ in range(_PAGES):
        answer = await asker.get(f"/v1/events?limit=500{after}")
        page = _page(answer)
        if not page.get("items"):
            return
        after = f"&after={quote(str(page['next']))}"


def _page(answer: Answer) -> Json:
    """Return a page of a list; nothing of a refusal."""
    return json.loads(answer.body) if answer.status == 200 else {}


async def _stream(asker: Asker) -> None:
    """Listen from the beginning for a while: a party to documents hears at least of its own."""
    headers = {"Authorization": f"Bearer {await asker.world.token(asker.role)}"}
    url = f"{asker.world.addresses[asker.at]}/v1/events/stream"
    status, heard = 0, bytearray()
    session = asker.world.wire.session
    try:
        async with asyncio.timeout(_STREAM_S), session.get(url, headers=headers) as answer:
            status = answer.status
            async for chunk in answer.content.iter_any():
                heard += chunk
    except (TimeoutError, aiohttp.ClientError):
        pass
    if status != 200 or (asker.role in _PARTIES and b"data:" not in heard):
        asker.found.faults.append(
            f"stream at {asker.at} ({asker.role}): {status}, {bytes(heard[:200])!r}"
        )
    asker.look("GET /v1/events/stream", Answer(status, {}, bytes(heard), 0), ())


async def questions(world: World, found: Findings) -> None:
    """Ask for what is others' by filters, foreign cursors, keys and texts of refusals."""
    for at in ("gateway", "docs"):
        asker = Asker(world, found, "sender", at)
        await _filters(asker)
        await _bodies(asker)
        await _cursors(asker, ("/v1/documents", "/v1/deliveries?direction=in"))
        await _as_others(asker, "/v1/documents")
    for at in ("gateway", "notify"):
        receiver = Asker(world, found, "receiver", at)
        await _acknowledgements(receiver)
        await _as_others(receiver, "/v1/inbox")
    for at in ("gateway", "signing"):
        await _as_others(Asker(world, found, "sender", at), "/v1/certificates")


async def _filters(asker: Asker) -> None:
    own = asker.world.own["sent"].sent
    place = f"/v1/documents/{own['document_id']}/timeline?recipient="
    await asker.same("timeline", (place + SIBLING, SIBLING), (place + "H14.03", "H14.03"))
    for direction in ("in", "out"):
        path = f"/v1/deliveries?direction={direction}&agency="
        await asker.same("deliveries", (path + SIBLING, SIBLING), (path + "H14.03", "H14.03"))
        path = f"/v1/deliveries?direction={direction}&under="
        await asker.same("deliveries", (path + SIBLING, SIBLING), (path + "H14.03", "H14.03"))
    for one in asker.world.foreign.values():
        code, nothing = one.sent["paper_code"], absent(one.sent)["paper_code"]
        path = "/v1/documents?code="
        await asker.same("by code", (path + quote(code), code), (path + quote(nothing), nothing))
        word = next(word for word in one.shown if word.startswith("tu"))
        await asker.get(f"/v1/agencies?q={word}", (word,))


async def _bodies(asker: Asker) -> None:
    """Name others' files in a request about one's own draft.

    Whose a certificate is, everybody may know: it stands in every file that it has signed.
    """
    draft = asker.world.own["sent"].draft
    path = f"/v1/documents/{draft['document_id']}/signatures"
    wanted = {"certificate": draft["certificate"], "kind": "leader"}
    for one in asker.world.foreign.values():
        words = one.sent["attachment_id"], absent(one.sent)["attachment_id"]
        await asker.same(
            "signature on another's file",
            (path, words[0]),
            (path, words[1]),
            method="POST",
            bodies=({**wanted, "attachment_id": words[0]}, {**wanted, "attachment_id": words[1]}),
        )


async def _acknowledgements(asker: Asker) -> None:
    own = asker.world.own["received"].sent
    path = f"/v1/deliveries/{own['delivery_id']}/acknowledgement"
    for one in asker.world.foreign.values():
        nothing = absent(one.sent)
        words = one.sent["attachment_id"], nothing["attachment_id"]
        same = json.loads(one.sent["digests"])[words[0]]
        bodies = [{"digests": {word: same}} for word in words]
        await asker.same(
            "acknowledged with another's file",
            (path, words[0]),
            (path, words[1]),
            method="POST",
            bodies=(bodies[0], bodies[1]),
        )


async def _cursors(asker: Asker, paths: tuple[str, ...]) -> None:
    """Go on with a cursor that another agency was given."""
    other = asker.world.parties[STRANGER]
    for path in paths:
        joint = "&" if "?" in path else "?"
        page = (await other.ask("GET", f"{path}{joint}limit=1")).json()
        if page["next_cursor"]:
            await asker.get(f"{path}{joint}cursor={quote(page['next_cursor'])}")


async def _as_others(asker: Asker, path: str) -> None:
    """Act on behalf of an agency that one does not act for, and of one that does not exist."""
    seen: list[str] = []
    for code in (SIBLING, "Z14.02"):
        answer = await asker.send("GET", path, (code,), headers={"On-Behalf-Of": code})
        seen.append(answer.told([code]))
        if answer.status == 200:
            asker.found.read(f"{path} on behalf of {code}", [code])
    if seen[0] != seen[1]:
        asker.found.leak(f"{path} on behalf of another", *seen)
