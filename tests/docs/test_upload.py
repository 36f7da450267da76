"""Files: announced, streamed in, checked, served by range; nothing is kept of what goes wrong."""

import asyncio
import base64
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.docs.server import PDF, Running, announcement
from tests.fixtures.eventually import eventually

LONG = b"%PDF-1.7\n" + b"\0" * (3 << 20) + b"end"
"""Over several blocks."""


def _repr_digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def _stored(blobs: Path) -> list[Path]:
    return [file for file in blobs.rglob("*") if file.is_file()]


async def test_an_uploaded_file_comes_back_byte_for_byte(country: Running):
    sender = await country.system("G22")
    document = await sender.drafted()
    path = await sender.announced(document, LONG)
    before = await sender.ask("GET", path)
    headers = {"Repr-Digest": _repr_digest(LONG), "Content-Type": "application/pdf"}
    sent = await sender.ask("PUT", path, content=LONG, headers=headers)
    again = await sender.ask("PUT", path, content=LONG)
    found = await sender.ask("GET", path)
    assert (before.status_code, before.json()["code"]) == (409, "DOC-4093")
    assert (sent.status_code, again.status_code) == (204, 204)
    assert found.content == LONG
    assert found.headers["repr-digest"] == _repr_digest(LONG)
    assert found.headers["content-type"] == "application/pdf"
    assert found.headers["etag"] == f'"{hashlib.sha256(LONG).hexdigest()}"'
    [file] = (await sender.ask("GET", document)).json()["attachments"]
    assert (file["state"], file["href"], file["size"]) == ("stored", path, len(LONG))


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-", 10, len(LONG)),
        ("bytes=-3", len(LONG) - 3, len(LONG)),
        ("bytes=1048570-1048580", 1048570, 1048581),
        (f"bytes=5-{len(LONG) + 9}", 5, len(LONG)),
        (f"bytes=-{len(LONG) + 9}", 0, len(LONG)),
    ],
)
async def test_a_range_is_served(country: Running, asked: str, start: int, end: int):
    sender = await country.system("G22")
    path = await sender.uploaded(await sender.drafted(), LONG)
    found = await sender.ask("GET", path, headers={"Range": asked})
    assert found.status_code == 206
    assert found.content == LONG[start:end]
    assert found.headers["content-range"] == f"bytes {start}-{end - 1}/{len(LONG)}"
    assert found.headers["repr-digest"] == _repr_digest(LONG)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Range": f"bytes={len(PDF)}-"}, 416),
        ({"Range": "bytes=-0"}, 416),
        ({"Range": "bytes=9-3"}, 200),
        ({"Range": "bytes=0-1,3-4"}, 200),
        ({"Range": "lines=1-2"}, 200),
        ({"Range": "bytes=" + "9" * 30 + "-"}, 200),
        ({"Range": "bytes=0-1", "If-Range": '"another"'}, 200),
        ({"If-None-Match": f'"{hashlib.sha256(PDF).hexdigest()}"'}, 304),
    ],
)
async def test_other_ranges_are_refused_or_passed_over(
    country: Running, headers: dict[str, str], status: int
):
    sender = await country.system("G22")
    path = await sender.uploaded(await sender.drafted())
    found = await sender.ask("GET", path, headers=headers)
    assert found.status_code == status
    assert status != 200 or found.content == PDF
    assert status != 416 or found.headers["content-range"] == f"bytes */{len(PDF)}"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"name": "../../etc/passwd"}, 422, "DOC-4223"),
        ({"name": "..\\x.pdf"}, 422, "DOC-4223"),
        ({"name": "/tmp/x.pdf"}, 422, "DOC-4223"),  # noqa: S108 (a name that must be refused)
        ({"name": ".pdf"}, 422, "DOC-4223"),
        ({"name": "a\u202efdp.exe.pdf"}, 422, "DOC-4223"),
        ({"name": "a\r\nb.pdf"}, 422, "DOC-4223"),
        ({"name": "CON.pdf"}, 422, "DOC-4223"),
        ({"name": " x.pdf"}, 422, "DOC-4223"),
        ({"name": "x.exe"}, 422, "DOC-4223"),
        ({"name": "ệ" * 100 + ".pdf"}, 422, "DOC-4223"),
        ({"name": "x" * 300 + ".pdf"}, 422, "REQ-4221"),
        ({"media_type": "application/msword"}, 415, "DOC-4151"),
        ({"size": 0}, 422, "DOC-4224"),
        ({"size": -1}, 422, "REQ-4221"),
        ({"size": 1 << 40}, 413, "REQ-4131"),
        ({"sha256": "AB" * 32}, 422, "REQ-4221"),
        ({"sha256": "../" * 10}, 422, "REQ-4221"),
        ({"role": "LOGO"}, 422, "REQ-4221"),
    ],
)
async def test_an_announcement_that_could_not_hold_is_refused(
    country: Running, changes: dict[str, Any], status: int, code: str
):
    sender = await country.system("G22")
    document = await sender.drafted()
    refused = await sender.ask("POST", f"{document}/attachments", json=announcement(PDF, **changes))
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text


async def test_a_document_has_one_main_file(country: Running):
    sender = await country.system("G22")
    document = await sender.drafted()
    await sender.uploaded(document)
    second = await sender.ask("POST", f"{document}/attachments", json=announcement())
    annex = await sender.uploaded(document, LONG, role="ANNEX", name="Phụ lục 1.pdf")
    taken_out = await sender.ask("DELETE", annex.removesuffix("/content"))
    assert (second.status_code, second.json()["code"]) == (409, "DOC-4092")
    assert taken_out.status_code == 204
    assert len((await sender.ask("GET", document)).json()["attachments"]) == 1


async def test_other_bytes_than_announced_are_not_attached(country: Running):
    sender = await country.system("G22")
    path = await sender.announced(await sender.drafted())
    other = PDF[:-1] + b"X"
    answers = [
        await sender.ask("PUT", path, content=other),
        await sender.ask("PUT", path, content=PDF + b"\n"),
        await sender.ask("PUT", path, content=PDF[:-1]),
        await sender.ask("PUT", path, content=PDF, headers={"Repr-Digest": _repr_digest(other)}),
    ]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [(422, "DOC-4222")] * 4


async def test_the_upload_of_an_unknown_length_is_held_to_the_announced_size(country: Running):
    sender = await country.system("G22")
    path = await sender.announced(await sender.drafted())

    async def chunks(times: int) -> Any:  # noqa: ANN401
        for _ in range(times):
            yield PDF

    too_long = await sender.ask("PUT", path, content=chunks(3))
    right = await sender.ask("PUT", path, content=chunks(1))
    assert (too_long.status_code, too_long.json()["code"]) == (413, "REQ-4131")
    assert right.status_code == 204


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"MZ\x90\0" + b"\0" * 60, None),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 60, "image/png"),
        (b"PK\x03\x04" + b"\0" * 60, None),
        (b"<html><script>alert(1)</script></html>", None),
        (b"%PD", None),
        (b"  %PDF-1.7\n", None),
        (b"%PDF-9.9\n%%EOF", None),
    ],
)
async def test_bytes_that_are_no_pdf_are_refused(
    country: Running, content: bytes, found: str | None
):
    before = _stored(country.blobs)
    sender = await country.system("G22")
    path = await sender.announced(await sender.drafted(), content)
    refused = await sender.ask("PUT", path, content=content)
    assert (refused.status_code, refused.json()["code"]) == (415, "DOC-4151")
    assert found in (None, refused.json()["found"])
    assert _stored(country.blobs) == before


async def test_an_empty_upload_is_refused(country: Running):
    sender = await country.system("G22")
    path = await sender.announced(await sender.drafted())

    async def nothing() -> Any:  # noqa: ANN401
        return
        yield b""

    refused = await sender.ask("PUT", path, content=nothing())
    assert (refused.status_code, refused.json()["code"]) == (422, "DOC-4224")


async def test_an_upload_that_is_cut_leaves_nothing(docs: Running):
    sender = await docs.system("G22")
    path = await sender.announced(await sender.drafted(), LONG)
    address = urlsplit(str(docs.client.base_url))
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"PUT {path} HTTP/1.1\r\nHost: docs\r\nContent-Length: {len(LONG)}\r\n"
    writer.write(f"{head}Authorization: {sender.headers['Authorization']}\r\n\r\n".encode())
    writer.write(LONG[: 2 << 20])
    await writer.drain()
    await eventually(lambda: _stored(docs.blobs), "the upload begins")
    writer.transport.abort()
    await eventually(lambda: not _stored(docs.blobs), "what was begun is removed")
    state = (await sender.ask("GET", path.removesuffix("/content"))).json()["state"]
    assert state == "announced"
    assert (await sender.ask("PUT", path, content=LONG)).status_code == 204


async def test_knowing_a_digest_does_not_give_the_file(country: Running):
    owner, other = await country.system("G22"), await country.system("G14")
    await owner.uploaded(await owner.drafted())
    document = await other.drafted()
    path = await other.announced(document)
    assert (await other.ask("GET", path)).json()["code"] == "DOC-4093"
    sent = await other.ask("POST", f"{document}/dispatches")
    assert sent.json()["code"] == "DSP-4227"


async def test_a_flipped_byte_is_never_served(docs: Running):
    sender = await docs.system("G22")
    path = await sender.uploaded(await sender.drafted(), LONG)
    [file] = _stored(docs.blobs)
    spoiled = bytearray(LONG)
    spoiled[2 << 20] ^= 1
    file.chmod(0o600)
    file.write_bytes(spoiled)
    good = await sender.ask("GET", path, headers={"Range": "bytes=0-1048575"})
    bad = await sender.ask("GET", path, headers={"Range": "bytes=2097160-2097170"})
    assert good.content == LONG[: 1 << 20]
    assert (bad.status_code, bad.json()["code"]) == (503, "DOC-5031")
    with pytest.raises(httpx2.RemoteProtocolError):
        await sender.ask("GET", path)
