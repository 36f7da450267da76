"""What a worker says is checked as what a stranger says: it may have been overcome by its file."""

import json
from datetime import datetime
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from services.signing.pipe import ANSWERS, Answer, CertificateFacts, ListFacts, Prepared
from tests.signing.reported import JUDGED_AT, LEADER, STAMPED, finding

GOOD = orjson.loads(ANSWERS.dump_json(Answer(finding(STAMPED))))
FACTS = orjson.loads(
    ANSWERS.dump_json(
        Answer(
            None,
            facts=CertificateFacts(
                sha256=LEADER,
                subject="CN=Lê Minh An",
                issuer="CN=CA",
                serial="1f",
                not_before=datetime.fromisoformat(JUDGED_AT),
                not_after=datetime.fromisoformat(JUDGED_AT),
                key="rsa 3072",
                signature="rsassa_pkcs1v15 sha256",
                path_length=None,
                self_signed=False,
                issued_by="issuing",
                objection="",
            ),
        )
    )
)

FIRST = ("finding", "signatures", 0)


def put(answer: dict[str, Any], value: object, *place: str | int) -> None:
    """Put something in a place of an answer."""
    *way, last = place
    inner: Any = answer
    for step in way:
        inner = inner[step]
    assert inner[last] != value
    inner[last] = value


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((*FIRST, "stamps", 1, "made_at"), "x"),
        ((*FIRST, "stamps", 1, "made_at"), "2026-11-25T20:15:00"),
        ((*FIRST, "certificate"), "\0" * 64),
        ((*FIRST, "certificate"), "ab"),
        ((*FIRST, "chain"), ["\0"]),
        ((*FIRST, "problem"), "SIG-4222\0"),
        (("finding", "reason"), "anything"),
        (("finding", "checked_at"), "yesterday"),
        ((*FIRST, "checked", 0, "this_update"), "x"),
        (("finding", "lists", 0, "sha256"), "x"),
        (("finding", "lists", 0, "number"), 1 << 63),
        (("finding", "lists", 0, "number"), -(1 << 63) - 1),
        (("finding", "size"), 1 << 64),
        (("finding", "size"), -1),
        (("finding", "checked_at"), "0001-01-01T00:00:00+07:00"),
        ((*FIRST, "stamps", 1, "made_at"), "9999-12-31T23:59:59-07:00"),
    ],
)
def test_an_answer_with_what_no_worker_says_is_none(
    place: tuple[str | int, ...], value: object
) -> None:
    answer = orjson.loads(orjson.dumps(GOOD))
    assert ANSWERS.validate_json(orjson.dumps(answer)).finding
    put(answer, value, *place)
    with pytest.raises(ValidationError):
        ANSWERS.validate_json(json.dumps(answer))  # whose numbers may be longer than orjson's


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("serial", "zz"),
        ("serial", ""),
        ("subject", "CN=\0"),
        ("sha256", "x"),
        ("key", "rsa\0"),
        ("path_length", -1),
        ("path_length", 1 << 64),
        ("not_before", "2026-01-01T00:00:00"),
        ("not_after", "9999-12-31T23:59:59-07:00"),
    ],
)
def test_facts_that_no_column_holds_are_none(name: str, value: object) -> None:
    answer = orjson.loads(orjson.dumps(FACTS))
    assert ANSWERS.validate_json(orjson.dumps(answer)).facts
    put(answer, value, "facts", name)
    with pytest.raises(ValidationError):
        ANSWERS.validate_json(json.dumps(answer))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", 1 << 63),
        ("number", -(1 << 63) - 1),
        ("this_update", "2026-01-01T00:00:00"),
        ("next_update", "0001-01-01T00:00:00+07:00"),
    ],
)
def test_a_list_with_what_no_column_holds_is_none(name: str, value: object) -> None:
    now = datetime.fromisoformat(JUDGED_AT)
    answer = orjson.loads(ANSWERS.dump_json(Answer(None, facts=ListFacts(7, now, now, ()))))
    assert ANSWERS.validate_json(orjson.dumps(answer)).facts
    put(answer, value, "facts", name)
    with pytest.raises(ValidationError):
        ANSWERS.validate_json(json.dumps(answer))


@pytest.mark.parametrize("name", ["gap_start", "gap_end"])
@pytest.mark.parametrize("value", [1 << 63, -1])
def test_a_gap_that_no_column_holds_is_none(name: str, value: int) -> None:
    answer = orjson.loads(ANSWERS.dump_json(Answer(None, prepared=Prepared(b"tail", 5, 7))))
    assert ANSWERS.validate_json(orjson.dumps(answer)).prepared
    put(answer, value, "prepared", name)
    with pytest.raises(ValidationError):
        ANSWERS.validate_json(json.dumps(answer))
