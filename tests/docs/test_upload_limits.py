"""Files: what one draft may hold, digests that must be readable, nothing kept of wrong bytes."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from shared.sizes import DOCUMENT_BYTES, FILES_PER_DOCUMENT, PDF_BYTES
from tests.docs.server import PDF, Running, announcement


def _repr_digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def _stored(blobs: Path) -> list[Path]:
    return [file for file in blobs.rglob("*") if file.is_file()]


async def test_bytes_that_were_not_announced_take_no_room(docs: Running):
    sender = await docs.system("G22")
    path = await sender.announced(await sender.drafted())
    for n in range(3):
        refused = await sender.ask("PUT", path, content=PDF[:-1] + bytes([n]))
        assert refused.status_code == 422
    assert _stored(docs.blobs) == []


@pytest.mark.parametrize(
    "value",
    [
        "sha-256=:!:",
        "sha-256=:AAAA:",
        "sha-256=abc",
        "sha-256",
        "",
        "sha-512=:!:, " + _repr_digest(PDF),
        "x" * 2000,
    ],
)
async def test_a_digest_that_cannot_be_read_is_refused(country: Running, value: str):
    sender = await country.system("G22")
    path = await sender.announced(await sender.drafted())
    refused = await sender.ask("PUT", path, content=PDF, headers={"Repr-Digest": value})
    body = refused.json()
    assert (refused.status_code, body["code"]) == (400, "REQ-4003")
    assert (body["errors"][0]["pointer"], body["errors"][0]["in"]) == ("/Repr-Digest", "header")


@pytest.mark.parametrize(
    "value", [_repr_digest(PDF), f"sha-512=:AAAA:, {_repr_digest(PDF)}", "sha-512=:AAAA:"]
)
async def test_a_digest_that_can_be_read_is_compared(country: Running, value: str):
    sender = await country.system("G22")
    path = await sender.announced(await sender.drafted())
    sent = await sender.ask("PUT", path, content=PDF, headers={"Repr-Digest": value})
    assert sent.status_code == 204, sent.text


async def test_a_draft_holds_a_hundred_files(docs: Running):
    sender = await docs.system("G22")
    document = await sender.drafted()
    for _ in range(FILES_PER_DOCUMENT):
        await sender.announced(document, role="ANNEX")
    refused = await sender.ask("POST", f"{document}/attachments", json=announcement(role="ANNEX"))
    assert (refused.status_code, refused.json()["code"]) == (409, "DOC-4094")
    assert refused.json()["most"] == FILES_PER_DOCUMENT


async def test_a_pdf_that_no_worker_can_hold_is_refused_before_it_is_sent(country: Running):
    sender = await country.system("G22")
    document = await sender.drafted()
    large = announcement(role="ANNEX", size=PDF_BYTES + 1)
    refused = await sender.ask("POST", f"{document}/attachments", json=large)
    body = refused.json()
    assert (refused.status_code, body["code"], body["limit"]) == (413, "REQ-4131", PDF_BYTES)
    assert "split it into several annexes" in body["detail_en"]
    assert await sender.announced(document, role="ANNEX", size=PDF_BYTES)


async def test_a_draft_holds_a_gibibyte(country: Running):
    sender = await country.system("G22")
    document = await sender.drafted()
    half: dict[str, Any] = {"size": DOCUMENT_BYTES // 2, "role": "ANNEX"}
    first = await sender.announced(document, **half)
    await sender.announced(document, **half)
    refused = await sender.ask(
        "POST", f"{document}/attachments", json=announcement(role="ANNEX", size=1)
    )
    assert (refused.status_code, refused.json()["code"]) == (413, "DOC-4131")
    assert (refused.json()["most"], refused.json()["announced"]) == (1 << 30, 1 << 30)
    await sender.ask("DELETE", first.removesuffix("/content"))
    assert await sender.announced(document, **half)
