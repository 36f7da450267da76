"""A draft may name 5,000 recipients: lists that do not show them do not read them either."""

from collections.abc import Sequence
from typing import Any

import pytest

from services.docs.document import RecipientChoice, choices_from_json
from services.docs.store import documents
from tests.docs.country import PROVINCE, SENDER, commune
from tests.docs.exchange import Exchange
from tests.docs.pairs import cleared
from tests.docs.server import Running

CSV = {"Accept": "text/csv"}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[RecipientChoice]:
    """The recipients that were read from rows of documents."""
    seen: list[RecipientChoice] = []

    def noted(rows: Sequence[dict[str, Any]]) -> tuple[RecipientChoice, ...]:
        choices = choices_from_json(rows)
        seen.extend(choices)
        return choices

    monkeypatch.setattr(documents, "choices_from_json", noted)
    return seen


async def test_a_sender_sees_whom_it_named_in_json_alone(
    docs: Running, read: list[RecipientChoice]
):
    sender, named = await docs.system(SENDER), [{"agency": PROVINCE}, {"agency": commune(1)}]
    await sender.drafted(recipients=named)
    read.clear()
    as_csv = await sender.ask("GET", "/v1/documents", headers=CSV)
    assert "7816/VPCP-TTĐT" in as_csv.text
    assert read == []
    [shown] = (await sender.ask("GET", "/v1/documents")).json()["items"]
    assert shown["recipients"] == named
    assert len(read) == 2


@pytest.mark.parametrize(("code", "direction"), [(SENDER, "out"), (commune(1), "in")])
async def test_documents_in_a_list_of_deliveries_come_without_recipients(
    docs: Running,
    exchange: Exchange,
    read: list[RecipientChoice],
    code: str,
    direction: str,
):
    await cleared(exchange, commune(1))
    read.clear()
    path = f"/v1/deliveries?direction={direction}&expand=document"
    answer = await (await docs.system(code)).ask("GET", path)
    [item] = answer.json()["items"]
    assert item["document"]["attachments"][0]["role"] == "MAIN"
    assert "recipients" not in item["document"]
    assert read == []
