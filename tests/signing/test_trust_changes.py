"""Changing the trust list: two clients, once, in order; and taking it over from elsewhere."""

import json
import ssl
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.fixtures.stack import Backing
from tests.signing.desk import Desk, open_desk
from tests.signing.elsewhere import leaf, make_ca, pem
from tests.signing.trust_face import OTHER, Face, adding, open_face


@pytest.fixture
async def face(idle_desk: Desk, backing: Backing) -> AsyncIterator[Face]:
    """Signing over a database of its own."""
    async with open_face(idle_desk, backing) as opened:
        yield opened


async def test_the_list_begins_with_the_two_of_the_folder(face: Face) -> None:
    listed = await face.list()
    assert listed["version"] == 2
    assert [(one["name"], one["anchor"]) for one in listed["authorities"]] == [
        ("issuing", False),
        ("root", True),
    ]
    issuing = listed["authorities"][0]
    assert issuing["certificate"] == ssl.DER_cert_to_PEM_cert(face.desk.authorities.der("issuing"))
    assert issuing["purposes"] == ["leader", "seal", "protocol"]
    assert 0 <= issuing["revocation"]["age_seconds"] < 3600
    assert issuing["revocation"]["due_at"] is None, "it is made here, not fetched"
    changes = (await face.ask("GET", "/changes", "registrar-b")).json()["items"]
    assert [(one["reason"], one["proposed_by"], one["state"]) for one in changes] == [
        ("PKI folder", None, "approved")
    ] * 2
    await face.desk.register.tend()
    assert (await face.list())["version"] == 2, "it begins once"


async def test_a_member_that_nobody_knows_is_refused(face: Face) -> None:
    """A mistyped `trusted_until` would be a trust without end."""
    right: dict[str, Any] = {"reason": "QĐ 12", "change": adding()}
    for wrong, pointer in (
        ({**right, "zz": 1}, "/zz"),
        ({**right, "change": adding(trusted_untl="2027-01-01T00:00:00Z")}, "/change/trusted_untl"),
        ({**right, "change": {"action": "end", "name": "x", "why": ""}}, "/change/why"),
    ):
        answer = await face.ask("POST", "/changes", "operator-a", wrong)
        told = answer.json()
        assert (answer.status_code, told["code"]) == (422, "REQ-4221")
        assert told["errors"][0]["pointer"] == pointer
    answer = await face.ask(
        "POST", "/imports", "operator-a", {"reason": "a", "export": "x", "y": 1}
    )
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/y")
    assert (await face.ask("GET", "/changes?state=proposed", "operator-a")).json()["items"] == []


async def test_a_member_that_is_there_twice_is_refused(face: Face) -> None:
    change = json.dumps(adding())
    for raw in (
        f'{{"reason": "a", "change": {change}, "r\\u0065ason": "b"}}',
        f'{{"reason": "a", "change": {change[:-1]}, "anchor": false}}}}',
    ):
        answer = await face.ask("POST", "/changes", "operator-a", raw.encode())
        assert (answer.status_code, answer.json()["code"]) == (400, "REQ-4001"), answer.text
        assert "xuất hiện hai lần" in answer.json()["detail"]
    raw = b'{"reason": "a", "export": "x", "export": "y"}'
    assert (await face.ask("POST", "/imports", "operator-a", raw)).status_code == 400
    assert (await face.ask("GET", "/changes?state=proposed", "operator-a")).json()["items"] == []


async def test_a_change_takes_two_clients(face: Face) -> None:
    id_ = await face.propose(adding())
    before = await face.list()
    own = await face.decide(id_, "approval", by="operator-a")
    assert (own.status_code, own.json()["code"]) == (403, "TRU-4031")
    assert "cần một hệ thống khác" in own.json()["detail"]
    assert (await face.decide(id_, "refusal", by="operator-a")).status_code == 403
    assert (await face.list())["digest"] == before["digest"]
    approved = await face.decide(id_, "approval")
    assert approved.status_code == 200
    said = approved.json()
    assert (said["state"], said["version"]) == ("approved", 3)
    assert (said["proposed_by"], said["decided_by"]) == ("operator-a", "registrar-b")
    after = await face.list()
    assert [one["name"] for one in after["authorities"]] == ["issuing", "other", "root"]
    assert after["digest"] != before["digest"]
    again = await face.decide(id_, "approval", by="registrar-c")
    assert (again.status_code, again.json()) == (200, said)
    late = await face.decide(id_, "refusal", by="registrar-c")
    assert (late.status_code, late.json()["code"]) == (409, "TRU-4091")
    assert (await face.ask("DELETE", f"/changes/{id_}", "operator-a")).status_code == 409


async def test_a_proposal_shows_what_was_read_in_the_certificate(face: Face) -> None:
    id_ = await face.propose(adding())
    shown = (await face.ask("GET", f"/changes/{id_}", "registrar-b")).json()
    read = shown["certificate"]
    assert "CA gốc khác" in read["subject"]
    assert (read["self_signed"], read["key"]) == (True, "ec secp256r1")
    assert shown["reason"] == "QĐ 12"
    assert (await face.ask("GET", f"/changes/{uuid4()}", "registrar-b")).status_code == 404


async def test_a_proposal_may_be_refused_by_others_and_taken_back_by_oneself(face: Face) -> None:
    first, second = await face.propose(adding()), await face.propose(adding())
    assert (await face.decide(first, "refusal")).json()["state"] == "refused"
    assert (await face.decide(first, "refusal")).status_code == 200
    stranger = await face.ask("DELETE", f"/changes/{second}", "registrar-b")
    assert (stranger.status_code, stranger.json()["code"]) == (403, "TRU-4031")
    for _ in range(2):
        assert (await face.ask("DELETE", f"/changes/{second}", "operator-a")).status_code == 204
    assert (await face.decide(second, "approval")).status_code == 409
    states = (await face.ask("GET", "/changes?limit=2", "operator-a")).json()
    assert [one["state"] for one in states["items"]] == ["withdrawn", "refused"]
    assert states["next_cursor"]
    more = await face.ask("GET", f"/changes?cursor={states['next_cursor']}", "operator-a")
    assert [one["reason"] for one in more.json()["items"]] == ["PKI folder"] * 2
    assert (await face.list())["version"] == 2


async def test_a_proposal_is_made_once_per_key(face: Face) -> None:
    body = {"reason": "QĐ 12", "change": adding()}
    first = await face.ask("POST", "/changes", "operator-a", body, key="k")
    again = await face.ask("POST", "/changes", "operator-a", body, key="k")
    assert first.json() == again.json()
    other = {**body, "reason": "QĐ 13"}
    refused = await face.ask("POST", "/changes", "operator-a", other, key="k")
    assert (refused.status_code, refused.json()["code"]) == (422, "REQ-4222")
    found = await face.ask("GET", "/changes?state=proposed", "operator-a")
    assert len(found.json()["items"]) == 1


async def test_of_two_proposals_for_one_name_only_one_comes_into_force(face: Face) -> None:
    first, second = await face.propose(adding()), await face.propose(adding())
    assert (await face.decide(first, "approval")).status_code == 200
    late = await face.decide(second, "approval")
    assert (late.status_code, late.json()["code"]) == (409, "TRU-4092")
    assert "đã được dùng" in late.json()["detail"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (adding(certificate=ssl.DER_cert_to_PEM_cert(leaf(OTHER))), 422, "TRU-4221"),
        (adding(certificate=ssl.DER_cert_to_PEM_cert(b"\x30\x00")), 422, "TRU-4221"),
        (adding(certificate=pem(make_ca("CA dưới", by=OTHER)), anchor=False), 422, "TRU-4221"),
        (adding(anchor=False), 422, "TRU-4221"),
        (adding(name="root"), 422, "TRU-4221"),
        ({"action": "end", "name": "nobody"}, 422, "TRU-4221"),
        (adding(crl=["file:///etc/passwd"]), 422, "REQ-4221"),
        (adding(certificate="x"), 422, "REQ-4221"),
        (adding(purposes=[]), 422, "REQ-4221"),
        ({"action": "trust"}, 422, "REQ-4221"),
    ],
)
async def test_what_is_not_proposed(
    face: Face, change: dict[str, Any], status: int, code: str
) -> None:
    answer = await face.ask("POST", "/changes", "operator-a", {"reason": "QĐ 12", "change": change})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    found = await face.ask("GET", "/changes?state=proposed", "operator-a")
    assert found.json()["items"] == []


async def test_an_unreadable_certificate_is_told_in_vietnamese(face: Face) -> None:
    change = adding(certificate=ssl.DER_cert_to_PEM_cert(b"\x30\x00"))
    answer = await face.ask("POST", "/changes", "operator-a", {"reason": "QĐ 12", "change": change})
    assert answer.json()["detail"].startswith("Không đọc được chứng thư số; nguyên nhân kỹ thuật")
    assert "cannot be read" in answer.json()["detail_en"]


async def test_nobody_else_sees_or_changes_the_list(face: Face) -> None:
    id_ = await face.propose(adding())
    for method, path in (
        ("GET", ""),
        ("GET", "/changes"),
        ("GET", f"/changes/{id_}"),
        ("GET", "/export"),
        ("DELETE", f"/changes/{id_}"),
        ("POST", f"/changes/{id_}/approval"),
        ("POST", f"/changes/{id_}/refusal"),
    ):
        assert (await face.ask(method, path, "sys-g22")).status_code == 403, (method, path)
        assert (await face.ask(method, path, None)).status_code == 401, (method, path)


async def test_the_service_itself_cannot_rewrite_what_was_decided(face: Face) -> None:
    await face.agree(adding())
    for statement in (
        "update trust_changes set state = 'refused', version = null where state = 'approved'",
        "delete from trust_changes",
    ):
        try:
            await face.desk.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            continue
    assert (await face.list())["version"] == 3
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.InsufficientPrivilegeError)):
        await face.desk.execute(
            "insert into trust_changes (id, reason, change, proposed_by, state, decided_by,"
            " decided_at, version) values (gen_random_uuid(), '', '{}', 'a', 'approved', 'a',"
            " now(), 9)"
        )


async def test_an_ended_authority_does_not_come_back(face: Face) -> None:
    await face.agree(adding())
    assert await face.agree({"action": "end", "name": "other"}) == 4
    listed = await face.list()
    assert [one["name"] for one in listed["ended"]] == ["other"]
    body = {"reason": "QĐ 12", "change": adding(name="other-2")}
    answer = await face.ask("POST", "/changes", "operator-a", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "TRU-4221")


async def test_an_export_makes_another_exchange_the_same_by_two_clients(
    face: Face, backing: Backing
) -> None:
    await face.agree(adding())
    exported = await face.ask("GET", "/export", "operator-a")
    assert exported.headers["content-type"] == "application/jose"
    body = {"reason": "đồng bộ", "export": exported.text}
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(
            backing, databases, face.desk.papers, face.desk.papers.run / "second", workers=0
        ) as desk,
        open_face(desk, backing) as second,
    ):
        made = await second.ask("POST", "/imports", "operator-a", body)
        assert made.status_code == 201, made.text
        (proposal,) = made.json()["proposed"]
        assert (made.json()["version"], made.json()["left"]) == (3, [])
        assert proposal["certificate"]["subject"]
        again = (await second.ask("POST", "/imports", "registrar-b", body)).json()
        assert again["proposed"] == []
        assert "waits for a decision" in again["left"][0]["detail_en"]
        assert (await second.decide(proposal["id"], "approval")).status_code == 200
        assert (await second.list())["digest"] == (await face.list())["digest"]
        done = (await second.ask("POST", "/imports", "operator-a", body)).json()
        assert (done["proposed"], done["left"]) == ([], [])


async def test_a_forged_export_proposes_nothing(face: Face) -> None:
    exported = (await face.ask("GET", "/export", "operator-a")).text
    head, content, value = exported.split(".")
    for forged in (f"{head}.{content}.{value[:-8]}AAAAAAAA", f"{head}.{head}.{value}", "x"):
        body = {"reason": "đồng bộ", "export": forged}
        answer = await face.ask("POST", "/imports", "operator-a", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "TRU-4222")
    found = await face.ask("GET", "/changes?state=proposed", "operator-a")
    assert found.json()["items"] == []
