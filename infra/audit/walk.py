"""One audit: every case of one snapshot, in order, with progress; and again for what may pass."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

from cryptography import x509

from infra.audit import changes, files, store, store_judged
from infra.audit.certificates import Register, check_certificate, registered
from infra.audit.cogroup import Case, cogroup
from infra.audit.deliveries import check_delivery
from infra.audit.dispatches import check_dispatch, check_document
from infra.audit.finding import Books, Finding, Row
from infra.audit.lanes import check_lane, check_line
from infra.audit.materials import check_piece, known
from infra.audit.signatures import check_signature
from infra.audit.site import Site, opened
from infra.audit.store import Query
from infra.stack.folder import Folder

Say: TypeAlias = Callable[[str], None]
Check: TypeAlias = Callable[[Any, Case, Books], Iterator[Finding]]

PATIENCE_SECONDS = 20.0
"""What is on its way from one service to another may be so for so long."""
_PAUSE_SECONDS = 2.0
_TELL_SECONDS = 2.0


async def audit(folder: Folder, say: Say, *, patience: float = PATIENCE_SECONDS) -> Books:
    """Audit the stack of a folder; what is on its way is looked at until it has come, or stays.

    Raises CannotAudit.
    """
    began = time.monotonic()
    async with opened(folder) as site:
        books = await walk(site, say)
    while passing := {one for one in books.findings if one.passing}:
        if time.monotonic() - began > patience:
            break
        say(f"{len(passing)} things may be on their way: looking again")
        await asyncio.sleep(_PAUSE_SECONDS)
        async with opened(folder) as site:
            again = await walk(site, say, with_files=False)
        stays = passing & set(again.findings)
        books.findings = [one for one in books.findings if not one.passing or one in stays]
    return books


async def walk(
    site: Site, say: Say, *, with_files: bool = True, only: Collection[str] | None = None
) -> Books:
    """Audit one snapshot; without files where they were just read.

    `only` some walks, by name: for whoever knows that all others saw what they see now.
    """
    books = Books(await store.agency_codes(site.connections["docs"]))
    teller = _Teller(books, say)
    register = await _register(site)
    unfollowed = await site.connections["signing"].fetchval(store_judged.UNFOLLOWED)
    books.counted["unfollowed"] = unfollowed
    for name, queries, key, check in _walks(site, register):
        if only is not None and name not in only:
            continue
        streams = {one: _stream(site, query) for one, query in queries.items()}
        if name == "trust list":
            streams["laid"] = changes.laid(site.changes, site.pki, site.trust.root, books)
        if name == "certificates":
            streams["register"] = _digests(register)
        if name == "materials":
            streams["named"] = known(books)
        await _cases(streams, key, check, books, teller.of(name))
    if with_files and (only is None or "files" in only):
        await _files(site, books, teller)
    return books


def _walks(
    site: Site, register: Register
) -> list[tuple[str, Mapping[str, Query], tuple[str, ...], Check]]:
    agency_lane = ("agency", "lane")
    return [
        ("mailboxes", store.LANES, agency_lane, check_lane),
        ("turns", store.LINES, ("sender", "lane"), check_line),
        ("deliveries", store.DELIVERIES, ("delivery",), partial(check_delivery, trust=site.trust)),
        ("documents", store.DOCUMENTS, ("document",), check_document),
        ("dispatches", store_judged.DISPATCHES, ("dispatch",), check_dispatch),
        (
            "signatures",
            store_judged.SIGNATURES,
            ("signature",),
            partial(check_signature, blobs=site.blobs),
        ),
        # Before the certificates, which are judged by it.
        ("trust list", store_judged.CHANGES, ("version",), changes.check_change),
        (
            "certificates",
            store_judged.CERTIFICATES,
            ("sha256",),
            partial(check_certificate, register=register),
        ),
        # Behind the dispatches, whose verdicts name what is to be there.
        ("materials", store_judged.MATERIALS, ("sha256",), check_piece),
    ]


async def _files(site: Site, books: Books, teller: "_Teller") -> None:
    streams = {one: _stream(site, query) for one, query in store_judged.FILES.items()}
    streams["there"] = files.listed(site.blobs)
    check = partial(files.check_file, root=site.blobs)
    books.note(files.foreign(site.blobs))
    await _cases(streams, ("sha256",), check, books, teller.of("files"))


async def _cases(
    streams: Mapping[str, AsyncIterator[Row]],
    key: tuple[str, ...],
    check: Check,
    books: Books,
    tell: Callable[[], None],
) -> None:
    async for value, case in cogroup(streams, key):
        books.note(check(value, case, books))
        tell()


def _stream(site: Site, query: Query) -> AsyncIterator[Row]:
    service, question = query
    return store.stream(site.connections[service], question)


async def _register(site: Site) -> Register:
    rows = await site.connections["signing"].fetch(store_judged.LISTS)
    lists = {row["authority"]: x509.load_der_x509_crl(row["der"]) for row in rows}
    codes = await store.codes_ever(site.connections["docs"])
    numbers = {row["authority"]: row["number"] for row in rows}
    return Register(registered(site.pki), lists, numbers, codes)


async def _digests(register: Register) -> AsyncGenerator[Row]:
    for sha256 in sorted(register.rows):
        yield {"sha256": sha256}


class _Teller:
    """Says every two seconds how far the walk is."""

    def __init__(self, books: Books, say: Say) -> None:
        self._books, self._say, self._next = books, say, time.monotonic() + _TELL_SECONDS

    def of(self, name: str) -> Callable[[], None]:
        """Return what is to be called after each case of one walk."""

        def tell() -> None:
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + _TELL_SECONDS
                counted = " ".join(f"{what}={n:,}" for what, n in self._books.counted.items())
                self._say(f"{name}: {counted}")

        return tell
