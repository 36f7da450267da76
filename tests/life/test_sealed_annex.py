"""The whole life of an annex that is no PDF: announced with its seal, judged, fetched, verified."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from infra.client import Client, Json
from infra.demo.plan import Plan, next_number
from infra.demo.send import write_letter
from infra.letter.table import MEDIA_TYPE, NAME, render_table
from infra.pki.sign import sign_detached, signer
from services.signing.bundle import unpack
from services.signing.cli import main
from services.signing.evidence import named
from shared.sizes import VALIDATED_JSON_BYTES
from tests.fixtures.eventually import eventually
from tests.life.refusals import refused
from tests.life.story import PROVINCE, lease_of, reach, upload

pytestmark = pytest.mark.stack

SENDER = "G22"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was sent: the table, its seal, and where they are."""

    table: bytes
    seal: bytes
    document: str
    dispatch: str
    file: Json


async def _sent(run: Path, sender: Client, *, by: str = "seal", agency: str = SENDER) -> Sealed:
    plan = Plan(({"agency": PROVINCE},), 1, ())
    letter = await asyncio.to_thread(write_letter, run, await next_number(sender), plan)
    table = render_table([("Mã", "Tên"), ("H14", str(uuid4()))])
    seal = await asyncio.to_thread(sign_detached, table, signer(run, agency, by))
    key = {"Idempotency-Key": str(uuid4())}
    draft = await sender.ask("POST", "/v1/documents", body=letter.description, headers=key)
    document = f"/v1/documents/{draft.json()['id']}"
    await upload(sender, document, "MAIN", letter.main)
    announced = {
        "name": NAME,
        "media_type": MEDIA_TYPE,
        "size": len(table),
        "sha256": hashlib.sha256(table).hexdigest(),
        "role": "ANNEX",
        "signature": base64.b64encode(seal).decode(),
    }
    file = (await sender.ask("POST", f"{document}/attachments", body=announced)).json()
    kind = {"Content-Type": MEDIA_TYPE}
    await sender.ask("PUT", file["upload"]["put"], raw=table, headers=kind)
    sent = await sender.ask("POST", f"{document}/dispatches", body={})
    return Sealed(table, seal, document, sent.headers["Location"], file)


async def test_an_annex_with_a_detached_seal_is_delivered_and_verified_offline(
    run: Path, systems: Mapping[str, Client], tmp_path: Path
) -> None:
    sent = await _sent(run, systems["sys-g22"])
    arrived = await reach(systems["sys-g22"], sent.dispatch, "available", recipients=1)
    province = systems["sys-h14"]
    lease = await lease_of(province, PROVINCE, arrived["id"])
    entry = json.loads(lease["delivery"]["entry"])
    [named_there] = [one for one in entry["files"] if one["role"] == "ANNEX"]
    content = await province.ask("GET", sent.file["href"], acting=PROVINCE)
    seal = await province.ask("GET", sent.file["signature"]["href"], acting=PROVINCE)
    assert hashlib.sha256(content.body).hexdigest() == named_there["sha256"]
    assert hashlib.sha256(seal.body).hexdigest() == named_there["signature_sha256"]
    assert (content.body, seal.body) == (sent.table, sent.seal)

    path = f"{sent.document}/validation?form=bundle&attachment_id={sent.file['id']}"
    file, bundle = tmp_path / NAME, tmp_path / "bundle.zip"
    bundle.write_bytes((await province.ask("GET", path, acting=PROVINCE)).body)
    file.write_bytes(content.body)
    held = unpack(bundle)
    signature = named(json.loads(held.evidence)).signature
    assert signature == named_there["signature_sha256"]
    assert held.kept[signature or ""] == sent.seal
    assert main(["verify", str(file), "--evidence", str(bundle)]) == 0
    report = path.replace("form=bundle", "form=html")
    words = (await province.ask("GET", report, acting=PROVINCE)).body.decode()
    assert "chữ ký rời" in words


@pytest.mark.parametrize(
    ("by", "agency", "code"), [("seal", "G21", "SIG-4031"), ("leader", SENDER, "SIG-4226")]
)
async def test_an_annex_under_a_wrong_seal_is_refused(
    run: Path, systems: Mapping[str, Client], by: str, agency: str, code: str
) -> None:
    sender = systems["sys-g22"]
    sent = await _sent(run, sender, by=by, agency=agency)

    async def ended() -> Json | None:
        seen: Json = (await sender.ask("GET", sent.dispatch)).json()
        return seen if seen["state"] == "refused" else None

    seen = await eventually(ended, "it is refused", timeout=30)
    assert seen["reason"]["code"] == code


async def test_a_large_file_with_its_seal_is_validated_through_the_gateway(
    run: Path, systems: Mapping[str, Client]
) -> None:
    sender, path, content = systems["sys-g22"], "/v1/validations", bytes(2 << 20)
    seal = await asyncio.to_thread(sign_detached, content, signer(run, SENDER, "seal"))
    body = {
        "content": base64.b64encode(content).decode(),
        "signature": base64.b64encode(seal).decode(),
    }
    told = (await sender.ask("POST", path, body=body)).json()
    assert (told["indication"], told["rule"]) == ("TOTAL-PASSED", None)
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    larger = {**body, "content": "A" * VALIDATED_JSON_BYTES}
    problem = await refused(sender, "POST", path, status=413, body=larger)
    assert (problem["code"], problem["limit"]) == ("SIG-4132", VALIDATED_JSON_BYTES)
