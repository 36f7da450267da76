"""What sender and recipient see of a dispatch over HTTP: progress, matrix, delivery, package."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.blobs import BLOCK
from shared.ids import DispatchId
from tests.docs.country import PROVINCE, commune
from tests.docs.exchange import Exchange
from tests.docs.server import PDF, Running, System

Recipients = Sequence[Mapping[str, Any]]

EVERYBODY: Recipients = [{"agency": PROVINCE}, {"select": {"level": "commune", "under": PROVINCE}}]
BIG = PDF + b"\0" * (2 * BLOCK + 7) + b"\n%%EOF\n"


async def sent(
    sender: System, *contents: bytes, recipients: Recipients = EVERYBODY
) -> dict[str, Any]:
    """Send a document with these files; return the dispatch."""
    document = await sender.drafted(recipients=recipients)
    for role, content in zip(("MAIN", "ANNEX"), contents, strict=False):
        await sender.uploaded(document, content, role=role, name=f"{role} số 1.pdf")
    answer = await sender.ask("POST", f"{document}/dispatches")
    assert answer.status_code == 202, answer.text
    return answer.json()


async def cleared(exchange: Exchange, dispatch: dict[str, Any]) -> None:
    """Judge a dispatch good and clear it."""
    await exchange.judge(DispatchId(UUID(dispatch["id"])))
    await exchange.clear()


async def test_a_dispatch_is_accepted_and_followed(docs: Running, exchange: Exchange):
    sender = await docs.system("G22")
    dispatch = await sent(sender, PDF)
    assert (dispatch["state"], dispatch["recipients"], dispatch["lane"]) == ("waiting", 6, "urgent")
    assert dispatch["counts"]["queued"] == 6
    await cleared(exchange, dispatch)
    [entry] = await exchange.mailbox(PROVINCE, "urgent")
    await exchange.acknowledge(entry)
    seen = (await sender.ask("GET", f"/v1/dispatches/{dispatch['id']}")).json()
    assert seen["state"] == "cleared"
    assert seen["by_level"]["commune"]["in_transit"] == 5
    assert seen["by_level"]["province"]["acknowledged"] == 1
    assert [one["indication"] for one in seen["verdicts"]] == ["TOTAL-PASSED"]


async def test_a_refusal_names_its_reason_in_both_languages(docs: Running, exchange: Exchange):
    sender = await docs.system("G22")
    dispatch = await sent(sender, PDF)
    id_ = DispatchId(UUID(dispatch["id"]))
    await exchange.judge(id_, "TOTAL-FAILED", reason="DSP-4091")
    await exchange.clear()
    seen = (await sender.ask("GET", f"/v1/dispatches/{id_}")).json()
    assert seen["state"] == "refused"
    assert seen["reason"]["code"] == "DSP-4091"
    assert seen["reason"]["title"] == "Văn bản bị từ chối vì kết luận kiểm tra không đạt"
    assert seen["counts"]["failed"] == 6


async def test_the_same_key_is_the_same_dispatch(docs: Running):
    sender = await docs.system("G22")
    document = await sender.drafted(recipients=EVERYBODY)
    await sender.uploaded(document)
    key = {"Idempotency-Key": str(uuid4())}
    first = await sender.ask("POST", f"{document}/dispatches", headers=key)
    again = await sender.ask("POST", f"{document}/dispatches", headers=key)
    assert first.json() == again.json()
    assert first.headers["location"] == again.headers["location"]
    other = await sender.ask(
        "POST", f"{document}/dispatches", json={"recipients": EVERYBODY[:1]}, headers=key
    )
    assert (other.status_code, other.json()["code"]) == (422, "REQ-4222")


@pytest.mark.parametrize(
    ("recipients", "code", "pointer"),
    [
        ([{"agency": "H99"}], "DSP-4222", "/recipients/0/agency"),
        ([{"agency": PROVINCE}] * 2, "DSP-4224", "/recipients/1/agency"),
        ([], "DSP-4225", "/recipients"),
        ([{"select": {"level": "hamlet"}}], "DSP-4225", "/recipients"),
        ([{"agency": PROVINCE, "select": {"level": "commune"}}], "REQ-4221", "/recipients/0"),
        ([{"select": dict[str, str]()}], "REQ-4221", "/recipients/0/select"),
    ],
)
async def test_wrong_recipients_are_refused_where_they_stand(
    docs: Running, recipients: Recipients, code: str, pointer: str
):
    sender = await docs.system("G22")
    document = await sender.drafted(recipients=EVERYBODY)
    await sender.uploaded(document)
    answer = await sender.ask("POST", f"{document}/dispatches", json={"recipients": recipients})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


async def test_the_matrix_has_pages_and_is_the_same_as_csv(docs: Running, exchange: Exchange):
    sender = await docs.system("G22")
    dispatch = await sent(sender, PDF)
    await cleared(exchange, dispatch)
    path = f"/v1/dispatches/{dispatch['id']}/deliveries"
    items: list[dict[str, Any]] = []
    query = "?limit=4"
    while query:
        page = (await sender.ask("GET", path + query)).json()
        items += page["items"]
        query = f"?limit=4&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert [one["recipient"]["code"] for one in items] == [
        PROVINCE,
        *(commune(n) for n in range(1, 6)),
    ]
    answer = await sender.ask("GET", path, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(one["recipient_code"], one["hash"], one["transport"]) for one in rows] == [
        (one["recipient"]["code"], one["hash"], one["transport"]) for one in items
    ]
    assert rows[0]["recipient_name"] == "Ủy ban nhân dân tỉnh Cao Bằng"
    other = await sender.ask("GET", path, headers={"Accept": "image/png"})
    assert (other.status_code, other.json()["code"]) == (406, "REQ-4061")


async def test_no_cell_of_the_csv_is_a_formula(docs: Running, exchange: Exchange):
    registrar = await docs.system("G22", scope="registrar")
    made = await registrar.ask(
        "POST",
        "/v1/agencies",
        json={"code": "X99", "name": "=HYPERLINK(1)", "level": "commune", "parent": PROVINCE},
    )
    assert made.status_code == 201, made.text
    sender = await docs.system("G22")
    dispatch = await sent(sender, PDF, recipients=[{"agency": "X99"}])
    path = f"/v1/dispatches/{dispatch['id']}/deliveries"
    answer = await sender.ask("GET", path, headers={"Accept": "text/csv"})
    [row] = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert row["recipient_name"] == "'=HYPERLINK(1)"
    assert exchange


async def test_both_sides_see_a_delivery_and_nobody_else(docs: Running, exchange: Exchange):
    sender, recipient = await docs.system("G22"), await docs.system(commune(1))
    dispatch = await sent(sender, PDF, recipients=[{"agency": commune(1)}])
    page = await sender.ask("GET", f"/v1/dispatches/{dispatch['id']}/deliveries")
    path = f"/v1/deliveries/{page.json()['items'][0]['id']}"
    assert (await recipient.ask("GET", path)).status_code == 404  # it has no number yet
    early = await sender.ask("GET", f"{path}/package")
    assert (early.status_code, early.json()["code"]) == (409, "DLV-4092")
    await cleared(exchange, dispatch)
    for party in (sender, recipient):
        seen = (await party.ask("GET", path)).json()
        assert seen["document"]["subject"].startswith("V/v")
        assert (seen["transport"], seen["sequence"]) == ("in_transit", 1)
    stranger = await docs.system(commune(2))
    foreign = await stranger.ask("GET", path)
    unknown = await stranger.ask("GET", f"/v1/deliveries/{uuid4()}")
    assert foreign.status_code == unknown.status_code == 404
    apart = {"instance", "trace_id"}
    assert {name: one for name, one in foreign.json().items() if name not in apart} == {
        name: one for name, one in unknown.json().items() if name not in apart
    }
    for hidden in (f"/v1/dispatches/{dispatch['id']}", f"{path}/package"):
        assert (await stranger.ask("GET", hidden)).status_code == 404


async def test_the_package_holds_manifest_and_files_byte_for_byte(
    docs: Running, exchange: Exchange
):
    sender, recipient = await docs.system("G22"), await docs.system(commune(1))
    dispatch = await sent(sender, PDF, BIG, recipients=[{"agency": commune(1)}])
    await cleared(exchange, dispatch)
    [entry] = await exchange.mailbox(commune(1), "urgent")
    answer = await recipient.ask("GET", f"/v1/deliveries/{entry.delivery_id}/package")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert (manifest["entry"], manifest["hash"]) == (entry.entry, entry.hash)
        for file, content in zip(manifest["files"], (PDF, BIG), strict=True):
            assert archive.read(file["path"]) == content
            assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert archive.namelist()[1] == "files/01-MAIN số 1.pdf"


async def test_a_flipped_byte_cuts_the_package(docs: Running, exchange: Exchange):
    sender, recipient = await docs.system("G22"), await docs.system(commune(1))
    dispatch = await sent(sender, BIG, recipients=[{"agency": commune(1)}])
    await cleared(exchange, dispatch)
    digest = hashlib.sha256(BIG).hexdigest()
    [stored] = docs.blobs.rglob(digest)
    stored.chmod(0o600)
    with stored.open("r+b") as file:
        file.seek(BLOCK + 5)
        file.write(b"!")
    [entry] = await exchange.mailbox(commune(1), "urgent")
    received = b""
    with pytest.raises(Exception, match=r"peer closed|incomplete|Remote|disconnect"):  # noqa: PT012
        async with recipient.client.stream(
            "GET", f"/v1/deliveries/{entry.delivery_id}/package", headers=recipient.headers
        ) as cut:
            async for chunk in cut.aiter_bytes():
                received += chunk
    assert len(received) < 2 * BLOCK
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(received))
