"""A form brings an annex of another kind with its detached seal behind it."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.docs.server import PDF, Running, System, draft
from tests.docs.test_detached import SEAL, TABLE, XLSX, seal


def _part(name: str, content: bytes, *, file_name: str | None = None) -> bytes:
    named = f'; filename="{file_name}"' if file_name is not None else ""
    return f'Content-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content


DOCUMENT = _part("document", json.dumps(draft()).encode())
MAIN = _part("main", PDF, file_name="7816.pdf")
ANNEX = _part("annex", TABLE, file_name="Phụ lục.xlsx")
SIGNATURE = _part("signature", SEAL, file_name="Phụ lục.xlsx.p7s")


async def _send(sender: System, *parts: bytes, key: str | None = None) -> Any:  # noqa: ANN401
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"
    headers = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Idempotency-Key": key or str(uuid4()),
    }
    return await sender.ask("POST", "/v1/documents", content=body, headers=headers)


async def test_a_form_brings_the_seal_behind_its_annex(country: Running):
    sender = await country.system("G22")
    pdf = _part("annex", PDF + b"%", file_name="a.pdf")
    made = await _send(sender, DOCUMENT, MAIN, ANNEX, SIGNATURE, pdf)
    assert made.status_code == 201, made.text
    main, annex, last = made.json()["attachments"]
    assert (main["signature"], last["signature"]) == (None, None)
    assert annex["media_type"] == XLSX
    assert (await sender.ask("GET", annex["signature"]["href"])).content == SEAL
    assert (await sender.ask("GET", annex["href"])).content == TABLE


async def test_a_form_with_another_seal_is_another_form(country: Running):
    sender, key = await country.system("G22"), str(uuid4())
    first = await _send(sender, DOCUMENT, MAIN, ANNEX, SIGNATURE, key=key)
    again = await _send(sender, DOCUMENT, MAIN, ANNEX, SIGNATURE, key=key)
    other = await _send(sender, DOCUMENT, MAIN, ANNEX, _part("signature", seal(b"x")), key=key)
    assert (first.status_code, first.content) == (201, again.content)
    assert other.json()["code"] == "REQ-4222"


FORMS: dict[str, tuple[list[bytes], int, str]] = {
    "no seal": ([DOCUMENT, MAIN, ANNEX], 415, "DOC-4151"),
    "a seal of nothing": ([DOCUMENT, SIGNATURE, MAIN], 422, "DOC-4225"),
    "a seal of MAIN": ([DOCUMENT, MAIN, SIGNATURE], 422, "REQ-4221"),
    "two seals": ([DOCUMENT, MAIN, ANNEX, SIGNATURE, SIGNATURE], 422, "DOC-4225"),
    "a seal that is none": ([DOCUMENT, MAIN, ANNEX, _part("signature", b"x")], 422, "REQ-4221"),
    "a seal too large": (
        [DOCUMENT, MAIN, ANNEX, _part("signature", seal(bytes(65_536)))], 413, "REQ-4131"),
    "a program": (
        [DOCUMENT, MAIN, _part("annex", b"MZ" * 99, file_name="a.xlsx"), SIGNATURE], 415,
        "DOC-4151"),
    "an unknown ending": (
        [DOCUMENT, MAIN, _part("annex", TABLE, file_name="a.exe"), SIGNATURE], 422, "DOC-4223"),
    "MAIN of another kind": (
        [DOCUMENT, _part("main", TABLE, file_name="a.xlsx"), SIGNATURE], 422, "DOC-4223"),
    "twins": (
        [DOCUMENT, MAIN, ANNEX, SIGNATURE, ANNEX, _part("signature", seal(b"x"))], 422,
        "REQ-4221"),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "status", "code"), FORMS.values(), ids=FORMS)
async def test_a_form_that_is_wrong_leaves_no_file(
    docs: Running, parts: list[bytes], status: int, code: str
):
    sender = await docs.system("G22")
    refused = await _send(sender, *parts)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert [one for one in docs.blobs.rglob("*") if one.is_file()] == []
