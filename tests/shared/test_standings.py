"""What a guard keeps of callers: each agency once, and nothing that is believed no more."""

import gc
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import pytest
from fastapi import APIRouter, Depends

from shared import agencies, identity
from shared.agencies import KnownAgency
from shared.identity import Caller, Scoped, Standing
from shared.settings import ServiceSettings
from tests.shared.issuing import Issuer
from tests.shared.world import World, guarded

router = APIRouter()


@router.get("/any")
async def get_any(caller: Annotated[Caller, Depends(Scoped())]) -> list[UUID]:
    return list(caller.visible)


@pytest.fixture
async def world(settings: ServiceSettings, issuer: Issuer) -> AsyncIterator[World]:
    async with guarded(settings, issuer, router) as world:
        await world.agency(1, "H14")
        await world.system("sys-a", "H14", version=1)
        yield world


def _kept() -> int:
    gc.collect()
    return sum(isinstance(one, Standing) for one in gc.get_objects())


async def test_what_is_believed_no_more_is_not_kept(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(identity, "STANDING_SECONDS", 0.0)
    before = _kept()
    for _ in range(30):
        assert (await world.ask(world.issuer.token())).status_code == 200
    assert _kept() - before <= 2


async def test_an_agency_that_is_closed_between_two_looks_is_seen_once(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    async def closed_meanwhile(conn: identity.Connection, _ids: object) -> dict[str, KnownAgency]:
        return await agencies.find(conn, ["H14"])

    monkeypatch.setattr(agencies, "closed_into", closed_meanwhile)
    assert (await world.ask(world.issuer.token())).json() == [str(UUID(int=1))]
