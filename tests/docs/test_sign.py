"""Asking for signatures: what is frozen, what thaws it, and that no crash doubles or loses one."""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from services.docs import sign
from services.docs.store import signatures as store
from shared.blobs import BlobStore
from shared.db import Connection
from shared.events import SignatureFailed, SignatureMade
from shared.ids import SignatureId
from tests.docs.exchange import RECORD, Exchange
from tests.docs.server import PDF, Running, System
from tests.fixtures.eventually import eventually

CERTIFICATE = "ab" * 32
SIGNED = PDF + b"signed\n"


async def drafted(system: System, **changes: object) -> tuple[str, str]:
    """Make a draft with an uploaded file; return its path and the attachment's id."""
    document = await system.drafted(**changes)
    content = await system.uploaded(document)
    return document, content.split("/")[-2]


async def ask(system: System, document: str, attachment: str, **changes: object) -> httpx2.Response:
    """Ask for a leader's signature."""
    headers = {"Idempotency-Key": str(changes.pop("key", uuid4()))}
    body = {
        "attachment_id": attachment,
        "kind": "leader",
        "certificate": CERTIFICATE,
        **changes,
    }
    return await system.ask("POST", f"{document}/signatures", json=body, headers=headers)


async def requested(system: System) -> tuple[str, dict[str, Any]]:
    """Return a draft that waits for a signature, and what the answer said."""
    document, attachment = await drafted(system)
    answer = await ask(system, document, attachment)
    assert answer.status_code == 202, answer.text
    return document, answer.json()


async def tell(
    docs: Running, shown: dict[str, Any], *, source: str | None = None, signed: bytes = SIGNED
) -> None:
    """Hand in what signing says when it has released a signature."""
    event = SignatureMade(
        signature_id=UUID(shown["id"]),
        document_id=UUID(shown["document_id"]),
        attachment_id=UUID(shown["attachment_id"]),
        source_sha256=source or shown["source"]["sha256"],
        signed_sha256=hashlib.sha256(signed).hexdigest(),
        signed_size=len(signed),
        signed_at=datetime.now(UTC),
    )
    await docs.db.as_worker(lambda conn: sign.made(conn, event, RECORD))


async def fail(docs: Running, shown: dict[str, Any], reason: str) -> None:
    """Hand in what signing says when there will be none."""
    event = SignatureFailed(
        signature_id=UUID(shown["id"]),
        document_id=UUID(shown["document_id"]),
        attachment_id=UUID(shown["attachment_id"]),
        reason=reason,
    )
    await docs.db.as_worker(lambda conn: sign.failed(conn, event, RECORD))


async def store_signed(blobs: Path) -> BlobStore:
    """Put the signed file where signing puts it."""
    made = BlobStore(blobs)

    async def chunks() -> AsyncIterator[bytes]:
        yield SIGNED

    await made.write(chunks(), limit=len(SIGNED))
    return made


async def due(docs: Running, shown: dict[str, Any]) -> None:
    """Let the time of the next try come."""
    await docs.db.as_worker(
        lambda conn: conn.execute(
            "update signatures set next_try_at = clock_timestamp() where id = $1",
            UUID(shown["id"]),
        )
    )


async def states(system: System, document: str) -> list[tuple[str, str | None]]:
    """Return state and reason of each request of a document."""
    items = (await system.ask("GET", f"{document}/signatures")).json()["items"]
    return [(one["state"], one["reason"] and one["reason"]["code"]) for one in items]


async def test_a_request_freezes_the_draft_and_tells_signing(docs: Running) -> None:
    system = await docs.system("G22")
    document, shown = await requested(system)
    assert (shown["state"], shown["kind"]) == ("requested", "leader")
    assert shown["source"]["sha256"] == hashlib.sha256(PDF).hexdigest()
    outbox = await docs.db.as_worker(
        lambda conn: conn.fetch(
            "select value from outbox where headers ->> 'ce_type' like '%signature.requested.v1'"
        )
    )
    assert len(outbox) == 1
    assert shown["id"].encode() in outbox[0]["value"]
    attachment = f"{document}/attachments/{shown['attachment_id']}"
    version = (await system.ask("GET", document)).headers["etag"]
    refusals = [
        await system.ask(
            "PATCH",
            document,
            json={"subject": "V/v khác"},
            headers={"If-Match": version, "Content-Type": "application/merge-patch+json"},
        ),
        await system.ask("DELETE", document),
        await system.ask("DELETE", attachment),
        await system.ask("PUT", f"{attachment}/content", content=PDF),
        await system.ask("POST", f"{document}/dispatches", json={}),
        await ask(system, document, shown["attachment_id"], kind="seal"),
    ]
    assert {(one.status_code, one.json()["code"]) for one in refusals} == {(409, "DOC-4095")}
    assert {one.json()["signature_id"] for one in refusals} == {shown["id"]}


async def test_a_repeated_key_asks_once(docs: Running) -> None:
    system = await docs.system("G22")
    document, attachment = await drafted(system)
    key = uuid4()
    first, second = [await ask(system, document, attachment, key=key) for _ in range(2)]
    assert (first.status_code, first.content) == (202, second.content)
    assert first.headers["location"] == f"/v1/signatures/{first.json()['id']}"
    assert await states(system, document) == [("requested", None)]


async def test_a_released_signature_is_the_drafts_file(docs: Running) -> None:
    system = await docs.system("G22")
    document, shown = await requested(system)
    before = (await system.ask("GET", document)).headers["etag"]
    await tell(docs, shown)
    assert await states(system, document) == [("made", None)]
    assert (await system.ask("DELETE", document)).headers["retry-after"] == "1"
    # Its bytes are not in the store yet: nothing is applied that was not hashed.
    assert await sign.take_over(docs.db, BlobStore(docs.blobs))
    assert not await sign.take_over(docs.db, BlobStore(docs.blobs))
    assert await states(system, document) == [("made", None)]
    await due(docs, shown)
    blobs = await store_signed(docs.blobs)
    assert await sign.take_over(docs.db, blobs)
    assert not await sign.take_over(docs.db, blobs)
    assert await states(system, document) == [("applied", None)]
    attachment = f"{document}/attachments/{shown['attachment_id']}"
    content = await system.ask("GET", f"{attachment}/content")
    assert content.content == SIGNED
    assert (await system.ask("GET", document)).headers["etag"] != before
    assert (await system.ask("POST", f"{document}/dispatches", json={})).status_code == 202


async def test_a_late_repeat_of_an_upload_leaves_the_signed_file_alone(docs: Running) -> None:
    system = await docs.system("G22")
    document, attachment = await drafted(system)
    content, begun = f"{document}/attachments/{attachment}/content", docs.blobs / "begun"

    async def slowly() -> AsyncIterator[bytes]:
        yield PDF[:-1]
        await eventually(lambda: list(begun.iterdir()), "the repeat begins")
        await tell(docs, (await ask(system, document, attachment)).json())
        assert await sign.take_over(docs.db, await store_signed(docs.blobs))
        yield PDF[-1:]

    late = await system.ask("PUT", content, content=slowly())
    found = await system.ask("GET", content)
    assert (found.status_code, found.content) == (200, SIGNED)
    assert (late.status_code, late.json()["code"]) == (422, "DOC-4222")
    assert late.json()["announced"]["sha256"] == hashlib.sha256(SIGNED).hexdigest()


async def test_what_is_told_twice_is_applied_once(docs: Running) -> None:
    system = await docs.system("G22")
    document, shown = await requested(system)
    blobs = await store_signed(docs.blobs)
    for _ in range(2):
        await tell(docs, shown)
        await sign.take_over(docs.db, blobs)
        await fail(docs, shown, "SIG-4101")
    assert await states(system, document) == [("applied", None)]


@pytest.mark.parametrize("reason", ["SIG-4093", "SIG-4101", "SIG-4225"])
async def test_a_failed_request_lets_the_draft_thaw(docs: Running, reason: str) -> None:
    system = await docs.system("G22")
    document, shown = await requested(system)
    await fail(docs, shown, reason)
    assert await states(system, document) == [("failed", reason)]
    assert (await ask(system, document, shown["attachment_id"])).status_code == 202


async def test_a_signature_outlives_its_draft(docs: Running) -> None:
    system = await docs.system("G22")
    document, shown = await requested(system)
    await fail(docs, shown, "SIG-4093")
    assert (await system.ask("DELETE", document)).status_code == 204
    kept = await docs.db.as_worker(lambda conn: store.find(conn, SignatureId(UUID(shown["id"]))))
    assert kept is not None
    assert (kept.state, kept.reason) == ("failed", "SIG-4093")
    assert (await system.ask("GET", f"{document}/signatures")).status_code == 404


async def test_a_signature_for_another_file_is_not_applied(docs: Running) -> None:
    system = await docs.system("G22")
    document, shown = await requested(system)
    await tell(docs, shown, source="00" * 32)
    assert await states(system, document) == [("requested", None)]
    await tell(docs, shown)
    # Only a restored database can have come here: the file changed though it was frozen.
    changed = "11" * 32

    async def change(conn: Connection) -> None:
        await conn.execute(
            "update attachments set sha256 = $2 where id = $1",
            UUID(shown["attachment_id"]),
            changed,
        )

    await docs.db.as_worker(change)
    assert await sign.take_over(docs.db, await store_signed(docs.blobs))
    assert await states(system, document) == [("failed", "SIG-4096")]
    found = await system.ask("GET", f"{document}/attachments/{shown['attachment_id']}")
    assert found.json()["sha256"] == changed


async def test_odd_requests_are_refused(docs: Running) -> None:
    system, other = await docs.system("G22"), await docs.system("G14")
    document, attachment = await drafted(system)
    refused = [
        (await ask(system, document, str(uuid4())), 422, "REQ-4221"),
        (await ask(system, document, attachment, certificate="AB" * 32), 422, "REQ-4221"),
        (await ask(system, document, attachment, kind="both"), 422, "REQ-4221"),
        (await ask(system, f"/v1/documents/{uuid4()}", attachment), 404, "REQ-4041"),
        (await ask(other, document, attachment), 404, "REQ-4041"),
        (await other.ask("GET", f"{document}/signatures"), 404, "REQ-4041"),
    ]
    assert [(one.status_code, one.json()["code"]) for one, _, _ in refused] == [
        (status, code) for _, status, code in refused
    ]
    announced = await system.announced(document, b"%PDF-1.7 annex", role="ANNEX")
    answer = await ask(system, document, announced.split("/")[-2], kind="seal")
    assert (answer.status_code, answer.json()["code"]) == (409, "DOC-4093")


async def test_no_other_agency_sees_a_request(docs: Running, exchange: Exchange) -> None:
    system = await docs.system("G22")
    await requested(system)
    count = "select count(*) from signatures"
    assert await exchange.sees("G22", count) == 1
    assert await exchange.sees("G14", count) == 0
