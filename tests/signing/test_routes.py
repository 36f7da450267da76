"""Signing's HTTP face: the PKI for everybody, revocations for the registrar, evidence for docs."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from cryptography import x509
from structlog.testing import capture_logs

from services.signing import bundle, cli, withdrawal
from services.signing.examine import settle
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Backing
from tests.notify.issuer import AUDIENCE, Issuer
from tests.signing.desk import Desk
from tests.signing.served import System, served
from tests.signing.test_revocation import change, digest, looked, withdrawn

_SYSTEMS = {
    "registrar": System(("registrar", "directory")),
    "service-docs": System(("internal",)),
    "sys-g22": System(("documents.send",)),
}
INTERNAL = "https://lienthong.vn/internal/signing"


@dataclass(frozen=True, slots=True)
class Face:
    """A listening signing."""

    client: httpx2.AsyncClient
    issuer: Issuer
    desk: Desk

    def headers(self, client_id: str, scope: str, *, audience: str = AUDIENCE) -> dict[str, str]:
        """Return the headers of a client with a token."""
        token = self.issuer.token(client_id, [], scope=scope, audience=audience)
        return {"Authorization": f"Bearer {token}"}

    async def revoke(
        self, certificate: str, reason: str, *, scope: str = "registrar"
    ) -> httpx2.Response:
        """Ask for a revocation."""
        return await self.client.post(
            f"/v1/certificates/{certificate}/revocations",
            json={"reason": reason},
            headers=self.headers("registrar", scope),
        )


@pytest.fixture
async def face(idle_desk: Desk, backing: Backing) -> AsyncIterator[Face]:
    """Serve signing's routes over a desk of its own."""
    async with served(idle_desk, backing, _SYSTEMS) as (client, issuer):
        yield Face(client, issuer, idle_desk)


async def test_anybody_gets_the_authorities_and_their_lists(face: Face) -> None:
    for name in ("root", "issuing"):
        answer = await face.client.get(f"/pki/{name}/ca.crt")
        assert answer.headers["content-type"] == "application/pkix-cert"
        authority = x509.load_der_x509_certificate(answer.content)
        answer = await face.client.get(f"/pki/{name}/crl")
        assert answer.headers["content-type"] == "application/pkix-crl"
        published = x509.load_der_x509_crl(answer.content)
        assert published.issuer == authority.subject
    answer = await face.client.get("/pki/other/crl")
    assert answer.status_code in {400, 404, 422}


async def test_the_registrar_revokes_and_the_list_says_so_at_once(face: Face) -> None:
    certificate = digest(face.desk, "seal")
    answer = await face.revoke(certificate, "keyCompromise")
    assert answer.status_code == 200
    assert answer.json() == {
        "sha256": certificate,
        "state": "revoked",
        "reason": "keyCompromise",
        "list_number": answer.json()["list_number"],
    }
    crl = x509.load_der_x509_crl((await face.client.get("/pki/issuing/crl")).content)
    assert len(list(crl)) == 1
    number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    assert number == answer.json()["list_number"]
    again = await face.revoke(certificate, "removeFromCRL")
    assert (again.status_code, again.json()["code"]) == (409, "SIG-4091")


async def test_nobody_else_revokes(face: Face) -> None:
    certificate = digest(face.desk, "seal")
    answer = await face.revoke(certificate, "keyCompromise", scope="directory")
    assert answer.status_code == 403
    answer = await face.client.post(
        f"/v1/certificates/{certificate}/revocations", json={"reason": "keyCompromise"}
    )
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("certificate", "reason", "status"),
    [("0" * 64, "unspecified", 404), ("x" * 64, "unspecified", 422), ("0" * 64, "whim", 422)],
)
async def test_odd_revocations_are_refused(
    face: Face, certificate: str, reason: str, status: int
) -> None:
    answer = await face.revoke(certificate, reason)
    assert answer.status_code in {status, 400}
    assert answer.json()["title"]


async def test_an_authority_is_not_revoked_by_this_route(face: Face) -> None:
    issuing = sha256(face.desk.authorities.der("issuing")).hexdigest()
    assert (await face.revoke(issuing, "keyCompromise")).status_code == 404


async def test_docs_reads_a_verdict_byte_for_byte(face: Face) -> None:
    event = await judged_well(face.desk)
    path = f"/internal/verdicts/{event['evidence_sha256']}"
    headers = face.headers("service-docs", "internal", audience=INTERNAL)
    answer = await face.client.get(path, headers=headers)
    assert answer.status_code == 200
    assert sha256(answer.content).hexdigest() == event["evidence_sha256"]
    evidence = answer.json()
    assert evidence["verdict"]["indication"] == "TOTAL-PASSED"
    assert [row["kind"] for row in evidence["registered"] if row["kind"] != "authority"]
    assert {one["authority"] for one in evidence["finding"]["lists"]} == {"root", "issuing"}
    stranger = face.headers("sys-g22", "documents.send")
    assert (await face.client.get(path, headers=stranger)).status_code in {401, 403}
    missing = await face.client.get(f"/internal/verdicts/{'0' * 64}", headers=headers)
    assert missing.status_code == 404


async def judged_well(desk: Desk) -> dict[str, Any]:
    """Have a good document judged; return what was told of it."""
    dispatch = await desk.send(desk.papers.good_main)
    held, look = await looked(desk, dispatch)
    await desk.db.as_worker(lambda conn: settle(conn, held, look))
    (event,) = await desk.events(dispatch)
    return event


async def test_a_bundle_brings_the_withdrawal_of_its_verdict(face: Face, tmp_path: Path) -> None:
    desk, event = face.desk, await judged_well(face.desk)
    place = f"/internal/verdicts/{event['evidence_sha256']}"
    headers = face.headers("service-docs", "internal", audience=INTERNAL)
    await change(desk, "leader", "keyCompromise")
    await eventually(
        lambda: withdrawn(desk, UUID(event["dispatch_id"])), "it is withdrawn", timeout=30
    )
    for said in ("", "?withdrawn=SIG-4225"):  # docs may not have heard of it yet
        answer = await face.client.get(f"{place}/bundle{said}", headers=headers)
        path = tmp_path / "bundle.zip"
        await asyncio.to_thread(path.write_bytes, answer.content)
        held = bundle.unpack(path)
        assert sha256(held.evidence).hexdigest() == event["evidence_sha256"]
        gone = withdrawal.read(held.withdrawal or b"", evidence_sha256=event["evidence_sha256"])
        assert (gone.reason, str(gone.dispatch_id)) == ("SIG-4225", event["dispatch_id"])
        assert gone.withdrawn_at
        assert gone.certificate
        assert gone.certificate.sha256 == digest(desk, "leader")
        assert (gone.certificate.kind, gone.certificate.reason) == ("leader", "keyCompromise")
    told = await face.client.get(f"{place}/etsi", headers=headers)
    assert "total-passed" not in told.text


async def test_a_withdrawal_that_docs_alone_knows_of_is_in_the_bundle(
    face: Face, tmp_path: Path
) -> None:
    event = await judged_well(face.desk)
    place = f"/internal/verdicts/{event['evidence_sha256']}/bundle?withdrawn=SIG-4221"
    headers = face.headers("service-docs", "internal", audience=INTERNAL)
    path = tmp_path / "bundle.zip"
    answer = await face.client.get(place, headers=headers)
    await asyncio.to_thread(path.write_bytes, answer.content)
    paper = tmp_path / "paper.pdf"
    await asyncio.to_thread(paper.write_bytes, face.desk.papers.good_main.content)
    command = ["verify", str(paper), "--evidence", str(path)]
    assert await asyncio.to_thread(cli.main, command) == 1


async def test_docs_reads_reports_and_the_bundle_repeats_the_verdict(
    face: Face, tmp_path: Path
) -> None:
    desk, event = face.desk, await judged_well(face.desk)
    place = f"/internal/verdicts/{event['evidence_sha256']}"
    headers = face.headers("service-docs", "internal", audience=INTERNAL)
    answers = {
        form: await face.client.get(f"{place}/{form}", headers=headers)
        for form in ("etsi", "html", "pdf", "bundle")
    }
    assert {one.status_code for one in answers.values()} == {200}
    assert "total-passed" in answers["etsi"].text
    assert 'lang="vi"' in answers["html"].text
    assert f"--sha256 {event['evidence_sha256']}" in answers["html"].text
    assert answers["pdf"].content.startswith(b"%PDF-")
    withdrawn = await face.client.get(f"{place}/html?withdrawn=SIG-4225", headers=headers)
    assert withdrawn.text != answers["html"].text
    withdrawn = await face.client.get(f"{place}/etsi?withdrawn=SIG-4225", headers=headers)
    assert "total-passed" not in withdrawn.text
    assert "SIG-4225" in withdrawn.text
    bundle, paper = tmp_path / "bundle.zip", tmp_path / "paper.pdf"
    await asyncio.to_thread(bundle.write_bytes, answers["bundle"].content)
    await asyncio.to_thread(paper.write_bytes, desk.papers.good_main.content)
    command = ["verify", str(paper), "--evidence", str(bundle)]
    assert await asyncio.to_thread(cli.main, command) == 0
    stranger = face.headers("sys-g22", "documents.send")
    assert (await face.client.get(f"{place}/pdf", headers=stranger)).status_code in {401, 403}
    missing = await face.client.get(f"/internal/verdicts/{'0' * 64}/pdf", headers=headers)
    assert missing.status_code == 404


async def test_evidence_that_is_not_whole_is_told_in_vietnamese(face: Face) -> None:
    desk, event = face.desk, await judged_well(face.desk)
    await desk.execute("delete from materials where kind = 'policy'")
    headers = face.headers("service-docs", "internal", audience=INTERNAL)
    place = f"/internal/verdicts/{event['evidence_sha256']}/html"
    said = (await face.client.get(place, headers=headers)).json()
    assert (said["code"], said["detail"]) == ("SIG-5001", said["title"])
    assert "is missing" in said["detail_en"]


async def test_a_report_needs_the_policy_alone_and_a_bundle_every_piece_as_it_was(
    face: Face,
) -> None:
    desk, event = face.desk, await judged_well(face.desk)
    place = f"/internal/verdicts/{event['evidence_sha256']}"
    headers = face.headers("service-docs", "internal", audience=INTERNAL)
    rotted = "update materials set content = content || '\\x00' where kind = $1"

    async def statuses() -> dict[str, int]:
        forms = ("etsi", "html", "pdf", "bundle")
        asked = {one: await face.client.get(f"{place}/{one}", headers=headers) for one in forms}
        assert {one.json()["code"] for one in asked.values() if one.is_error} <= {"SIG-5001"}
        return {form: one.status_code for form, one in asked.items()}

    await desk.execute(rotted, "crl")
    assert await statuses() == {"etsi": 200, "html": 200, "pdf": 200, "bundle": 500}
    await desk.execute("delete from materials where kind = 'crl'")
    assert (await statuses())["bundle"] == 500
    await desk.execute(rotted, "policy")
    assert set((await statuses()).values()) == {500}


async def test_a_bundle_that_is_too_large_is_not_offered_and_nothing_is_amiss(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await judged_well(face.desk)
    place = f"/internal/verdicts/{event['evidence_sha256']}"
    headers = face.headers("service-docs", "internal", audience=INTERNAL)
    monkeypatch.setattr(bundle, "MOST_BYTES", 100)
    with capture_logs() as logged:
        refused = await face.client.get(f"{place}/bundle", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (406, "REQ-4061")
        assert (await face.client.get(f"{place}/etsi", headers=headers)).status_code == 200
    assert [one for one in logged if one["log_level"] == "error"] == []
