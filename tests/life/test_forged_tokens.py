"""No token but our own, for us, unexpired, opens any route of any service, by any door."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from infra.client import Client, assertion, ports
from services.gateway.access import TABLE
from tests.life.forgeries import Headers, Material, forgeries
from tests.life.story import PROVINCE, Story

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SOMETHING = str(UUID(int=1))
SAME_BODY = ("type", "code", "status", "title", "title_en", "hint", "hint_en")


@dataclass(frozen=True, slots=True)
class Door:
    """One way to one route."""

    name: str
    method: str
    url: str


@pytest.fixture(scope="module")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session without a token."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=16)) as opened:
        yield opened


@pytest.fixture(scope="module")
async def material(run: Path, systems: Mapping[str, Client], story: Story) -> Material:
    """A good token of the ministry, the exchange's own key, and what else it has signed."""
    pem = next((run / "pki" / "gateway").glob("*.pem")).read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    access = systems["sys-g22"].access
    return Material(
        good=await systems["sys-g22"].token(),
        key=key,
        foreign={
            "a receipt": story.received[PROVINCE].acknowledged["receipt"],
            "a client assertion": assertion(access),
        },
    )


def doors(run: Path) -> list[Door]:
    """Return every route that takes a token, at its own service and through the gateway."""
    addresses = ports(run)
    table: list[dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))
    closed = [row for row in table if row["scopes"] is not None]
    assert closed
    return [
        Door(
            f"{row['method']} {row['path']} at {where}",
            row["method"],
            addresses[where] + _filled(row["path"]),
        )
        for row in closed
        for where in {row["service"], "gateway"}
    ]


def _filled(path: str) -> str:
    parts = [SOMETHING if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)


async def _ask(session: aiohttp.ClientSession, door: Door, headers: Headers) -> tuple[int, bytes]:
    sent = {"Idempotency-Key": SOMETHING, **headers}
    body: dict[str, str] | None = None if door.method == "GET" else {}
    async with session.request(door.method, door.url, headers=sent, json=body) as answer:
        return answer.status, await answer.read()


async def test_every_forged_token_is_refused_at_every_door_with_one_body(
    run: Path, session: aiohttp.ClientSession, material: Material
) -> None:
    bodies: set[str] = set()
    accepted: list[str] = []
    forged = list(forgeries(material))
    for door in doors(run):
        for name, headers in forged:
            status, body = await _ask(session, door, headers)
            if status != 401:
                accepted.append(f"{door.name}: {name}: {status} {body[:100]!r}")
            else:
                problem = json.loads(body)
                bodies.add(json.dumps([problem[field] for field in SAME_BODY]))
    assert not accepted, "\n".join(accepted)
    assert len(bodies) == 1, bodies


async def test_the_good_token_opens_a_door_that_the_forged_ones_did_not(
    run: Path, session: aiohttp.ClientSession, material: Material
) -> None:
    for where in ("gateway", "docs"):
        door = Door(where, "GET", f"{ports(run)[where]}/v1/documents")
        status, body = await _ask(session, door, {"Authorization": f"Bearer {material.good}"})
        assert status == 200, body


async def test_internal_routes_are_closed_to_clients_and_unknown_to_the_gateway(
    run: Path, session: aiohttp.ClientSession, material: Material
) -> None:
    internal = {
        "docs": "/internal/agencies",
        "notify": "/internal/heads",
        "gateway": "/internal/clients",
        "signing": f"/internal/verdicts/{SOMETHING}",
    }
    bearer = {"Authorization": f"Bearer {material.good}"}
    for where, path in internal.items():
        status, _ = await _ask(session, Door(where, "GET", ports(run)[where] + path), bearer)
        assert status == 401, f"{where}{path}"
        if where != "gateway":
            outside = Door(where, "GET", ports(run)["gateway"] + path)
            status, _ = await _ask(session, outside, bearer)
            assert status == 404, f"gateway{path}"
