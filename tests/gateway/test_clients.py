"""Bootstrap clients are taken over once per change, and every service is told."""

import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.gateway import clients
from shared.internal import internal_audience
from tests.gateway.door import ROWS, Door, write_clients


async def told(door: Door) -> list[dict[str, Any]]:
    """Return the events that wait in the outbox, oldest first."""
    conn = await asyncpg.connect(door.settings.database_owner.get_secret_value())
    rows = await conn.fetch("select topic, key, value from outbox order by id")
    await conn.close()
    assert {row["topic"] for row in rows} <= {"lienthong.clients.v1"}
    return [json.loads(row["value"]) for row in rows]


def file_of(door: Door) -> Path:
    assert door.settings.clients is not None
    return door.settings.clients


async def take_over(door: Door) -> int:
    return await clients.take_over(door.db, clients.read_file(file_of(door)))


async def test_each_client_of_the_file_is_told_once(door: Door):
    events = await told(door)
    assert [event["client_id"] for event in events] == list(ROWS)
    assert [event["version"] for event in events] == [1, 2, 3, 4, 5]
    assert await take_over(door) == 0
    assert await told(door) == events


async def test_a_changed_row_is_told_with_a_new_version_and_its_tokens_are_cut_down(door: Door):
    headers = await door.headers("hub")
    rows = {**ROWS, "hub": {**ROWS["hub"], "agencies": ["G22"]}}
    text = file_of(door).read_text(encoding="utf-8")
    old = {row["client_id"]: row["jwks"] for row in json.loads(text)}
    write_clients(file_of(door), door.keys, rows)
    made = json.loads(file_of(door).read_text(encoding="utf-8"))
    for row in made:
        row["jwks"] = old[row["client_id"]]
    file_of(door).write_text(json.dumps(made), encoding="utf-8")
    assert await take_over(door) == 1
    event = (await told(door))[-1]
    assert (event["client_id"], event["agencies"], event["version"]) == ("hub", ["G22"], 6)
    me = (await door.client.get("/v1/me", headers=headers)).json()
    assert [agency["code"] for agency in me["agencies"]] == ["G22"]


async def test_services_ask_what_changed_since(door: Door):
    answer = await door.ask_token("service-docs", resource=internal_audience("gateway"))
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    ask = door.client.get
    page = (await ask("/internal/clients", headers=headers)).json()
    assert page["version"] == 5
    assert [item["client_id"] for item in page["items"]] == list(ROWS)
    page = (await ask("/internal/clients?after=4", headers=headers)).json()
    assert [item["client_id"] for item in page["items"]] == ["service-docs"]
    outside = await ask("/internal/clients", headers=await door.headers("operator"))
    assert outside.status_code == 401


async def test_a_lost_topic_is_told_everything_again(door: Door):
    await door.db.as_worker(clients.restate)
    events = await told(door)
    assert events[5:] == events[:5]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[{"client_id": "a"}]', "client 0: KeyError"),
        ('[{"client_id":"a","agencies":[],"scopes":[],"jwks":{},"secret_sha256":"x"}]', "client 0"),
        ("[7]", "client 0"),
        (
            json.dumps([{"client_id": "a", "agencies": ["x"] * 201, "scopes": [], "jwks": {}}]),
            "over 200 agencies",
        ),
    ],
)
def test_a_faulty_file_says_where(tmp_path: Path, text: str, says: str):
    file = tmp_path / "clients.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(clients.FaultyClients, match=says):
        clients.read_file(file)
