"""What is asked for once more after quiet: all of it, and each thing that does not come is told."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.proof import reread
from tests.proof.arrivals import Arrivals
from tests.proof.client import opened, systems
from tests.proof.collect import Collected, Collector
from tests.proof.country import SAID, Country, founded, receipt
from tests.proof.harness import Harness
from tests.proof.history import Entry, Timeline
from tests.proof.mailboxes import Paper, Receiving
from tests.proof.network import Network
from tests.proof.planting import entry
from tests.proof.records import Records
from tests.proof.reread import Rereading, spread


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Country:
    return founded(tmp_path_factory.mktemp("pki"))


@asynccontextmanager
async def asking(
    country: Country, folder: Path, answers: dict[str, web.Response | str]
) -> AsyncGenerator[Rereading]:
    """Lend what asks an exchange that gives these answers, else 503; B is served by `sys-b`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/oauth/token":
            return web.json_response({"access_token": "token", "expires_in": 900})
        said = answers.get(request.path_qs)
        if isinstance(said, str):
            return web.json_response({"receipt": said})
        return said or web.json_response({"code": "DOC-5031"}, status=503)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    port = runner.addresses[0][1]
    row = {"client_id": "sys-b", "agencies": ["B"], "scope": "documents.receive"}
    row |= {"private_key": "key.pem", "token_endpoint": f"http://127.0.0.1:{port}/oauth/token"}
    (folder / "clients.json").write_text(f"[{row}]".replace("'", '"'))
    network = Network((), ("B",), (), (), (), {"B": "sys-b"}, "sys-b")
    records = Records(folder / "journal")
    try:
        async with opened(Harness(folder)) as door:
            collector = Collector(systems(door, patience=1), network, {})
            receiving = Receiving(records, Arrivals(records), country.trust())
            yield Rereading(collector, receiving, Collected())
    finally:
        records.close()
        await runner.cleanup()


async def test_the_receipt_of_every_acknowledged_entry_is_read_and_verified(
    country: Country, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reread, "_PATIENCE", 0.2)
    good = receipt(country)
    answers: dict[str, web.Response | str] = {
        "/v1/deliveries/delivery-1-B/receipt": good,
        "/v1/deliveries/delivery-2-B/receipt": good[:-4] + "AAAA",
        "/v1/deliveries/delivery-3-B/receipt": web.json_response({"code": "x"}, status=404),
    }
    async with asking(country, tmp_path, answers) as again:
        entries: list[Entry] = [entry(number, "B", number) for number in (1, 2, 3, 4)]
        again.found.entries = entries
        again.found.claims = {one.delivery: SAID for one in entries}
        await again.receipts()

    found = {one.delivery: one for one in again.found.receipts}
    first = found["delivery-1-B"]
    assert (first.fault, first.sha256) == ("", hashlib.sha256(good.encode()).hexdigest())
    assert {name for name, one in found.items() if one.fault} == {
        *(f"delivery-{number}-B" for number in (2, 3, 4))
    }
    assert all(one.stored for one in found.values())


async def test_a_file_that_cannot_be_read_any_more_is_told(
    country: Country, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reread, "_PATIENCE", 0.2)
    there = hashlib.sha256(b"there").hexdigest()
    answers: dict[str, web.Response | str] = {"/there": web.Response(body=b"there")}
    async with asking(country, tmp_path, answers) as again:
        again.found.papers = {
            name: Paper("B", name, "A", there, f"/{name}") for name in ("there", "gone")
        }
        await again.files({"there", "gone"})

    found = {one.dispatch: one for one in again.found.fetched}
    assert found["there"].got == there
    assert (found["gone"].got, "503" in found["gone"].fault) == ("", True)


async def test_timelines_are_read_to_their_end_and_of_all_with_a_reported_status(
    country: Country, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reread, "_PATIENCE", 0.2)
    monkeypatch.setattr(reread, "_TIMELINES", 1)

    def page(after: str | None, *subjects: str) -> web.Response:
        items = [{"what": "delivery.status", "subject": one, "code": "03"} for one in subjects]
        other = {"what": "delivery.acknowledged", "subject": "x", "code": None}
        return web.json_response({"items": [other, *items], "next_cursor": after})

    first = "/v1/documents/long/timeline?limit=500"
    answers: dict[str, web.Response | str] = {
        first: page("behind", "one"),
        f"{first}&cursor=behind": page(None, "two"),
        "/v1/documents/plain/timeline?limit=500": page(None),
    }
    async with asking(country, tmp_path, answers) as again:
        names = ["long", "away", "plain", "passed over"]
        await again.timelines(dict.fromkeys(names, "B"), {"long", "away"})

    found = again.found.timelines
    assert found["long"] == Timeline((("one", "03"), ("two", "03")))
    assert "503" in found["away"].fault
    assert found["plain"] == Timeline()
    assert "passed over" not in found


def test_a_sample_is_spread_evenly_over_all() -> None:
    assert spread(range(10), 5) == [0, 2, 4, 6, 8]
    assert spread(range(3), 5) == [0, 1, 2]
    assert spread([], 5) == []
