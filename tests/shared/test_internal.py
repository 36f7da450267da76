"""How services ask each other: with a token of their own, kept while it holds."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from shared.errors import Unavailable
from shared.internal import Internal, Refused
from tests.gateway.door import Door
from tests.shared.conftest import key_file

CLIENTS = "/internal/clients"


async def test_a_token_is_asked_once_and_kept(door: Door, internal: Internal, tmp_path: Path):
    assert (await internal.get("gateway", CLIENTS, after=0))["version"] == 5
    (tmp_path / "service-docs.key.pem").unlink()  # so no other token could be asked for
    assert (await internal.get("gateway", CLIENTS, after=4))["items"][0]["client_id"]
    assert door.points.pending() == {}


async def test_a_refusal_is_unavailable_and_forgets_the_token(internal: Internal, tmp_path: Path):
    await internal.get("gateway", CLIENTS)
    with pytest.raises(Unavailable, match="404"):
        await internal.get("gateway", "/internal/nothing")
    with pytest.raises(Refused, match="404") as refused:
        await internal.fetch("gateway", "/internal/nothing", most=99)
    assert refused.value.answered == "REQ-4041"
    key_file(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(Unavailable, match="invalid_client"):
        await internal.get("gateway", CLIENTS)


async def test_more_than_was_asked_for_is_unavailable(internal: Internal):
    whole = await internal.fetch("gateway", CLIENTS, most=1 << 20)
    assert await internal.fetch("gateway", CLIENTS, most=len(whole)) == whole
    with pytest.raises(Unavailable, match=f"over {len(whole) - 1} bytes"):
        await internal.fetch("gateway", CLIENTS, most=len(whole) - 1)


async def test_who_does_not_answer_is_unavailable(internal: Internal):
    with pytest.raises(Unavailable, match="notify"):
        await internal.get("notify", "/internal/heads")
