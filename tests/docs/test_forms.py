"""The one-call form: document and files in one request, sent at once when asked."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.docs.server import PDF, Running, System, draft

ANNEX = PDF + b"% annex\n"


def _part(name: str, content: bytes, *, file_name: str | None = None) -> bytes:
    named = f'; filename="{file_name}"' if file_name is not None else ""
    head = f'Content-Disposition: form-data; name="{name}"{named}\r\n'
    if file_name is None:
        head += "Content-Type: application/json\r\n"
    return head.encode() + b"\r\n" + content


def _document(**changes: object) -> bytes:
    return _part("document", json.dumps(draft(**changes)).encode())


MAIN = _part("main", PDF, file_name="7816 Công văn.pdf")


async def _send(
    sender: System,
    *parts: bytes,
    boundary: str = "x",
    tail: bytes = b"--",
    query: str = "",
    key: str | None = None,
) -> Any:  # noqa: ANN401
    line = b"--" + boundary.encode()
    body = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + tail + b"\r\n"
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Idempotency-Key": key or str(uuid4()),
    }
    return await sender.ask("POST", f"/v1/documents{query}", content=body, headers=headers)


async def test_a_form_makes_a_whole_document(country: Running):
    sender = await country.system("G22")
    annex = _part("annex", ANNEX, file_name="Phụ lục.pdf")
    made = await _send(sender, _document(), MAIN, annex)
    assert made.status_code == 201, made.text
    main, second = made.json()["attachments"]
    assert (main["name"], main["role"], main["state"]) == ("7816 Công văn.pdf", "MAIN", "stored")
    assert (second["name"], second["role"]) == ("Phụ lục.pdf", "ANNEX")
    assert (await sender.ask("GET", main["href"])).content == PDF
    assert (await sender.ask("GET", second["href"])).content == ANNEX


async def test_a_form_is_sent_at_once_when_asked(country: Running):
    sender = await country.system("G22")
    sent = await _send(sender, MAIN, _document(), query="?dispatch=true")
    assert sent.status_code == 202, sent.text
    dispatch = sent.json()["dispatch"]
    assert (sent.json()["state"], dispatch["recipients"]) == ("dispatched", 5)
    found = await sender.ask("GET", f"/v1/dispatches/{dispatch['id']}")
    assert found.json()["counts"]["queued"] == 5


async def test_a_form_that_cannot_be_sent_makes_no_document(docs: Running):
    sender = await docs.system("G22")
    nowhere = _document(recipients=[{"agency": "H99"}])
    refused = await _send(sender, nowhere, MAIN, query="?dispatch=true")
    assert (refused.status_code, refused.json()["code"]) == (422, "DSP-4222")
    assert (await sender.ask("GET", "/v1/documents")).json()["items"] == []


async def test_a_repeated_form_is_one_document_whatever_its_boundary(docs: Running):
    sender = await docs.system("G22")
    key = str(uuid4())
    first = await _send(sender, _document(), MAIN, key=key)
    again = await _send(sender, _document(), MAIN, key=key, boundary="another-boundary")
    other_file = _part("main", ANNEX, file_name="7816 Công văn.pdf")
    other = await _send(sender, _document(), other_file, key=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert other.json()["code"] == "REQ-4222"
    assert len((await sender.ask("GET", "/v1/documents")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ([_document()], 422, "DOC-4225"),
        ([MAIN], 422, "DOC-4225"),
        ([], 422, "DOC-4225"),
        ([_document(), MAIN, MAIN], 422, "DOC-4225"),
        ([_document(), _document(), MAIN], 422, "DOC-4225"),
        ([_document(), MAIN, _part("logo", PDF, file_name="x.pdf")], 422, "DOC-4225"),
        ([_document(), b"Content-Type: text/plain\r\n\r\nnameless"], 422, "DOC-4225"),
        ([_document(), _part("main", PDF, file_name="../x.pdf")], 422, "DOC-4223"),
        ([_document(), _part("main", PDF)], 422, "DOC-4223"),
        ([_document(), _part("main", b"", file_name="x.pdf")], 422, "DOC-4224"),
        ([_document(), _part("main", b"MZ" * 9, file_name="x.pdf")], 415, "DOC-4151"),
        ([_document(), _part("main", PDF + b"\0" * (8 << 20), file_name="x.pdf")], 413, "REQ-4131"),
        ([_document(), MAIN, _part("annex", b"%PDF-1.7" + b" " * (11 << 20), file_name="a.pdf")],
         413, "REQ-4131"),
        ([_document(), _part("main", PDF + b"\0" * (5 << 20), file_name="x.pdf"),
          _part("annex", PDF + b"\0" * (3 << 20), file_name="a.pdf")], 413, "REQ-4131"),
        ([_part("document", b"{}" + b" " * (2 << 20)), MAIN], 413, "REQ-4131"),
        ([_part("document", b"{]"), MAIN], 400, "REQ-4001"),
        ([_part("document", b'{"number":"\\u0000"}'), MAIN], 400, "REQ-4001"),
        ([_document(classification="secret"), MAIN], 422, "DOC-4221"),
        ([_document(number=""), MAIN], 422, "REQ-4221"),
    ],
)  # fmt: skip
async def test_a_form_of_other_parts_is_refused(
    country: Running, parts: list[bytes], status: int, code: str
):
    sender = await country.system("G22")
    refused = await _send(sender, *parts)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text


def _named(disposition: str) -> bytes:
    head = f'Content-Disposition: form-data; name="main"; {disposition}\r\n'
    return head.encode() + b"\r\n" + PDF


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("filename*=UTF-8''C%C3%B4ng%20v%C4%83n.pdf", "Công văn.pdf"),
        ("filename=\"x.pdf\"; filename*=utf-8'vi'C%C3%B4ng%20v%C4%83n.pdf", "Công văn.pdf"),
        ("filename*=UTF-8''a%27b.pdf; filename=\"x.pdf\"", "a'b.pdf"),
        ("filename=\"; filename*=UTF-8''y.pdf\"", None),
        ('filename="a filename*=UTF-8.pdf"', None),
    ],
)
async def test_an_extended_file_name_goes_before_the_plain_one(
    country: Running, disposition: str, name: str | None
):
    sender = await country.system("G22")
    made = await _send(sender, _document(), _named(disposition))
    if name is None:  # what stands inside quotes is no parameter
        assert (made.status_code, made.json()["code"]) == (422, "DOC-4223")
    else:
        assert made.json()["attachments"][0]["name"] == name


@pytest.mark.parametrize(
    ("disposition", "code"),
    [
        ("filename*=UTF-8''..%2Fetc%2Fpasswd.pdf", "DOC-4223"),
        ("filename*=UTF-8''a%E2%80%AEfdp.exe.pdf", "DOC-4223"),
        ("filename*=UTF-8''a%0D%0Ab.pdf", "DOC-4223"),
        ("filename*=UTF-8''%FF.pdf", "DOC-4225"),
        ("filename*=UTF-8''%zz.pdf", "DOC-4225"),
        ("filename*=UTF-16''x.pdf", "DOC-4225"),
        ("filename*=x.pdf", "DOC-4225"),
    ],
)
async def test_an_extended_file_name_that_cannot_be_is_refused(
    country: Running, disposition: str, code: str
):
    sender = await country.system("G22")
    refused = await _send(sender, _document(), _named(disposition))
    assert (refused.status_code, refused.json()["code"]) == (422, code), refused.text


async def test_a_form_that_ends_too_soon_is_refused(country: Running):
    sender = await country.system("G22")
    open_end = await _send(sender, _document(), MAIN, tail=b"")
    no_form = await sender.ask(
        "POST",
        "/v1/documents",
        content=b"--y\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    unbounded = await sender.ask(
        "POST", "/v1/documents", content=b"x", headers={"Content-Type": "multipart/form-data"}
    )
    assert (open_end.status_code, open_end.json()["code"]) == (422, "DOC-4225")
    assert (no_form.status_code, no_form.json()["code"]) == (422, "DOC-4225")
    assert (unbounded.status_code, unbounded.json()["code"]) == (415, "REQ-4151")


REFUSED: dict[str, tuple[list[bytes], str]] = {
    "no document": ([MAIN], ""),
    "a document that is none": ([MAIN, _part("document", b"{}")], ""),
    "a part too many": ([_document(), MAIN, _part("more", PDF, file_name="a.pdf")], ""),
    "two mains": ([_document(), MAIN, MAIN], ""),
    "an annex of another kind": ([_document(), MAIN, _part("annex", b"no", file_name="a.pdf")], ""),
    "a recipient that is none": (
        [_document(recipients=[{"agency": "ZZ99"}]), MAIN],
        "?dispatch=true",
    ),
}


@pytest.mark.parametrize(("parts", "query"), REFUSED.values(), ids=REFUSED)
async def test_a_form_that_is_refused_leaves_no_file(docs: Running, parts: list[bytes], query: str):
    sender = await docs.system("G22")
    refused = await _send(sender, *parts, query=query)
    assert 400 <= refused.status_code < 500, refused.text
    cut = await _send(sender, _document(), MAIN, tail=b"")
    assert 400 <= cut.status_code < 500, cut.text
    assert [file for file in docs.blobs.rglob("*") if file.is_file()] == []


async def test_a_key_that_names_another_form_leaves_no_file(docs: Running):
    sender, key = await docs.system("G22"), str(uuid4())
    assert (await _send(sender, _document(), MAIN, key=key)).status_code == 201
    stored = [file for file in docs.blobs.rglob("*") if file.is_file()]
    other = _part("main", ANNEX, file_name="a.pdf")
    assert (await _send(sender, _document(), other, key=key)).status_code == 422
    assert [file for file in docs.blobs.rglob("*") if file.is_file()] == stored
