"""The validation report: verdicts of docs, and evidence only if its digest is the kept one."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.docs import judge
from shared.events import DocumentExamined
from shared.events.types import Indication
from shared.ids import DispatchId
from tests.docs.country import PROVINCE, SENDER, commune
from tests.docs.exchange import RECORD, Exchange
from tests.docs.server import PDF, Running
from tests.docs.shelf import Shelf
from tests.docs.test_deliveries import sent

EVIDENCE = b'{"schema":"lienthong/verdict/1","verdict":{"indication":"TOTAL-PASSED"}}'
KEPT = hashlib.sha256(EVIDENCE).hexdigest()


async def judged(
    docs: Running,
    exchange: Exchange,
    *,
    indication: Indication = "TOTAL-PASSED",
    reason: str | None = None,
) -> str:
    """Send a document and have it judged; return its path."""
    sender = await docs.system(SENDER)
    dispatch = await sent(sender, PDF, recipients=[{"agency": PROVINCE}])
    row = await exchange.row(DispatchId(UUID(dispatch["id"])))
    event = DocumentExamined(
        dispatch_id=row.id,
        document_id=row.document_id,
        sha256=row.files[0].sha256,
        judgement=1,
        indication=indication,
        reason=reason,
        judged_at=datetime.now(UTC),
        evidence_sha256=KEPT,
    )
    await exchange.db.as_worker(lambda conn: judge.examined(conn, event, RECORD))
    await exchange.clear()
    return f"/v1/documents/{row.document_id}"


async def test_both_sides_see_verdict_and_evidence(docs: Running, exchange: Exchange, shelf: Shelf):
    shelf.contents[KEPT] = EVIDENCE
    path = await judged(docs, exchange)
    for code in (SENDER, PROVINCE):
        party = await docs.system(code)
        body = (await party.ask("GET", f"{path}/validation")).json()
        assert (body["indication"], body["text"]) == ("TOTAL-PASSED", "Chữ ký số hợp lệ")
        [file] = body["files"]
        assert file["evidence"]["state"] == "verified"
        assert file["evidence"]["sha256"] == KEPT
        assert file["evidence"]["content"]["schema"] == "lienthong/verdict/1"


async def test_nobody_else_sees_it(docs: Running, exchange: Exchange, shelf: Shelf):
    path = await judged(docs, exchange)
    stranger = await docs.system(commune(1))
    assert (await stranger.ask("GET", f"{path}/validation")).status_code == 404
    assert shelf.asked == []


async def test_other_evidence_than_was_judged_is_an_alarm(
    docs: Running, exchange: Exchange, shelf: Shelf
):
    shelf.contents[KEPT] = EVIDENCE.replace(b"PASSED", b"FAILED")
    path = await judged(docs, exchange)
    sender = await docs.system(SENDER)
    refused = await sender.ask("GET", f"{path}/validation")
    assert (refused.status_code, refused.json()["code"]) == (500, "SIG-5001")
    assert refused.json()["kept"] == KEPT
    assert "FAILED" not in refused.text


@pytest.mark.parametrize("up", [True, False])
async def test_without_evidence_the_verdict_stands(
    docs: Running, exchange: Exchange, shelf: Shelf, *, up: bool
):
    shelf.up = up
    path = await judged(docs, exchange, indication="TOTAL-FAILED", reason="SIG-4222")
    sender = await docs.system(SENDER)
    body = (await sender.ask("GET", f"{path}/validation")).json()
    assert (body["indication"], body["reason"]["code"]) == ("TOTAL-FAILED", "SIG-4222")
    assert body["reason"]["title"] == "Văn bản đã bị thay đổi sau khi ký"
    assert body["files"][0]["evidence"] == {
        "sha256": KEPT,
        "state": "unavailable",
        "content": None,
    }


async def test_a_withdrawal_outweighs_the_verdict(docs: Running, exchange: Exchange, shelf: Shelf):
    shelf.contents[KEPT] = EVIDENCE
    path = await judged(docs, exchange)
    sender = await docs.system(SENDER)
    dispatch = (await sender.ask("GET", path)).json()["dispatch"]
    await exchange.withdraw(DispatchId(UUID(dispatch["id"])), reason="SIG-4225")
    recipient = await docs.system(PROVINCE)
    for party in (sender, recipient):
        body = (await party.ask("GET", f"{path}/validation")).json()
        assert (body["indication"], body["withdrawn"]) == ("TOTAL-FAILED", True)
        assert body["reason"]["code"] == "SIG-4225"
        [file] = body["files"]
        assert (file["indication"], file["reason"]["code"]) == ("TOTAL-FAILED", "SIG-4225")
        assert file["text"] == "Kết luận kiểm tra bị rút lại: không còn tin cậy được"
        assert file["evidence"]["content"]["verdict"]["indication"] == "TOTAL-PASSED"


async def test_what_was_not_examined_says_so(docs: Running, shelf: Shelf):
    sender = await docs.system(SENDER)
    path = await sender.drafted()
    await sender.uploaded(path)
    body = (await sender.ask("GET", f"{path}/validation")).json()
    assert (body["indication"], body["text"]) == (None, "Chưa kiểm tra")
    assert body["files"][0]["evidence"] is None
    assert shelf.asked == []


MEDIA = {
    "etsi": "application/json",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "bundle": "application/zip",
}


@pytest.mark.parametrize("form", MEDIA)
async def test_a_report_comes_from_signing_in_its_form(
    docs: Running, exchange: Exchange, shelf: Shelf, form: str
):
    shelf.contents[form] = b"a report"
    path = await judged(docs, exchange)
    for code in (SENDER, PROVINCE):
        party = await docs.system(code)
        answer = await party.ask("GET", f"{path}/validation?form={form}")
        assert answer.content == b"a report"
        assert answer.headers["content-type"] == MEDIA[form]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert set(shelf.asked) == {f"/internal/verdicts/{KEPT}/{form}"}


@pytest.mark.parametrize("form", ["full", *MEDIA])
async def test_no_form_shows_other_evidence_than_was_judged(
    docs: Running, exchange: Exchange, shelf: Shelf, form: str
):
    shelf.contents[KEPT] = EVIDENCE.replace(b"PASSED", b"FAILED")
    shelf.refuses = ("SIG-5001", 500)
    path = await judged(docs, exchange)
    sender = await docs.system(SENDER)
    before = _alarms()
    with capture_logs() as logged:
        refused = await sender.ask("GET", f"{path}/validation?form={form}")
    assert (refused.status_code, refused.json()["code"]) == (500, "SIG-5001")
    assert refused.json()["kept"] == KEPT
    assert _alarms() == before + 1
    told = [one for one in logged if one["event"] == "evidence is not what was judged"]
    assert [(one["kept"], one["log_level"]) for one in told] == [(KEPT, "error")]


async def test_a_bundle_that_signing_finds_too_large_is_no_alarm(
    docs: Running, exchange: Exchange, shelf: Shelf
):
    shelf.refuses = ("REQ-4061", 406)
    path = await judged(docs, exchange)
    sender = await docs.system(SENDER)
    before = _alarms()
    with capture_logs() as logged:
        refused = await sender.ask("GET", f"{path}/validation?form=bundle")
    assert (refused.status_code, refused.json()["code"]) == (406, "REQ-4061")
    assert "form" in refused.json()["detail"]
    assert _alarms() == before
    assert [one for one in logged if one["log_level"] == "error"] == []


async def test_evidence_of_another_form_is_shown_as_it_is_and_is_no_alarm(
    docs: Running, exchange: Exchange, shelf: Shelf
):
    shelf.contents[KEPT] = EVIDENCE
    shelf.refuses = ("SIG-4061", 406)
    path = await judged(docs, exchange)
    sender = await docs.system(SENDER)
    before = _alarms()
    for form in MEDIA:
        refused = await sender.ask("GET", f"{path}/validation?form={form}")
        assert (refused.status_code, refused.json()["code"]) == (406, "SIG-4061")
        assert refused.json()["title"].startswith("Bằng chứng kiểm tra thuộc dạng")
    shown = (await sender.ask("GET", f"{path}/validation")).json()["files"][0]["evidence"]
    assert (shown["state"], shown["content"]["schema"]) == ("verified", "lienthong/verdict/1")
    assert _alarms() == before


def _alarms() -> float:
    return REGISTRY.get_sample_value("lienthong_evidence_mismatches_total") or 0.0


async def test_a_report_is_shown_to_nobody_else(docs: Running, exchange: Exchange, shelf: Shelf):
    path = await judged(docs, exchange)
    stranger = await docs.system(commune(1))
    assert (await stranger.ask("GET", f"{path}/validation?form=pdf")).status_code == 404
    assert shelf.asked == []


async def test_a_summary_asks_nobody(docs: Running, exchange: Exchange, shelf: Shelf):
    path = await judged(docs, exchange)
    sender = await docs.system(SENDER)
    [file] = (await sender.ask("GET", f"{path}/validation?form=summary")).json()["files"]
    assert file["evidence"] == {"sha256": KEPT, "state": "not_asked", "content": None}
    assert shelf.asked == []


async def test_a_report_that_is_not_there_says_so(docs: Running, exchange: Exchange, shelf: Shelf):
    path = await judged(docs, exchange)
    sender = await docs.system(SENDER)
    away = await sender.ask("GET", f"{path}/validation?form=html")
    assert away.status_code == 503
    assert len(shelf.asked) == 1
    none = f"{path}/validation?form=html&attachment_id={UUID(int=7)}"
    assert (await sender.ask("GET", none)).json()["code"] == "REQ-4041"
    other = await sender.ask("GET", f"{path}/validation?form=word")
    assert (other.status_code, other.json()["code"]) == (400, "REQ-4003")
