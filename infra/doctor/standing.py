"""Where a document stands and what holds it up, in sentences: asked of the services' databases."""

from collections.abc import Iterable, Sequence
from functools import partial

import aiohttp

from infra.doctor import store_standing as store
from infra.doctor.limits import Limits
from infra.doctor.site import CannotLook, Site
from infra.doctor.store import codes
from infra.doctor.store_standing import Copy, Dispatch, Document, File
from infra.stack.folder import SERVICES, Folder

_NAMED = 5


async def standing(folder: Folder, code: str) -> list[str]:
    """Return where each dispatch of a document stands, and what it waits for."""
    async with aiohttp.ClientSession() as session:
        site = Site(folder, Limits(), session, folder.read("ports.json"))
        try:
            found = await site.query("docs", lambda conn: store.documents(conn, code))
            if not found:
                return [f"docs knows no document {code}"]
            return [line for one in found for line in await _document(site, one)]
        except CannotLook as silent:
            return [f"where it stands cannot be asked: {silent}", f"  → {silent.hint}"]


async def _document(site: Site, document: Document) -> list[str]:
    lines = [f"document {document.id} of {document.sender}: {document.state}"]
    if document.signature is not None:
        lines.append(f"  waits for: a {document.signature}'s signature that was asked for")
    sent = await site.query("docs", lambda conn: store.dispatches(conn, document.id))
    if not sent and document.signature is None:
        lines.append("  waits for: its sender, who has not dispatched it")
    for dispatch in sent:
        lines += await _dispatch(site, document, dispatch)
    return lines


async def _dispatch(site: Site, document: Document, one: Dispatch) -> list[str]:
    copies = await site.query("docs", lambda conn: store.copies(conn, one.id))
    reason = f" ({one.reason}: GET /v1/problems/{one.reason} explains it)" if one.reason else ""
    which = f"{one.id} ({one.lane}, turn {one.turn}, {one.seconds:.0f} s ago)"
    lines = [f"  dispatch {which}: {one.state}{reason}; {_counts(one, copies)}"]
    waits = await _waits(site, document, one, copies)
    keys = [str(document.id), *(str(copy.agency) for copy in copies)]
    waits += [
        f"{service}/{what}, which is parked: {site.make('parked')}"
        for service in SERVICES
        for what in await site.query(service, partial(store.parked, keys=keys))
    ]
    lines += [f"    waits for: {what}" for what in waits]
    if not waits:
        lines.append("    waits for nothing")
    return lines


def _counts(one: Dispatch, copies: Sequence[Copy]) -> str:
    counted = {
        "numbered": sum(copy.numbered for copy in copies),
        "in mailboxes": sum(copy.available for copy in copies),
        "acknowledged": sum(copy.acknowledged for copy in copies),
        "failed": sum(copy.reason is not None for copy in copies),
    }
    return f"{one.recipients} recipients, " + ", ".join(
        f"{n} {name}" for name, n in counted.items()
    )


async def _waits(
    site: Site, document: Document, one: Dispatch, copies: Sequence[Copy]
) -> list[str]:
    if one.state in ("refused", "withdrawn"):
        return []
    if one.state in ("waiting", "held") and one.verdict is None:
        return await _verdict(site, document, one)
    if one.state in ("waiting", "held", "clearing"):
        earlier = await site.query("docs", lambda conn: store.before(conn, one))
        before = f"earlier documents of its sender in this lane: {_named(earlier)}"
        undone = sum(not copy.numbered and copy.reason is None for copy in copies)
        return [
            before if earlier else f"docs to number {undone} copies: {site.make('logs P=docs')}"
        ]
    return await _recipients(site, one, copies)


async def _verdict(site: Site, document: Document, one: Dispatch) -> list[str]:
    files = await site.query("signing", lambda conn: store.files(conn, one.id))
    pending = [_file(file) for file in files if not file.settled]
    if files:
        told = "signing's word to reach docs: " + site.make("logs P=docs")
        return pending or [told]
    unsent = await site.query("docs", lambda conn: store.unsent(conn, [str(document.id)]))
    if unsent is not None:
        return [f"docs' outbox, where its event waits for Kafka since {unsent:.0f} s"]
    return [f"signing, which has not read of it: {site.make('logs P=signing')}"]


def _file(file: File) -> str:
    how = (
        "is being examined"
        if file.claimed
        else f"next try in {max(file.next_try_seconds, 0):.0f} s"
    )
    last = f", last judged {file.indication} ({file.reason})" if file.indication else ""
    return f"signing's verdict on the {file.role} file: {how}, {file.strikes} strikes{last}"


async def _recipients(site: Site, one: Dispatch, copies: Sequence[Copy]) -> list[str]:
    waits: list[str] = []
    missing = [copy for copy in copies if copy.numbered and not copy.available]
    if missing:
        agencies = [copy.agency for copy in missing]
        wrong = await site.query("notify", lambda conn: store.lanes(conn, one.lane, agencies))
        waits = [
            f"the mailbox of {copy.code}, whose lane {wrong[copy.agency]}"
            for copy in missing
            if copy.agency in wrong
        ]
        rest = [copy for copy in missing if copy.agency not in wrong]
        waits += await _underway(site, rest) if rest else []
    if idle := [copy.code for copy in copies if copy.available and not copy.acknowledged]:
        waits.append(f"its recipients to fetch and acknowledge it: {_named(idle)}")
    return waits


async def _underway(site: Site, rest: Sequence[Copy]) -> list[str]:
    names = _named(copy.code for copy in rest)
    keys = [str(copy.agency) for copy in rest]
    unsent = await site.query("docs", lambda conn: store.unsent(conn, keys))
    if unsent is not None:
        return [f"docs' outbox, where entries wait for Kafka since {unsent:.0f} s: {names}"]
    return [f"notify to read the entries of {names}: {site.make('logs P=notify')}"]


def _named(codes: Iterable[str]) -> str:
    every = list(codes)
    beyond = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + beyond


async def codes_of(folder: Folder, ids: Iterable[str]) -> dict[str, str]:
    """Return the codes of agencies by id; none when docs' database does not answer."""
    async with aiohttp.ClientSession() as session:
        site = Site(folder, Limits(), session, folder.read("ports.json"))
        try:
            return await site.query("docs", lambda conn: codes(conn, ids))
        except CannotLook:
            return {}
