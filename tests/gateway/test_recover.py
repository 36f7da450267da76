"""A gateway that came back older takes its clients over from what was told of them since."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from services.gateway import clients
from shared.events import ClientChanged
from tests.gateway.door import Door

LATER = datetime.now(UTC) + timedelta(days=1)
KEYS = {"keys": [{"kid": "told", "kty": "EC"}]}


def told(client_id: str, version: int, **changes: object) -> ClientChanged:
    """Return what a newer gateway told of a client."""
    row = {
        "client_id": client_id,
        "state": "active",
        "agencies": ("H14",),
        "scopes": ("documents.send",),
        "not_before": LATER,
        "version": version,
        "jwks": KEYS,
    }
    return ClientChanged.model_validate(row | changes)


async def take_back(door: Door, *events: ClientChanged) -> dict[str, tuple[str, object]]:
    """Take over; return state and keys of each client."""
    await door.db.as_worker(partial(clients.take_back, events=events))
    rows = await door.db.look(lambda conn: conn.fetch("select client_id, state, jwks from clients"))
    return {row["client_id"]: (row["state"], row["jwks"]) for row in rows}


async def test_a_revoked_client_stays_revoked_and_a_new_one_is_there_again(door: Door):
    after = await take_back(door, told("sys-h14", 1_000, state="revoked"), told("sys-new", 1_001))
    assert after["sys-h14"][0] == "revoked"
    assert after["sys-new"] == ("active", KEYS)


@pytest.mark.parametrize(("client_id", "kept"), [("sys-h14", False), ("service-docs", True)])
async def test_keys_that_nobody_told_are_kept_by_the_services_alone(
    door: Door, client_id: str, *, kept: bool
):
    scopes = ("internal",) if kept else ("documents.send",)
    after = await take_back(door, told(client_id, 1_000, scopes=scopes, jwks=None))
    assert (after[client_id][1] != {"keys": []}) is kept


async def test_what_is_older_than_the_database_changes_nothing(door: Door):
    after = await take_back(door, told("sys-h14", 0, state="revoked"))
    assert after["sys-h14"][0] == "active"
