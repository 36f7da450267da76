"""What is wrong inside a body is refused by name, at its place; never by a 5xx.

What any route refuses (token, scope, foreign ids, garbage …): `tests/contracts/bad_input.md`.
"""

import hashlib
import json
from collections.abc import Mapping

import pytest

from infra.client import Client, Json
from tests.life.refusals import draft, draft_with_files, refused
from tests.life.story import HUB

pytestmark = pytest.mark.stack

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def sender(systems: Mapping[str, Client]) -> Client:
    """The ministry's system."""
    return systems["sys-g22"]


async def test_several_agencies_must_name_one_for_a_write(systems: Mapping[str, Client]) -> None:
    problem = await refused(systems[HUB], "POST", "/v1/documents", status=400, body=draft())
    assert problem["code"] == "AUT-4001"


BODIES = {
    "not JSON": b"{",
    "empty": b"",
    "trailing comma": b'{"number": "1",}',
    "NaN": b'{"number": NaN}',
    "not UTF-8": b'{"number": "\xff"}',
    "deep brackets": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a member twice": b'{"number": "1", "number": "2"}',
    "NUL": json.dumps(draft(subject="a\0b")).encode(),
    "lone surrogate": json.dumps(draft()).replace("V/v", "\\ud800").encode(),
    "a huge number": b'{"number": 1e999999}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_body_that_is_no_good_json_is_refused(sender: Client, body: bytes) -> None:
    status = (400, 422)
    problem = await refused(sender, "POST", "/v1/documents", status=status, raw=body, headers=JSON)
    assert problem["code"].startswith("REQ-4")


FIELDS: dict[str, tuple[dict[str, object], str]] = {
    "unknown urgency": ({"urgency": "at once"}, "/urgency"),
    "unknown type": ({"type": "letter"}, "/type"),
    "no subject": ({"subject": None}, "/subject"),
    "a date that is none": ({"promulgated_on": "2026-02-30"}, "/promulgated_on"),
    "a number of another kind": ({"number": 7}, "/number"),
    "recipients of another kind": ({"recipients": "H14"}, "/recipients"),
}


@pytest.mark.parametrize(("changes", "pointer"), FIELDS.values(), ids=FIELDS)
async def test_a_wrong_field_is_pointed_at(
    sender: Client, changes: dict[str, object], pointer: str
) -> None:
    await refused(
        sender, "POST", "/v1/documents", status=422, pointer=pointer, body=draft(**changes)
    )


async def test_a_state_secret_is_refused_with_the_reason_of_the_law(sender: Client) -> None:
    for secret in ("mat", "toi_mat", "tuyet_mat", "secret"):
        problem = await refused(
            sender, "POST", "/v1/documents", status=422, body=draft(classification=secret)
        )
        assert problem["code"] == "DOC-4221"


RECIPIENTS: dict[str, tuple[list[Json], str, str]] = {
    "nobody": ([], "DSP-4225", "/recipients"),
    "unknown": ([{"agency": "H99.99"}], "DSP-4222", "/recipients/0/agency"),
    "the same code twice": (
        [{"agency": "H14"}, {"agency": "H14"}],
        "DSP-4224",
        "/recipients/1/agency",
    ),
    "an old code beside the present one": (
        [{"agency": "H14"}, {"agency": "000.00.00.H14"}],
        "DSP-4224",
        "/recipients/1/agency",
    ),
}


@pytest.mark.parametrize(("recipients", "code", "pointer"), RECIPIENTS.values(), ids=RECIPIENTS)
async def test_wrong_recipients_are_pointed_at(
    sender: Client, recipients: list[Json], code: str, pointer: str
) -> None:
    path = await draft_with_files(sender, {"MAIN": b"%PDF-1.7 x"})
    body = {"recipients": recipients}
    problem = await refused(
        sender, "POST", f"{path}/dispatches", status=422, pointer=pointer, body=body
    )
    assert problem["code"] == code


async def test_more_than_5000_recipients_are_refused(sender: Client) -> None:
    many = [{"agency": f"H14.{n}"} for n in range(5_001)]
    await refused(sender, "POST", "/v1/documents", status=422, body=draft(recipients=many))


NAMES = (
    "../../etc/passwd",
    "a/b.pdf",
    "a\\b.pdf",
    "..",
    "",
    "a\nb.pdf",
    "x" * 300,
    "con\u202efdp.exe",
)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_file_name_that_is_a_path_or_unprintable_is_refused(
    sender: Client, name: str
) -> None:
    path = await _draft(sender)
    announced = _announced(b"%PDF-1.7 x") | {"name": name}
    await refused(sender, "POST", f"{path}/attachments", status=422, body=announced)


async def test_bytes_that_are_not_what_the_name_says_are_refused(sender: Client) -> None:
    path = await _draft(sender)
    content = b"\x89PNG\r\n\x1a\n" + bytes(2_000)
    put = await _announce(sender, path, content)
    await refused(sender, "PUT", put, status=415, raw=content)


async def test_another_kind_of_file_is_not_taken_yet(sender: Client) -> None:
    path = await _draft(sender)
    announced = _announced(b"x") | {"name": "a.docx", "media_type": "application/msword"}
    await refused(sender, "POST", f"{path}/attachments", status=415, body=announced)


async def test_bytes_with_another_digest_are_refused_and_nothing_is_kept(sender: Client) -> None:
    path = await _draft(sender)
    put = await _announce(sender, path, b"%PDF-1.7 one")
    await refused(sender, "PUT", put, status=422, raw=b"%PDF-1.7 two")
    states = [a["state"] for a in (await sender.ask("GET", path)).json()["attachments"]]
    assert states == ["announced"]


async def test_an_empty_file_is_refused(sender: Client) -> None:
    path = await _draft(sender)
    await refused(sender, "POST", f"{path}/attachments", status=422, body=_announced(b""))


async def test_a_document_without_files_is_not_sent(sender: Client) -> None:
    path = await _draft(sender)
    problem = await refused(sender, "POST", f"{path}/dispatches", status=422, body={})
    assert problem["code"] == "DSP-4227"


async def test_an_unknown_id_and_a_foreign_one_are_refused_alike(
    sender: Client, systems: Mapping[str, Client]
) -> None:
    path = await _draft(sender)
    foreign = await refused(systems["sys-h14"], "GET", path, status=404)
    absent = await refused(systems["sys-h14"], "GET", path[:-4] + "0000", status=404)
    for problem in (foreign, absent):
        del problem["instance"], problem["trace_id"]
    assert foreign == absent


async def _draft(sender: Client, **changes: object) -> str:
    answer = await sender.ask("POST", "/v1/documents", body=draft(**changes))
    return f"/v1/documents/{answer.json()['id']}"


async def _announce(sender: Client, path: str, content: bytes) -> str:
    answer = await sender.ask("POST", f"{path}/attachments", body=_announced(content))
    return str(answer.json()["upload"]["put"])


def _announced(content: bytes) -> Json:
    return {
        "name": "a.pdf",
        "media_type": "application/pdf",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "role": "MAIN",
    }
