"""Each service set back under load: no number twice, no lane still, receipts byte for byte."""

import asyncio
import random

import pytest

from infra.client import Refused
from tests.restore.conftest import Site

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


async def set_back(site: Site, service: str) -> str:
    """Let documents flow, set a service back to a moment amid them, and let more flow."""
    async with site.load.running():
        await site.further(4)
        to = site.now()
        await site.further(4)
        await asyncio.sleep(random.uniform(0, 1))  # noqa: S311 (any moment, with any in flight)
        line = await site.restore(service, to)
        await site.further(3)
    return line


async def held(site: Site) -> None:
    """Assert what every restore promises, from the mailboxes as they are now."""
    await site.quiet()
    urgent, normal = [await site.load.send(code) for code in site.load.senders]
    assert urgent, site.load.refused
    assert normal, site.load.refused
    await site.quiet()
    for box in site.load.boxes:
        mailbox = await site.load.look(box)
        dispatches = {item["entry"].split('"dispatch_id":"')[1][:36] for item in mailbox["normal"]}
        assert {urgent, normal} <= dispatches, "a lane stands still"
    assert site.load.faults == []
    await site.quiet()  # the look has acknowledged what was new
    docs, notify = await site.database("docs"), await site.database("notify")
    try:
        ours = await docs.fetch("select delivery_id, receipt from receipts order by 1")
        theirs = await notify.fetch("select delivery_id, receipt from receipts order by 1")
    finally:
        await docs.close()
        await notify.close()
    assert [tuple(row) for row in ours] == [tuple(row) for row in theirs]


async def lost_receipts(site: Site) -> list[str]:
    """Return the deliveries whose receipt is not what their recipient holds."""
    found: list[str] = []
    for box in site.load.boxes:
        mailbox = await site.load.look(box)
        for item in (item for lane in mailbox.values() for item in lane):
            delivery = item["delivery_id"]
            if await site.load.receipt(box, delivery) != site.load.receipts[delivery]:
                found.append(delivery)
    return found


async def test_docs_goes_on_behind_every_number_that_was_given(site: Site):
    before = set(await lost_receipts(site))  # by notify, if that was set back before
    line = await set_back(site, "docs")
    assert "RESTORED service=docs" in line
    await held(site)
    assert set(await lost_receipts(site)) <= before
    docs = await site.database("docs")
    try:
        assert await docs.fetchval("select count(*) from dispatches where adopted") > 0
    finally:
        await docs.close()


async def test_notify_has_entries_and_receipts_back_byte_for_byte(site: Site):
    before = dict(site.load.receipts)
    assert "RESTORED service=notify" in await set_back(site, "notify")
    await held(site)
    # One that was in no store but the lost database is made anew; what was told before stays.
    assert not set(await lost_receipts(site)) & set(before)


async def test_signing_knows_revocations_and_judges_again(site: Site):
    signing = await site.database("signing")
    spare = await signing.fetchval(
        "select sha256 from certificates where kind = 'seal' and state = 'good'"
        " and agency_code <> all($1) order by sha256 limit 1",
        list(site.load.senders),
    )
    await signing.close()
    registrar = site.systems["registrar"]
    async with site.load.running():
        await site.further(3)
        to = site.now()
        path = f"/v1/certificates/{spare}/revocations"
        answer = await registrar.ask("POST", path, body={"reason": "keyCompromise"})
        number = answer.json()["list_number"]
        await site.further(4)
        assert "RESTORED service=signing" in await site.restore("signing", to)
        await site.further(3)
    await held(site)
    signing = await site.database("signing")
    state = await signing.fetchval("select state from certificates where sha256 = $1", spare)
    newest = await signing.fetchval("select list_number from authorities where name = 'issuing'")
    await signing.close()
    assert state == "revoked"
    assert newest > number
    assert await _astray(site) == []


async def test_the_gateway_lets_no_revoked_system_in(site: Site):
    spare = next(
        name
        for name, client in sorted(site.systems.items())
        if len(client.access.agencies) == 1
        and client.access.agencies[0] not in site.load.senders
        and client not in [box.client for box in site.load.boxes]
    )
    registrar, gone = site.systems["registrar"], site.systems[spare]
    async with site.load.running():
        await gone.ask("GET", "/v1/me")
        to = site.now()
        await registrar.ask("DELETE", f"/v1/clients/{spare}")
        await site.further(3)
        assert "RESTORED service=gateway" in await site.restore("gateway", to)
        await site.further(3)
    await held(site)
    assert (await registrar.ask("GET", f"/v1/clients/{spare}")).json()["state"] == "revoked"
    with pytest.raises(Refused):
        await gone.ask("GET", "/v1/me")


async def _astray(site: Site) -> list[str]:
    """Return the files whose verdict at docs refers to other evidence than signing holds."""
    verdicts = (
        "select dispatch_id, sha256, judgement, indication, reason, judged_at, evidence_sha256"
        " from verdicts"
    )
    found: list[dict[tuple[object, ...], tuple[object, ...]]] = []
    for service in ("docs", "signing"):
        connection = await site.database(service)
        rows = await connection.fetch(verdicts)
        found.append({tuple(row)[:4]: tuple(row)[4:] for row in rows})
        await connection.close()
    ours, theirs = found
    return [str(key[1]) for key in ours.keys() & theirs.keys() if ours[key] != theirs[key]]


async def test_a_point_that_cannot_be_reached_changes_nothing(site: Site):
    before = site.stack.pid("docs")
    for to, word in (
        ("2020-01-01", "before the oldest backup"),
        ("2999-01-01", "is yet to come"),
        ("yesterday", "names no point"),
    ):
        with pytest.raises(AssertionError, match=word):
            await site.restore("docs", to)
    assert site.stack.pid("docs") == before
