"""Drafts are strict: no invisible or turning characters, present ETags, equal numbers named."""

from typing import Any

import pytest

from tests.docs.country import PROVINCE, SENDER
from tests.docs.server import Running, draft

HIDDEN = ["\u202e", "\u2066", "\u200b", "\u00ad", "\ufeff", "\x07", "\x85", "\ue000"]


@pytest.mark.parametrize("char", HIDDEN)
@pytest.mark.parametrize(
    ("pointer", "changes"),
    [
        ("/number", {"number": "78{}16"}),
        ("/notation", {"notation": "VPCP{}-TTĐT"}),
        ("/subject", {"subject": "V/v {}triển khai"}),
        ("/signer/name", {"signer": {"name": "Nguyễn {}An", "position": "Bộ trưởng"}}),
        ("/signer/position", {"signer": {"name": "Nguyễn An", "position": "Bộ {}trưởng"}}),
    ],
)
async def test_what_people_cannot_see_is_refused_by_name(
    country: Running, char: str, pointer: str, changes: dict[str, Any]
):
    filled = {
        name: value.format(char)
        if isinstance(value, str)
        else {inner: text.format(char) for inner, text in value.items()}
        for name, value in changes.items()
    }
    sender = await country.system(SENDER)
    refused = await sender.ask("POST", "/v1/documents", json=draft(**filled))
    assert (refused.status_code, refused.json()["code"]) == (422, "REQ-4221")
    [fault] = refused.json()["errors"]
    assert fault["pointer"] == pointer
    assert f"U+{ord(char):04X}" in fault["detail"]
    assert f"U+{ord(char):04X}" in fault["detail_en"]


async def test_vietnamese_needs_none_of_them(country: Running):
    sender = await country.system(SENDER)
    decomposed = "V/v tha\u0323ch an\u0300"
    made = await sender.ask("POST", "/v1/documents", json=draft(subject=decomposed))
    assert made.status_code == 201, made.text


@pytest.mark.parametrize(
    "changes",
    [{"urgency": "soon"}, {"type": "x"}, {"classification": "x"}, {"due_on": "2000-01-01"}],
)
async def test_what_is_said_in_vietnamese_holds_no_english(
    country: Running, changes: dict[str, Any]
):
    sender = await country.system(SENDER)
    refused = await sender.ask("POST", "/v1/documents", json=draft(**changes))
    for fault in refused.json()["errors"]:
        assert not {"or", "should", "be", "before"} & set(fault["detail"].split()), fault


async def test_a_stale_tag_is_told_the_present_one(country: Running):
    sender = await country.system(SENDER)
    path = await sender.drafted(number="E1")
    assert (await sender.ask("PATCH", path, json={"number": "E2"})).headers["etag"] == '"2"'
    for method, body in (("PATCH", {"number": "E3"}), ("DELETE", None)):
        for tag in ('"1"', '"1", "7"', '"x"', "nonsense"):
            stale = await sender.ask(method, path, json=body, headers={"If-Match": tag})
            assert (stale.status_code, stale.json()["code"]) == (412, "REQ-4121")
            assert stale.headers["etag"] == '"2"'
    several = await sender.ask(
        "PATCH", path, json={"number": "E3"}, headers={"If-Match": '"1", "2"'}
    )
    anything = await sender.ask("DELETE", path, headers={"If-Match": "*"})
    assert (several.status_code, anything.status_code) == (200, 204)


async def test_a_document_names_the_earlier_one_that_is_the_same_on_paper(docs: Running):
    sender, other = await docs.system(SENDER), await docs.system("G14")
    first = await sender.drafted()
    same = await sender.ask("POST", "/v1/documents", json=draft())
    apart = [
        await sender.ask("POST", "/v1/documents", json=draft(number="7817")),
        await sender.ask("POST", "/v1/documents", json=draft(notation="VPCP-KSTT")),
        await sender.ask("POST", "/v1/documents", json=draft(promulgated_on="2025-06-21")),
        await other.ask("POST", "/v1/documents", json=draft()),
    ]
    [warning] = same.json()["warnings"]
    assert (warning["code"], warning["document_id"]) == ("DOC-2012", first.rpartition("/")[2])
    assert warning["dispatch_id"] is None
    assert [one.json()["warnings"] for one in apart] == [[]] * 4
    assert (await sender.ask("GET", first)).json()["warnings"] == []


async def test_document_and_dispatch_both_name_the_one_that_was_sent(docs: Running):
    sender = await docs.system(SENDER)
    sent: list[dict[str, Any]] = []
    for _ in range(2):
        path = await sender.drafted(recipients=[{"agency": PROVINCE}])
        await sender.uploaded(path)
        sent.append((await sender.ask("POST", f"{path}/dispatches")).json())
    first, second = sent
    [of_dispatch] = second["warnings"]
    assert (of_dispatch["code"], of_dispatch["dispatch_id"]) == ("DSP-2021", first["id"])
    document = (await sender.ask("GET", f"/v1/documents/{second['document_id']}")).json()
    [of_document] = document["warnings"]
    assert of_document["dispatch_id"] == first["id"]
    listed = (await sender.ask("GET", "/v1/documents")).json()["items"]
    assert [len(one["warnings"]) for one in listed] == [1, 0]
    recipient = await docs.system(PROVINCE)
    seen = await recipient.ask("GET", f"/v1/documents/{second['document_id']}")
    assert seen.status_code == 404


async def test_a_request_names_fifty_selections_at_most(country: Running):
    sender = await country.system(SENDER)
    one = {"select": {"level": "commune"}}
    many = {"recipients": [{"agency": PROVINCE}, *[one] * 51]}
    document = await sender.drafted(recipients=[one] * 50)
    merge = {"Content-Type": "application/merge-patch+json"}
    refusals = [
        await sender.ask("POST", "/v1/documents", json=draft(**many)),
        await sender.ask("PATCH", document, json=many, headers=merge),
        await sender.ask("POST", f"{document}/dispatches", json=many),
    ]
    for refused in refusals:
        assert (refused.status_code, refused.json()["code"]) == (422, "REQ-4221")
        [fault] = refused.json()["errors"]
        assert fault["pointer"] == "/recipients/51/select"
        assert fault["detail"] == "Tối đa 50 phép chọn (select); ở đây có 51."
