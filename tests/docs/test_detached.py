"""An annex that is no PDF comes with a detached seal: announced, sent, stored, fetched."""

import base64
import hashlib
import io
import json
import zipfile
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.docs.reconcile import adopt
from services.docs.store import documents
from services.docs.store import frozen as frozen_rows
from shared.chain import link
from shared.ids import AgencyId, DispatchId, uuid7
from tests.docs.exchange import Exchange
from tests.docs.server import PDF, Running, System, announcement

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TABLE = b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml" + bytes(900)
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")


def seal(mark: bytes = b"") -> bytes:
    """Return what docs takes for a CMS; signing alone looks into it."""
    content = _SIGNED_DATA + mark
    return b"0\x83" + len(content).to_bytes(3, "big") + content


SEAL = seal()


def table(**changes: object) -> dict[str, Any]:
    """Return the announcement of a table with its seal."""
    given = {
        "name": "Phụ lục 1.xlsx",
        "media_type": XLSX,
        "role": "ANNEX",
        "signature": base64.b64encode(SEAL).decode(),
        **changes,
    }
    return {name: one for name, one in announcement(TABLE, **given).items() if one is not None}


async def _announce(sender: System, document: str, **changes: object) -> Any:  # noqa: ANN401
    return await sender.ask("POST", f"{document}/attachments", json=table(**changes))


async def test_an_annex_of_another_kind_comes_with_its_seal(country: Running):
    sender = await country.system("G22")
    document = await sender.drafted()
    made = await _announce(sender, document)
    assert made.status_code == 201, made.text
    sha256 = hashlib.sha256(SEAL).hexdigest()
    signature = made.json()["signature"]
    assert signature["sha256"] == sha256
    sent = await sender.ask("PUT", made.json()["href"], content=TABLE)
    assert sent.status_code == 204, sent.text
    fetched = await sender.ask("GET", made.json()["href"])
    assert (fetched.content, fetched.headers["content-type"]) == (TABLE, XLSX)
    found = await sender.ask("GET", signature["href"])
    assert (found.content, found.headers["content-type"]) == (SEAL, "application/pkcs7-signature")
    assert found.headers["etag"] == f'"{sha256}"'
    assert found.headers["content-disposition"].endswith("Ph%E1%BB%A5%20l%E1%BB%A5c%201.xlsx.p7s")


async def test_the_largest_seal_is_taken(country: Running):
    sender, largest = await country.system("G22"), seal(bytes(65_536 - len(SEAL)))
    given = {"signature": base64.b64encode(largest).decode()}
    made = await _announce(sender, await sender.drafted(), **given)
    assert (await sender.ask("GET", made.json()["signature"]["href"])).content == largest


async def test_a_pdf_has_no_seal_beside_it(country: Running):
    sender = await country.system("G22")
    document = await sender.drafted()
    made = await sender.ask("POST", f"{document}/attachments", json=announcement())
    assert made.json()["signature"] is None
    place = made.json()["href"].removesuffix("/content")
    assert (await sender.ask("GET", f"{place}/signature")).json()["code"] == "REQ-4041"


async def test_others_do_not_get_the_seal(country: Running):
    sender, other = await country.system("G22"), await country.system("G14")
    made = await _announce(sender, await sender.drafted())
    refused = await other.ask("GET", made.json()["signature"]["href"])
    assert (refused.status_code, refused.json()["code"]) == (404, "REQ-4041")


CMS64 = base64.b64encode(SEAL).decode()
REFUSED: dict[str, tuple[dict[str, object], str, str]] = {
    "no seal": ({"signature": None}, "DOC-4151", "/signature"),
    "MAIN of another kind": ({"role": "MAIN"}, "DOC-4151", "/media_type"),
    "MAIN of another kind, no seal": (
        {"role": "MAIN", "signature": None}, "DOC-4151", "/media_type"),
    "a PDF with a seal beside it": (
        {"name": "a.pdf", "media_type": "application/pdf"}, "REQ-4221", "/signature"),
    "MAIN with a seal beside it": (
        {"name": "a.pdf", "media_type": "application/pdf", "role": "MAIN"}, "REQ-4221",
        "/signature"),
    "a program": ({"name": "a.exe", "media_type": "application/x-msdownload"}, "DOC-4151",
                  "/media_type"),
    "macros": ({"name": "a.xlsm", "media_type": "application/vnd.ms-excel.sheet.macroEnabled.12"},
               "DOC-4151", "/media_type"),
    "a name of another kind": ({"name": "a.csv"}, "DOC-4223", "/name"),
    "a name of no kind": ({"name": "a.xlsx.exe"}, "DOC-4223", "/name"),
    "a name that is an ending": ({"name": ".xlsx"}, "DOC-4223", "/name"),
    "not base64": ({"signature": "%%%"}, "REQ-4221", "/signature"),
    "PEM": ({"signature": base64.b64encode(b"-----BEGIN CMS-----").decode()}, "REQ-4221",
            "/signature"),
    "an empty seal": ({"signature": ""}, "REQ-4221", "/signature"),
    "a seal with something behind it": (
        {"signature": base64.b64encode(SEAL + b"\0").decode()}, "REQ-4221", "/signature"),
    "a seal that is a certificate": (
        {"signature": base64.b64encode(b"0\x03\x02\x01\x05").decode()}, "REQ-4221", "/signature"),
    "a seal one byte too large": (
        {"signature": base64.b64encode(seal(bytes(65_536 - len(SEAL) + 1))).decode()}, "REQ-4221",
        "/signature"),
    "a seal too large": ({"signature": base64.b64encode(seal(bytes(65_536))).decode()}, "REQ-4221",
                         "/signature"),
    "a seal that is no text": ({"signature": 5}, "REQ-4221", "/signature"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "code", "place"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_admitted_is_refused_when_announced(
    docs: Running, changes: dict[str, object], code: str, place: str
):
    sender = await docs.system("G22")
    refused = await _announce(sender, await sender.drafted(), **changes)
    assert refused.json()["code"] == code, refused.text
    assert [one["pointer"] for one in refused.json()["errors"]] == [place]
    assert [one for one in docs.blobs.rglob("*") if one.is_file()] == []


async def test_what_is_to_be_done_is_said(country: Running):
    sender = await country.system("G22")
    refused = await _announce(sender, await sender.drafted(), signature=None)
    [fault] = refused.json()["errors"]
    assert "chữ ký số rời của cơ quan gửi" in str(fault)
    assert "CAdES" in str(fault)


@pytest.mark.parametrize(
    "content", [b"MZ" + TABLE[2:], PDF, b"Ma,Ten\n", b"PK\x05\x06" + bytes(18)]
)
async def test_bytes_of_another_kind_are_refused(country: Running, content: bytes):
    sender = await country.system("G22")
    made = await _announce(
        sender,
        await sender.drafted(),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    refused = await sender.ask("PUT", made.json()["href"], content=content)
    assert (refused.status_code, refused.json()["code"]) == (415, "DOC-4151")
    assert XLSX in refused.text


async def test_a_repeated_announcement_is_one_file(country: Running):
    sender = await country.system("G22")
    place, key = f"{await sender.drafted()}/attachments", {"Idempotency-Key": str(uuid4())}
    first = await sender.ask("POST", place, json=table(), headers=key)
    again = await sender.ask("POST", place, json=table(), headers=key)
    resealed = table(signature=base64.b64encode(seal(b"x")).decode())
    other = await sender.ask("POST", place, json=resealed, headers=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert other.json()["code"] == "REQ-4222"


async def test_the_same_bytes_under_another_seal_are_refused(country: Running):
    sender = await country.system("G22")
    document = await sender.drafted()
    assert (await _announce(sender, document)).status_code == 201
    assert (await _announce(sender, document, name="b.xlsx")).status_code == 201
    resealed = base64.b64encode(seal(b"x")).decode()
    refused = await _announce(sender, document, name="c.xlsx", signature=resealed)
    assert (refused.status_code, refused.json()["code"]) == (422, "REQ-4221")


async def test_a_file_of_another_kind_is_not_signed_here(country: Running):
    sender = await country.system("G22")
    document = await sender.drafted()
    made = (await _announce(sender, document)).json()
    await sender.ask("PUT", made["href"], content=TABLE)
    wanted = {"attachment_id": made["id"], "kind": "seal", "certificate": "0" * 64}
    refused = await sender.ask("POST", f"{document}/signatures", json=wanted)
    assert (refused.status_code, refused.json()["code"]) == (422, "REQ-4221")
    assert "PDF" in refused.text


async def sent_sealed(docs: Running, *, sealed: bytes = SEAL) -> tuple[System, dict[str, Any]]:
    sender = await docs.system("G22")
    document = await sender.drafted(recipients=[{"agency": "H14"}])
    await sender.uploaded(document)
    given = {"signature": base64.b64encode(sealed).decode()}
    made = (await _announce(sender, document, **given)).json()
    await sender.ask("PUT", made["href"], content=TABLE)
    sent = await sender.ask("POST", f"{document}/dispatches")
    assert sent.status_code == 202, sent.text
    return sender, made


async def _told(docs: Running) -> dict[str, Any]:
    rows = await docs.db.as_worker(
        lambda conn: conn.fetch("select headers, value from outbox order by id")
    )
    told = [json.loads(one["value"]) for one in rows if "dispatched" in str(one["headers"])]
    return told[-1]


async def test_signing_is_told_of_the_seal_and_it_is_frozen(docs: Running):
    await sent_sealed(docs)
    event = await _told(docs)
    seals = {one["role"]: one["signature_sha256"] for one in event["files"]}
    assert seals == {"MAIN": None, "ANNEX": hashlib.sha256(SEAL).hexdigest()}
    files = await docs.db.as_worker(lambda conn: conn.fetchval("select files from dispatches"))
    assert ["signature_sha256" in one for one in files] == [False, True]
    await docs.db.as_worker(
        lambda conn: conn.execute(
            "update attachments set signature_sha256 = $1 where role = 'ANNEX'", "0" * 64
        )
    )
    dispatch_id = DispatchId(UUID(event["dispatch_id"]))
    now = await docs.db.as_worker(lambda conn: frozen_rows.of(conn, dispatch_id))
    assert now != event["frozen_sha256"]


async def test_a_recipient_gets_the_seal_with_the_file(docs: Running, exchange: Exchange):
    _, made = await sent_sealed(docs)
    event = await _told(docs)
    await exchange.judge(DispatchId(UUID(event["dispatch_id"])))
    await exchange.clear()
    [entry] = await exchange.mailbox("H14", "urgent")
    _, annex = json.loads(entry.entry)["files"]
    assert annex["signature_sha256"] == hashlib.sha256(SEAL).hexdigest()
    recipient, stranger = await docs.system("H14"), await docs.system("G14")
    href = made["signature"]["href"]
    assert (await recipient.ask("GET", href)).content == SEAL
    assert (await stranger.ask("GET", href)).status_code == 404
    packed = await recipient.ask("GET", f"/v1/deliveries/{entry.delivery_id}/package")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as package:
        manifest = json.loads(package.read("manifest.json"))
        main, annex = manifest["files"]
        assert main["signature"] is None
        assert annex["signature"]["sha256"] == hashlib.sha256(SEAL).hexdigest()
        assert annex["signature"]["path"] == annex["path"] + ".p7s"
        assert package.read(annex["signature"]["path"]) == SEAL
        assert package.read(annex["path"]) == TABLE
        assert len(package.namelist()) == 4


async def test_an_entry_that_is_adopted_brings_the_seal(docs: Running, exchange: Exchange):
    await sent_sealed(docs)
    event = await _told(docs)
    await exchange.judge(DispatchId(UUID(event["dispatch_id"])))
    await exchange.clear()
    [known] = await exchange.mailbox("H14", "urgent")
    ids = {"dispatch_id": str(uuid7()), "delivery_id": str(uuid7())}
    entry = json.dumps({**json.loads(known.entry), **ids})
    hashed = link(
        agency=AgencyId(known.agency_id),
        lane=known.lane,
        sequence=known.sequence + 1,
        previous=bytes.fromhex(known.hash),
        entry=entry.encode(),
    )
    lost = known.model_copy(
        update={
            **{name: UUID(id_) for name, id_ in ids.items()},
            "sequence": known.sequence + 1,
            "previous_hash": known.hash,
            "hash": hashed.hex(),
            "entry": entry,
        }
    )
    await docs.db.as_worker(lambda conn: adopt(conn, [lost]))
    files = (await exchange.row(DispatchId(UUID(ids["dispatch_id"])))).files
    assert [one.signature_sha256 for one in files] == [None, hashlib.sha256(SEAL).hexdigest()]


async def test_a_seal_is_no_orphan(docs: Running):
    await sent_sealed(docs)
    there = [one for one in docs.blobs.rglob("*") if one.is_file()]
    assert await docs.db.as_worker(documents.count_files) == len(there) == 3


async def test_a_seal_that_is_lost_is_told(docs: Running):
    sender, made = await sent_sealed(docs)
    sha256 = made["signature"]["sha256"]
    path = next(one for one in docs.blobs.rglob(sha256))
    path.chmod(0o600)
    path.write_bytes(SEAL[:-1])
    refused = await sender.ask("GET", made["signature"]["href"])
    assert (refused.status_code, refused.json()["code"]) == (503, "DOC-5031")
    path.unlink()
    assert (await sender.ask("GET", made["signature"]["href"])).status_code == 503
