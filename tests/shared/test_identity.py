"""Only our tokens, for us, of clients and agencies that still stand: in every service."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from fastapi import APIRouter, Depends

from shared import jwks
from shared.http import create_app
from shared.identity import STANDING_SECONDS, Caller, Scoped
from shared.settings import ServiceSettings
from tests.fixtures.eventually import eventually
from tests.shared.forged import FORGED
from tests.shared.issuing import Issuer, sign
from tests.shared.world import World, guarded

router = APIRouter()


def told(caller: Caller) -> dict[str, Any]:
    return {
        "client_id": caller.client_id,
        "agencies": [agency.code for agency in caller.agencies],
        "visible": caller.visible,
    }


@router.get("/any")
async def get_any(caller: Annotated[Caller, Depends(Scoped())]) -> dict[str, Any]:
    return told(caller)


@router.post("/one")
async def post_one(
    caller: Annotated[Caller, Depends(Scoped("documents.send", "operator"))],
) -> dict[str, Any]:
    return {"agency": caller.agency().code}


@router.get("/internal/x")
async def get_internal(caller: Annotated[Caller, Depends(Scoped("internal"))]) -> dict[str, Any]:
    return told(caller)


@pytest.fixture
async def world(settings: ServiceSettings, issuer: Issuer) -> AsyncIterator[World]:
    async with guarded(settings, issuer, router) as world:
        await world.agency(1, "H14", code_qcvn102="000.00.00.H14", old_codes=("T14",))
        await world.agency(2, "G22")
        await world.system("sys-a", "H14", version=1)
        await world.system("hub", "H14", "G22")
        await world.system("sys-revoked", "H14", state="revoked")
        later = datetime.now(UTC) + timedelta(hours=1)
        await world.system("sys-renewed", "H14", not_before=later)
        yield world


def without_ids(answer: httpx2.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    body = {k: v for k, v in answer.json().items() if k not in {"trace_id", "instance"}}
    varying = {"trace-id", "traceresponse", "date", "content-length"}
    return answer.status_code, body, {k: v for k, v in answer.headers.items() if k not in varying}


async def test_a_good_token_says_who_calls(world: World):
    answer = await world.ask(world.issuer.token())
    assert answer.json() == {
        "client_id": "sys-a",
        "agencies": ["H14"],
        "visible": [str(UUID(int=1))],
    }


async def test_every_forged_token_is_401_with_the_one_body(world: World):
    none = without_ids(await world.client.get("/any"))
    assert none[0] == 401
    assert none[2]["www-authenticate"] == 'Bearer realm="lienthong", error="invalid_token"'
    answers = {name: await world.ask(forge(world.issuer)) for name, forge in FORGED.items()}
    other = {name: answer.text for name, answer in answers.items() if without_ids(answer) != none}
    assert other == {}


def test_the_list_of_forgeries_is_long():
    assert len(FORGED) >= 95


async def test_a_token_elsewhere_than_in_one_header_is_401(world: World):
    good = world.issuer.token()
    ask = world.client.get
    twice = [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")]
    for answer in (
        await ask("/any", params={"access_token": good}),
        await ask("/any", headers={"Cookie": f"access_token={good}"}),
        await ask("/any", headers=twice),
        await ask("/any", headers={"Authorization": f"Basic {good}"}),
        await ask("/any", headers={"Authorization": good}),
        await ask("/any", headers={"X-Agency": "H14", "X-Client-Id": "sys-a"}),
    ):
        assert answer.status_code == 401


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
async def test_the_other_fixed_algorithms_are_taken(world: World, algorithm: str):
    key = (
        ed25519.Ed25519PrivateKey.generate()
        if algorithm == "EdDSA"
        else rsa.generate_private_key(65537, 2048)
    )
    world.issuer.keys["other"] = key
    token = sign(key, world.issuer.claims(), {"kid": "other"})
    assert (await world.ask(token)).status_code == 200


async def test_a_short_rsa_key_or_a_shared_secret_in_the_key_set_is_passed_over(world: World):
    world.issuer.keys["short"] = short = rsa.generate_private_key(65537, 1024)  # noqa: S505 (that is the point)
    world.issuer.extra.append({"kty": "oct", "kid": "shared", "k": "c2VjcmV0", "use": "sig"})
    token = sign(short, world.issuer.claims(), {"kid": "short"})
    assert (await world.ask(token)).status_code == 401


async def test_the_scope_must_be_there_and_still_be_the_clients(world: World):
    assert (await world.ask(world.issuer.token(), "/one")).json() == {"agency": "H14"}
    answer = await world.ask(world.issuer.token(scope="documents.receive"), "/one")
    assert (answer.status_code, answer.json()["code"]) == (403, "AUT-4031")
    assert answer.json()["required_scope"] == "documents.send operator"
    answer = await world.ask(world.issuer.token(scope="operator"), "/one")
    assert answer.status_code == 403, "a scope that the client does not have (any more)"


async def test_internal_tokens_and_public_ones_do_not_stand_for_each_other(world: World):
    inside = "https://lienthong.vn/internal/docs"
    token = world.issuer.token
    assert (await world.ask(token(scope="internal", aud=inside), "/internal/x")).status_code == 200
    assert (await world.ask(token(scope="internal", aud=inside), "/any")).status_code == 401
    assert (await world.ask(token(scope="internal"), "/internal/x")).status_code == 401
    other = "https://lienthong.vn/internal/notify"
    assert (await world.ask(token(scope="internal", aud=other), "/internal/x")).status_code == 401
    assert (await world.ask(token(aud=inside), "/internal/x")).status_code == 403


async def test_who_acts_for_several_must_name_one_to_write(world: World):
    token = world.issuer.token(client_id="hub", agencies=["H14", "G22"], client_version=0)
    answer = await world.ask(token, "/one")
    assert (answer.status_code, answer.json()["code"]) == (400, "AUT-4001")
    assert (await world.ask(token)).json()["agencies"] == ["H14", "G22"]
    for code in ("H14", "000.00.00.H14", "T14"):
        answer = await world.ask(token, "/one", **{"On-Behalf-Of": code})
        assert answer.json() == {"agency": "H14"}, code
    answer = await world.ask(token, **{"On-Behalf-Of": "G22"})
    assert answer.json()["visible"] == [str(UUID(int=2))]


@pytest.mark.parametrize("code", ["G22", "H99", "", "h14", "H14,G22", "*"])
async def test_nobody_acts_for_an_agency_that_its_token_does_not_name(world: World, code: str):
    answer = await world.ask(world.issuer.token(), **{"On-Behalf-Of": code})
    assert (answer.status_code, answer.json()["code"]) == (403, "AUT-4031")


async def test_closed_agencies_are_seen_by_their_successors_only(world: World):
    second = await world.agency(11, "H14.2", state="closed", successors=(UUID(int=1),))
    first = await world.agency(10, "H14.1", state="closed", successors=(second,))
    await world.agency(12, "G22.1", state="closed", successors=(UUID(int=2),))
    await world.system("hub", "H14", "G22", "H14.1")
    token = world.issuer.token(client_id="hub", agencies=["H14", "G22", "H14.1"], client_version=0)
    answer = (await world.ask(token)).json()
    assert answer["agencies"] == ["H14", "G22"]
    assert set(answer["visible"]) == {str(UUID(int=n)) for n in (1, 2, 10, 11, 12)}
    answer = (await world.ask(token, **{"On-Behalf-Of": "H14"})).json()
    assert set(answer["visible"]) == {str(UUID(int=1)), str(first), str(second)}


@pytest.mark.parametrize("state", ["suspended", "closed"])
async def test_an_agency_that_is_not_active_may_do_nothing(world: World, state: str):
    await world.agency(1, "H14", state=state)
    answer = await world.ask(world.issuer.token())
    assert (answer.status_code, answer.json()["code"]) == (403, "AUT-4031")


async def test_a_client_loses_an_agency_within_seconds(world: World):
    token = world.issuer.token(client_id="hub", agencies=["H14", "G22"], client_version=0)
    assert (await world.ask(token)).json()["agencies"] == ["H14", "G22"]
    await world.system("hub", "G22")

    async def narrowed() -> bool:
        return (await world.ask(token)).json()["agencies"] == ["G22"]

    await eventually(narrowed, "the narrowed client", timeout=STANDING_SECONDS + 1)


async def test_a_revoked_client_is_refused_within_seconds(world: World):
    token = world.issuer.token()
    assert (await world.ask(token)).status_code == 200
    await world.system("sys-a", "H14", state="revoked")

    async def refused() -> bool:
        return (await world.ask(token)).status_code == 401

    await eventually(refused, "the revocation", timeout=STANDING_SECONDS + 1)


async def test_a_token_newer_than_the_projection_is_503_and_not_403(world: World):
    for changes in (
        {"client_version": 10_000},
        {"client_id": "sys-new", "sub": "sys-new"},
        {"agencies": ["H14", "H14.77"], "directory_version": 10_000},
    ):
        answer = await world.ask(world.issuer.token(**changes))
        assert (answer.status_code, answer.json()["code"]) == (503, "SYS-5031"), changes
        assert int(answer.headers["retry-after"]) >= 1
    known = world.issuer.token(agencies=["H14", "H14.77"])
    assert (await world.ask(known)).json()["agencies"] == ["H14"], "a code that does not exist"


async def test_an_expired_token_is_refused_though_it_was_verified_before(world: World):
    now = int(datetime.now(UTC).timestamp())
    token = world.issuer.token(iat=now - 600, exp=now + 3)
    assert (await world.ask(token)).status_code == 200

    async def refused() -> bool:
        return (await world.ask(token)).status_code == 401

    await eventually(refused, "the end of the token")


async def test_keys_are_fetched_again_for_an_unknown_id_but_not_for_every_one(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    await world.ask(world.issuer.token())
    key = world.issuer.keys["new"] = ec.generate_private_key(ec.SECP256R1())
    token = sign(key, world.issuer.claims(), {"kid": "new"})
    assert (await world.ask(token)).status_code == 401, "asked less than 5 s ago"
    monkeypatch.setattr(jwks, "REFETCH_SECONDS", 0.0)
    assert (await world.ask(token)).status_code == 200
    monkeypatch.setattr(jwks, "REFETCH_SECONDS", 60.0)
    asked = world.issuer.asked
    for number in range(20):
        await world.ask(sign(key, world.issuer.claims(), {"kid": f"unknown-{number}"}))
    assert world.issuer.asked == asked


async def test_the_last_good_keys_serve_while_the_issuer_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    assert (await world.ask(world.issuer.token())).status_code == 200
    world.issuer.broken = True
    monkeypatch.setattr(jwks, "TTL_SECONDS", 0.0)
    monkeypatch.setattr(jwks, "REFETCH_SECONDS", 0.0)
    assert (await world.ask(world.issuer.token())).status_code == 200
    key = ec.generate_private_key(ec.SECP256R1())
    unknown = sign(key, world.issuer.claims(), {"kid": "unknown"})
    assert (await world.ask(unknown)).status_code == 503, "perhaps a new key that we cannot see"


async def test_without_any_key_set_the_answer_is_503(world: World):
    world.issuer.broken = True
    assert (await world.ask(world.issuer.token())).status_code == 503
    world.issuer.broken, world.issuer.names_itself = False, "https://elsewhere.example"
    assert (await world.ask(world.issuer.token())).status_code == 503
    world.issuer.names_itself = None
    assert (await world.ask(world.issuer.token())).status_code == 200


async def test_one_fetch_serves_all_who_wait_for_it(world: World):
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(world.ask(world.issuer.token())) for _ in range(20)]
    assert {task.result().status_code for task in asked} == {200}
    assert world.issuer.asked == 1


async def test_an_external_issuers_token_takes_its_agencies_from_the_register(
    settings: ServiceSettings, issuer: Issuer
):
    outside = settings.model_copy(update={"external_issuer": True})
    async with guarded(outside, issuer, router) as world:
        await world.agency(1, "H14")
        await world.system("sys-a", "H14")
        token = issuer.token(agencies=None, client_version=None, directory_version=None)
        assert (await world.ask(token)).json()["agencies"] == ["H14"]


async def test_openapi_says_which_scopes_a_route_takes():
    app = create_app(title="test", routers=[router])
    paths = app.openapi()["paths"]
    assert paths["/any"]["get"]["security"] == [{"oauth": []}]
    assert paths["/one"]["post"]["security"] == [
        {"oauth": ["documents.send"]},
        {"oauth": ["operator"]},
    ]
