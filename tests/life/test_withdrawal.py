"""A leader's certificate is revoked: sender and holders know within the time that is promised."""

import asyncio
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from infra.bench.load import TYPE, form
from infra.client import Client, Json
from infra.demo.plan import pages
from infra.letter.render import render_letter
from infra.letter.sample import sample_letter
from infra.pki.authority import Use
from infra.pki.registrar import Holder, reissue
from infra.pki.sign import sign_main
from tests.fixtures.eventually import eventually
from tests.life.story import HUB, PROVINCE, reach, receive

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

PROMISED_SECONDS = 60
"""From the answer to the revocation to the last one who is told."""


async def test_sender_and_holders_are_told_in_time_and_nobody_else(
    run: Path, systems: Mapping[str, Client]
) -> None:
    name, sender = lone_sender(systems)
    hub, other = systems[HUB], systems["sys-g22"]
    commune = hub.access.agencies[0]
    leader = await new_leader(run, sender)
    dispatch = await sent(run, sender, [PROVINCE, commune])
    await receive(systems["sys-h14"], PROVINCE, dispatch)
    await receive(hub, commune, dispatch)

    path = f"/v1/certificates/{leader}/revocations"
    await systems["registrar"].ask("POST", path, body={"reason": "keyCompromise"})
    answered = time.monotonic()

    async def all_know() -> bool:
        return (
            "" in await told(sender, dispatch)
            and PROVINCE in await told(systems["sys-h14"], dispatch)
            and commune in await told(hub, dispatch)
        )

    await eventually(all_know, f"{name} and holders are told", timeout=PROMISED_SECONDS)
    assert time.monotonic() - answered <= PROMISED_SECONDS
    assert await told(other, dispatch) == []
    assert (await sender.ask("GET", f"/v1/dispatches/{dispatch}")).json()["state"] == "withdrawn"


def lone_sender(systems: Mapping[str, Client]) -> tuple[str, Client]:
    """Return the system of an agency that no other test sends for."""
    alone = {
        client.access.agencies[0]: name
        for name, client in systems.items()
        if len(client.access.agencies) == 1 and "documents.send" in client.access.scope.split()
    }
    name = alone[max(alone)]
    return name, systems[name]


async def new_leader(run: Path, sender: Client) -> str:
    """Give an agency's leader a new certificate: an earlier run has revoked the last one.

    Returns its digest when signing knows it.
    """
    holder = Holder(sender.access.agencies[0], Use.LEADER)
    digest = (await asyncio.to_thread(reissue, run, holder)).sha256

    async def known() -> bool:
        found = await sender.ask("GET", "/v1/certificates?kind=leader&limit=500")
        return digest in {one["sha256"] for one in found.json()["items"]}

    await eventually(known, f"signing knows {holder.code}'s new leader", timeout=60)
    return digest


async def sent(run: Path, sender: Client, to: list[str]) -> str:
    """Send a letter; return its dispatch when all have it."""
    code = sender.access.agencies[0]
    letter = render_letter(
        sample_letter(code="1/BC-PH", signer="Lê Minh An", promulgated_on=date(2026, 11, 25))
    )
    paper = await asyncio.to_thread(sign_main, letter.pdf, run, code, place=letter.place)
    recipients: list[Json] = [{"agency": one} for one in to]
    body = form(time.time_ns() % 10**9, paper, recipients, urgent=True)
    answer = await sender.ask(
        "POST", "/v1/documents?dispatch=true", raw=body, headers={"Content-Type": TYPE}
    )
    dispatch = str(answer.json()["dispatch"]["id"])
    await reach(sender, f"/v1/dispatches/{dispatch}", "available", recipients=len(to))
    return dispatch


async def told(client: Client, dispatch: str) -> list[str]:
    """Return whose copies a log calls withdrawn; empty for all of them, as its sender is told."""
    ids = {one["id"]: one["code"] for one in await pages(client, "/v1/agencies?")}
    found: list[str] = []
    after = ""
    while True:
        path = f"/v1/events?type=dispatch.changed&limit=500{after}"
        page = (await client.ask("GET", path)).json()
        found += [
            ids.get(one["recipient_id"], one["recipient_id"] or "")
            for one in page["items"]
            if (one["dispatch_id"], one["change"]) == (dispatch, "withdrawn")
        ]
        if not page["items"]:
            return found
        after = f"&after={page['next']}"
