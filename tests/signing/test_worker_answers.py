"""What a worker says is checked as what a stranger says: it may have been overcome by its file."""

from datetime import datetime
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from services.signing.pipe import ANSWERS, Answer, CertificateFacts
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
    ],
)
def test_an_answer_with_what_no_worker_says_is_none(
    place: tuple[str | int, ...], value: object
) -> None:
    answer = orjson.loads(orjson.dumps(GOOD))
    assert ANSWERS.validate_json(orjson.dumps(answer)).finding
    put(answer, value, *place)
    with pytest.raises(ValidationError):
        ANSWERS.validate_json(orjson.dumps(answer))


@pytest.mark.parametrize(
    ("name", "value"),
    [("serial", "zz"), ("serial", ""), ("subject", "CN=\0"), ("sha256", "x"), ("key", "rsa\0")],
)
def test_facts_that_no_column_holds_are_none(name: str, value: str) -> None:
    answer = orjson.loads(orjson.dumps(FACTS))
    assert ANSWERS.validate_json(orjson.dumps(answer)).facts
    put(answer, value, "facts", name)
    with pytest.raises(ValidationError):
        ANSWERS.validate_json(orjson.dumps(answer))
