"""Each service set back under load, to a random moment with records under way."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.client import Json, Refused
from infra.pki.authority import Use
from infra.pki.registrar import Holder, reissue
from tests.kafka.systems import System, registered
from tests.restore.conftest import Site
from tests.restore.moments import amid, dice
from tests.restore.promises import Restored, held

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


async def _nothing() -> None:
    """Leave the load alone."""


async def set_back(
    site: Site, service: str, *, behind: Callable[[], Awaitable[None]] = _nothing
) -> Restored:
    """Let documents flow, set a service back to a moment amid them, and let more flow.

    `behind` happens after that moment: the restored database does not know of it.
    """
    chance = dice(service)
    async with site.load.running():
        await site.further(4)
        point = await amid(site, service, chance)
        await behind()
        await site.further(4)
        await asyncio.sleep(chance.uniform(0, 1))
        line = await site.restore(service, point.to.isoformat())
        back = datetime.now(UTC)
        await site.further(3)
    assert f"RESTORED service={service}" in line
    return Restored(service, point, back)


async def test_docs_goes_on_behind_every_number_that_was_given(site: Site):
    await held(site, await set_back(site, "docs"))
    docs = await site.database("docs")
    try:
        assert await docs.fetchval("select count(*) from dispatches where adopted") > 0
    finally:
        await docs.close()


async def test_docs_keeps_what_waits_for_its_verdict(site: Site):
    """Here nobody else can bring back what was acknowledged: none of it has a number yet."""
    await site.stack.kill("signing", hold=True)
    try:
        restored = await set_back(site, "docs")
    finally:
        await site.stack.start("signing")
    await held(site, restored)


async def test_notify_has_entries_and_receipts_back_byte_for_byte(site: Site):
    await held(site, await set_back(site, "notify"))


async def test_signing_knows_revocations_and_judges_again(site: Site):
    signing = await site.database("signing")
    row = await signing.fetchrow(
        "select sha256, agency_code from certificates where kind = 'seal' and state = 'good'"
        " and agency_code <> all($1) order by sha256 limit 1",
        list(site.load.senders),
    )
    await signing.close()
    assert row is not None
    spare, holder = str(row["sha256"]), Holder(str(row["agency_code"]), Use.SEAL)
    # It has a new one before the old one goes: other tests, and the next run of all, seal with it.
    await asyncio.to_thread(reissue, site.stack.folder.path, holder)
    told: list[int] = []

    async def revoked() -> None:
        path = f"/v1/certificates/{spare}/revocations"
        body = {"reason": "keyCompromise"}
        answer = await site.systems["registrar"].ask("POST", path, body=body)
        told.append(answer.json()["list_number"])

    await held(site, await set_back(site, "signing", behind=revoked))
    signing = await site.database("signing")
    state = await signing.fetchval("select state from certificates where sha256 = $1", spare)
    newest = await signing.fetchval("select list_number from authorities where name = 'issuing'")
    await signing.close()
    assert state == "revoked"
    assert newest > told[0]
    assert await _astray(site) == []


async def test_the_gateway_lets_no_revoked_system_in(site: Site, tmp_path: Path):
    async with registered(site.stack.folder.path, tmp_path, _nobody_s(site)) as gone:
        await _ends(site, gone)


async def _ends(site: Site, gone: System) -> None:
    """Revoke a system, and change another, behind the point to which the gateway goes back."""
    registrar, changed = site.systems["registrar"], _unneeded(site)
    stop, last = asyncio.Event(), dict[str, Json]()

    async def change(name: str, **body: object) -> None:
        last[name] = (await registrar.ask("PATCH", f"/v1/clients/{name}", body=body)).json()

    async def changing() -> None:
        while not stop.is_set():
            await change(changed, scopes=site.systems[changed].access.scope.split())

    async def revoked() -> None:
        await gone.change("DELETE")
        stop.set()

    await gone.client.ask("GET", "/v1/me")
    async with asyncio.TaskGroup() as group:
        group.create_task(changing())
        restored = await set_back(site, "gateway", behind=revoked)
    await held(site, restored)
    kept, out = [
        (await registrar.ask("GET", f"/v1/clients/{name}")).json() for name in (changed, gone.id)
    ]
    assert kept == last[changed]
    assert out["state"] == "revoked"
    with pytest.raises(Refused):
        await gone.client.ask("GET", "/v1/me")
    await change(changed, scopes=kept["scopes"])
    assert last[changed]["version"] > max(kept["version"], out["version"])


def _unneeded(site: Site) -> str:
    """Name a system of one agency that neither sends nor receives here."""
    busy = {*site.load.senders, *(box.code for box in site.load.boxes)}
    return next(
        name
        for name, client in sorted(site.systems.items())
        if len(client.access.agencies) == 1 and client.access.agencies[0] not in busy
    )


def _nobody_s(site: Site) -> str:
    """Return its agency."""
    return site.systems[_unneeded(site)].access.agencies[0]


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
