"""Drafts over HTTP: made, read, changed, deleted; and what is refused, with its reason."""

from typing import Any
from uuid import uuid4

import pytest

from tests.docs.exchange import Exchange
from tests.docs.server import PDF, Running, System, draft

ABSENT = "0198c3f1-0000-7000-8000-000000000000"


async def test_a_draft_reads_back_as_it_was_written(country: Running):
    sender = await country.system("G22")
    own = {"number": "7801", "due_on": "2025-06-30"}
    made = await sender.ask("POST", "/v1/documents", json=draft(**own))
    assert made.status_code == 201, made.text
    found = await sender.ask("GET", made.headers["location"])
    assert found.json() == made.json()
    assert found.headers["etag"] == made.headers["etag"] == '"1"'
    body = made.json()
    written = draft(**own)
    signer = {**written.pop("signer"), "competence": None}
    assert {name: body[name] for name in written} == written
    assert body["signer"] == signer
    assert body["code"] == "7801/VPCP-TTĐT"
    assert body["sender"]["code"] == "G22"
    assert (body["state"], body["attachments"], body["warnings"]) == ("draft", [], [])


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"number": "1" * 12}, "/number"),
        ({"number": "78/16"}, "/number"),
        ({"notation": ""}, "/notation"),
        ({"notation": "N" * 31}, "/notation"),
        ({"subject": "x" * 501}, "/subject"),
        ({"subject": " \t "}, "/subject"),
        ({"subject": "hai\ndòng"}, "/subject"),
        ({"type": "tin_don"}, "/type"),
        ({"urgency": "soon"}, "/urgency"),
        ({"urgency": None}, "/urgency"),
        ({"promulgated_on": "22/11/2026"}, "/promulgated_on"),
        ({"promulgated_on": 10**18}, "/promulgated_on"),
        ({"due_on": "2020-01-01"}, ""),
        ({"classification": "public"}, "/classification"),
        ({"signer": {"name": "A" * 51, "position": "x"}}, "/signer/name"),
        ({"signer": {"name": "A"}}, "/signer/position"),
        ({"recipients": [{"agency": "H14", "select": {"level": "commune"}}]}, "/recipients/0"),
        ({"recipients": [{"select": dict[str, str]()}]}, "/recipients/0/select"),
        ({"recipients": [{"agency": "H14"}] * 5001}, "/recipients"),
        ({"recipients": "H14"}, "/recipients"),
    ],
)
async def test_a_faulty_draft_is_refused_at_its_faulty_place(
    country: Running, changes: dict[str, Any], pointer: str
):
    sender = await country.system("G22")
    refused = await sender.ask("POST", "/v1/documents", json=draft(**changes))
    body = refused.json()
    assert (refused.status_code, body["code"]) == (422, "REQ-4221"), refused.text
    assert pointer in [fault["pointer"] for fault in body["errors"]]
    assert all(fault["detail"] and fault["detail_en"] for fault in body["errors"])
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("mark", ["confidential", "secret", "top_secret", "Mat", "tuyet_mat"])
async def test_a_state_secret_is_refused_with_the_law(country: Running, mark: str):
    sender = await country.system("G22")
    refused = await sender.ask("POST", "/v1/documents", json=draft(classification=mark))
    body = refused.json()
    assert (refused.status_code, body["code"]) == (422, "DOC-4221")
    assert "28/2018/QĐ-TTg" in body["detail"]
    assert "29/2018/QH14" in body["detail"]
    assert body["errors"][0]["pointer"] == "/classification"


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"number":"\\u0000"}', "application/json", 400),
        (b'{"number":"\\ud800"}', "application/json", 400),
        (b"[" * 100_000 + b"]" * 100_000, "application/json", 400),
        (b'{"number": NaN}', "application/json", 400),
        (b"[]", "application/json", 422),
        (b"<a/>", "application/xml", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
    ],
)
async def test_a_body_that_is_no_draft_is_a_problem(
    country: Running, content: bytes, kind: str, status: int
):
    sender = await country.system("G22")
    refused = await sender.ask(
        "POST", "/v1/documents", content=content, headers={"Content-Type": kind}
    )
    assert refused.status_code == status, refused.text
    assert refused.json()["trace_id"]


async def test_a_repeated_key_makes_one_document(docs: Running):
    sender = await docs.system("G22")
    key = {"Idempotency-Key": str(uuid4())}
    first = await sender.ask("POST", "/v1/documents", json=draft(), headers=key)
    again = await sender.ask("POST", "/v1/documents", json=draft(), headers=key)
    other = await sender.ask("POST", "/v1/documents", json=draft(number="1"), headers=key)
    listed = await sender.ask("GET", "/v1/documents")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first.headers["location"] == again.headers["location"]
    assert other.json()["code"] == "REQ-4222"
    assert len(listed.json()["items"]) == 1


async def test_a_document_needs_a_key_and_one_acting_agency(docs: Running):
    one, hub = await docs.system("G22"), await docs.system("H14.03.001", "H14.03.002")
    keyless = await docs.client.post("/v1/documents", json=draft(), headers=one.headers)
    several = await hub.ask("POST", "/v1/documents", json=draft())
    named = await hub.ask(
        "POST", "/v1/documents", json=draft(), headers={"On-Behalf-Of": "H14.03.002"}
    )
    assert (keyless.status_code, keyless.json()["code"]) == (400, "REQ-4002")
    assert (several.status_code, several.json()["code"]) == (400, "AUT-4001")
    assert named.json()["sender"]["code"] == "H14.03.002"


async def test_a_draft_changes_by_merge_patch_and_counts_its_versions(country: Running):
    sender = await country.system("G22")
    path = await sender.drafted(due_on="2025-06-30")
    patch = {"subject": "V/v khác", "due_on": None, "signer": {"competence": "TM."}}
    changed = await sender.ask("PATCH", path, json=patch, headers={"If-Match": '"1"'})
    stale = await sender.ask("PATCH", path, json={"number": "9"}, headers={"If-Match": '"1"'})
    faulty = await sender.ask("PATCH", path, json={"number": ""})
    secret = await sender.ask("PATCH", path, json={"classification": "secret"})
    found = await sender.ask("GET", path)
    assert changed.headers["etag"] == '"2"'
    assert found.json() == changed.json()
    assert (found.json()["subject"], found.json()["due_on"]) == ("V/v khác", None)
    assert found.json()["signer"]["competence"] == "TM."
    assert found.json()["signer"]["name"] == draft()["signer"]["name"]
    assert (stale.status_code, stale.json()["version"]) == (412, 2)
    assert (faulty.status_code, secret.json()["code"]) == (422, "DOC-4221")


async def test_a_deleted_draft_is_gone(country: Running):
    sender = await country.system("G22")
    path = await sender.drafted()
    await sender.uploaded(path)
    stale = await sender.ask("DELETE", path, headers={"If-Match": '"7"'})
    deleted = await sender.ask("DELETE", path)
    again = await sender.ask("GET", path)
    assert [stale.status_code, deleted.status_code, again.status_code] == [412, 204, 404]


async def test_a_sent_document_no_longer_changes(country: Running):
    sender = await country.system("G22")
    path = await sender.drafted()
    content = await sender.uploaded(path)
    sent = await sender.ask("POST", f"{path}/dispatches")
    assert sent.status_code == 202, sent.text
    answers = [
        await sender.ask("PATCH", path, json={"number": "1"}),
        await sender.ask("DELETE", path),
        await sender.ask("DELETE", content.removesuffix("/content")),
        await sender.ask("PUT", content, content=PDF),
    ]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [(409, "DOC-4091")] * 4
    found = (await sender.ask("GET", path)).json()
    assert found["state"] == "dispatched"
    assert found["dispatch"]["id"] == sent.json()["id"]


async def test_documents_are_listed_newest_first_and_by_code(docs: Running):
    sender, other = await docs.system("G22"), await docs.system("G14")
    paths = [await sender.drafted(number=str(n)) for n in range(5)]
    await other.drafted()
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        listed = await sender.ask("GET", "/v1/documents", params=query)
        seen += [one["id"] for one in listed.json()["items"]]
        cursor = listed.json()["next_cursor"]
        if cursor is None:
            break
        assert f"cursor={cursor}" in listed.headers["link"]
    assert seen == [path.rpartition("/")[2] for path in reversed(paths)]
    by_code = await sender.ask("GET", "/v1/documents", params={"code": "3/VPCP-TTĐT"})
    assert [one["number"] for one in by_code.json()["items"]] == ["3"]
    sent = await sender.ask("GET", "/v1/documents", params={"state": "dispatched"})
    assert sent.json()["items"] == []


@pytest.mark.parametrize("cursor", ["%", "bm90LWEtdXVpZA", "x" * 501, "AA=="])
async def test_a_foreign_cursor_is_refused(country: Running, cursor: str):
    sender = await country.system("G22")
    refused = await sender.ask("GET", "/v1/documents", params={"cursor": cursor})
    assert (refused.status_code, refused.json()["code"]) == (400, "REQ-4003")


async def _like_absent(stranger: System, method: str, path: str, **options: Any) -> None:  # noqa: ANN401
    document = path.split("/")[3]
    answers = [
        await stranger.ask(method, one, **options) for one in (path, path.replace(document, ABSENT))
    ]
    bodies = [
        {name: value for name, value in one.json().items() if name not in ("instance", "trace_id")}
        for one in answers
    ]
    headers = [
        {name for name in one.headers if name not in ("date", "trace-id", "traceresponse")}
        for one in answers
    ]
    assert [one.status_code for one in answers] == [404, 404]
    assert bodies[0] == bodies[1]
    assert headers[0] == headers[1]


async def test_a_foreign_document_answers_like_an_absent_one(country: Running):
    sender, stranger = await country.system("G22"), await country.system("G14")
    path = await sender.drafted()
    content = await sender.uploaded(path)
    await _like_absent(stranger, "GET", path)
    await _like_absent(stranger, "PATCH", path, json={"number": "1"})
    await _like_absent(stranger, "DELETE", path)
    await _like_absent(stranger, "GET", content)
    await _like_absent(stranger, "GET", content.removesuffix("/content"))
    await _like_absent(stranger, "DELETE", content.removesuffix("/content"))
    await _like_absent(stranger, "PUT", content, content=PDF)
    await _like_absent(stranger, "POST", f"{path}/dispatches")
    assert (await sender.ask("GET", path)).status_code == 200


async def test_a_recipient_may_not_read_before_its_delivery(country: Running):
    sender, recipient = await country.system("G22"), await country.system("H14")
    path = await sender.drafted(recipients=[{"agency": "H14"}])
    content = await sender.uploaded(path)
    assert (await sender.ask("POST", f"{path}/dispatches")).status_code == 202
    await _like_absent(recipient, "GET", path)
    await _like_absent(recipient, "GET", content)


async def test_a_scope_is_needed(country: Running):
    reader = await country.system("G22", scope="documents.receive")
    refused = await reader.ask("POST", "/v1/documents", json=draft())
    assert (refused.status_code, refused.json()["required_scope"]) == (403, "documents.send")


async def test_a_date_to_come_is_accepted_with_a_warning(country: Running):
    sender = await country.system("G22")
    made = await sender.ask(
        "POST", "/v1/documents", json=draft(number="7802", promulgated_on="2999-01-01")
    )
    assert [one["code"] for one in made.json()["warnings"]] == ["DOC-2011"]


async def test_a_successor_reads_what_it_inherits_and_changes_nothing(
    docs: Running, exchange: Exchange
):
    closed, heir = await docs.system("H14.03.001"), await docs.system("H14.03.002")
    path = await closed.drafted()
    await exchange.close_agency("H14.03.001", "H14.03.002")
    found = await heir.ask("GET", path)
    changed = await heir.ask("PATCH", path, json={"number": "1"})
    assert (found.status_code, found.json()["sender"]["code"]) == (200, "H14.03.001")
    assert changed.status_code == 404
