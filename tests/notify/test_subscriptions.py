"""Subscriptions: pending, ready, ended; one living one per system; whose they are."""

import asyncio
import base64
import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import httpx2
import jwt
import pytest
from confluent_kafka import Consumer
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.notify import subscribe
from services.notify.connecting import KEY, SECRET
from services.notify.store import subscriptions
from shared import outbox
from shared.db import Connection
from shared.events import MailboxChanged
from shared.ids import uuid7
from tests.fixtures.eventually import eventually
from tests.notify.chains import Mailbox
from tests.notify.issuer import INTERNAL_AUDIENCE
from tests.notify.running import Running

CODE = "H14.03.05"
SYSTEM = "sys-h14-03-05"
TOPIC = f"lienthong.mailbox.{SYSTEM}.v1"


pytestmark = pytest.mark.usefixtures("mailbox")


@pytest.fixture
async def mailbox(notify: Running) -> Mailbox:
    """A commune with three entries in its mailbox."""
    await notify.agency("G22")
    box = await notify.agency(CODE)
    await notify.deliver(*box.clear_many(3))
    return box


async def ask(notify: Running, *codes: str, key: str = "") -> httpx2.Response:
    """Ask for a Kafka mailbox."""
    headers = notify.headers(*codes) | {"Idempotency-Key": key or str(uuid7())}
    return await notify.client.post("/v1/subscriptions", json={"kind": "kafka"}, headers=headers)


def provisioner(notify: Running) -> Mapping[str, str]:
    """Return the headers of a service's own token."""
    token = notify.issuer.token("sys-g22", [], scope="internal", audience=INTERNAL_AUDIENCE)
    return {"Authorization": f"Bearer {token}"}


async def to_provide(notify: Running) -> list[tuple[str, str]]:
    """Return client and state of what the provisioner has to see to."""
    answer = await notify.client.get("/internal/subscriptions", headers=provisioner(notify))
    return [(one["client_id"], one["state"]) for one in answer.json()["items"]]


async def confirm(notify: Running, id_: str, what: str) -> httpx2.Response:
    """Tell notify that topic and rights are there, or gone."""
    return await notify.client.post(
        f"/internal/subscriptions/{id_}/{what}",
        json={"bootstrap": "127.0.0.1:9093"} if what == "ready" else None,
        headers=provisioner(notify),
    )


async def keep(notify: Running) -> None:
    """Do what the background task does, until it has nothing to do."""
    while await subscribe.keep(notify.db):
        pass


async def unpublished(conn: Connection) -> int:
    """Count the rows for mailbox topics."""
    return (
        await conn.fetchval("select count(1) from outbox where topic like 'lienthong.mailbox.%'")
        or 0
    )


async def test_it_is_pending_then_ready_with_everything_to_connect(notify: Running):
    made = await ask(notify, CODE)
    assert (made.status_code, made.json()["state"]) == (202, "pending")
    assert made.json()["kafka"] is None
    place, id_ = made.headers["Location"], made.json()["id"]
    assert await to_provide(notify) == [(SYSTEM, "pending")]
    for _ in range(2):  # the provisioner begins anew at each of its starts
        assert (await confirm(notify, id_, "ready")).json()["state"] == "ready"
    shown = await notify.client.get(place, headers=notify.headers(CODE))
    kafka = shown.json()["kafka"]
    assert (shown.json()["state"], shown.headers["ETag"]) == ("ready", '"2"')
    assert (kafka["bootstrap"], kafka["topic"]) == ("127.0.0.1:9093", TOPIC)
    assert (kafka["group_prefix"], kafka["agencies_topic"]) == (
        f"{SYSTEM}.",
        "lienthong.agencies.v1",
    )
    assert kafka["security"]["mechanism"] == "OAUTHBEARER"
    assert kafka["security"]["token_endpoint"] == f"{notify.issuer.url}/oauth/token"
    assert kafka["starts_after"] == [{"agency": CODE, "lane": "normal", "sequence": 3}]
    assert kafka["settings"]["aiokafka"]["group_id"].startswith(kafka["group_prefix"])


async def test_the_line_for_kcat_is_one_command(notify: Running):
    made = await ask(notify, CODE)
    await confirm(notify, made.json()["id"], "ready")
    shown = await notify.client.get(made.headers["Location"], headers=notify.headers(CODE))
    line = shown.json()["kafka"]["kcat"]
    words = shlex.split(line)
    assert "\n" not in line
    assert words[:6] == ["kcat", "-C", "-b", "127.0.0.1:9093", "-t", TOPIC]
    told = {words[n + 1] for n, word in enumerate(words) if word == "-X"}
    assert {"security.protocol=SASL_PLAINTEXT", "sasl.oauthbearer.method=oidc"} <= told
    assert f"sasl.oauthbearer.assertion.claim.iss={SYSTEM}" in told
    secret = shlex.split(shown.json()["kafka"]["kcat_with_secret"])
    assert f"sasl.oauthbearer.client.id={SYSTEM}" in secret
    assert "sasl.oauthbearer.client.secret=$LIENTHONG_SECRET" in secret


@pytest.mark.parametrize("named", ["librdkafka", "librdkafka_with_secret"])
async def test_librdkafka_asks_for_a_token_as_the_settings_say(
    notify: Running, tmp_path: Path, named: str
):
    made = await ask(notify, CODE)
    await confirm(notify, made.json()["id"], "ready")
    shown = await notify.client.get(made.headers["Location"], headers=notify.headers(CODE))
    key = rsa.generate_private_key(65537, 2048)
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    places = {KEY: str(tmp_path / "key.pem"), SECRET: "told once"}
    settings = shown.json()["kafka"]["settings"][named]
    consumer = Consumer({name: places.get(value, value) for name, value in settings.items()})
    try:
        await eventually(lambda: notify.issuer.asked, "it asks for a token")
    finally:
        await asyncio.to_thread(consumer.close)
    asked = notify.issuer.asked[0]
    assert asked["scope"] == "documents.receive"
    if named == "librdkafka":
        url = f"{notify.issuer.url}/oauth/token"
        claims = jwt.decode(
            asked["assertion"], key.public_key(), algorithms=["RS256"], audience=url
        )
        assert claims["iss"] == claims["sub"] == SYSTEM
        assert claims["jti"]
    else:
        assert asked["grant_type"] == "client_credentials"
        name, _, secret = base64.b64decode(asked["authorization"].split()[1]).partition(b":")
        assert (name, secret) == (SYSTEM.encode(), b"told once")


async def test_asking_again_answers_the_living_one(notify: Running):
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(notify, CODE)) for _ in range(12)]
        same = [group.create_task(ask(notify, CODE, key="one")) for _ in range(6)]
    assert {one.result().status_code for one in (*asked, *same)} == {202}
    assert len({one.result().json()["id"] for one in (*asked, *same)}) == 1


async def test_it_is_the_systems_own_however_many_agencies_it_has(
    notify: Running, mailbox: Mailbox
):
    other = await notify.agency("H14.03.06")
    await notify.system(CODE, other.code)
    both = await ask(notify, CODE, other.code)
    assert both.status_code == 202
    for verb in ("GET", "DELETE"):
        answer = await notify.client.request(
            verb, both.headers["Location"], headers=notify.headers(CODE)
        )
        assert answer.status_code == 404
    mine = await notify.client.get("/v1/subscriptions", headers=notify.headers(CODE))
    assert mine.json() == {"items": [], "next_cursor": None}
    theirs = await notify.client.get("/v1/subscriptions", headers=notify.headers(CODE, other.code))
    assert [one["id"] for one in theirs.json()["items"]] == [both.json()["id"]]

    async def count(conn: Connection) -> int:
        return await conn.fetchval("select count(1) from subscriptions") or 0

    assert await notify.db.as_caller([mailbox.agency], count) == 0
    assert await notify.db.as_worker(count) == 1


async def test_ending_it_takes_the_right_version_and_may_be_repeated(notify: Running):
    made = await ask(notify, CODE)
    place = made.headers["Location"]
    for tag in ('"7"', "odd"):
        headers = notify.headers(CODE) | {"If-Match": tag}
        stale = await notify.client.delete(place, headers=headers)
        assert (stale.status_code, stale.json()["code"]) == (412, "REQ-4121")
    headers = notify.headers(CODE) | {"If-Match": made.headers["ETag"]}
    assert (await notify.client.delete(place, headers=headers)).status_code == 204
    again = await notify.client.delete(place, headers=notify.headers(CODE))
    assert again.status_code == 204
    shown = (await notify.client.get(place, headers=notify.headers(CODE))).json()
    assert (shown["state"], shown["ended_because"]) == ("ended", "asked")


async def test_a_new_one_waits_until_the_ended_one_is_swept_and_removed(notify: Running):
    first = await ask(notify, CODE)
    await confirm(notify, first.json()["id"], "ready")
    await put_rows(notify, 7)
    assert (await confirm(notify, first.json()["id"], "removed")).json()["state"] == "ready"
    await notify.client.delete(first.headers["Location"], headers=notify.headers(CODE))
    second = await ask(notify, CODE)
    assert second.json()["id"] != first.json()["id"]
    assert await to_provide(notify) == []
    assert await notify.db.as_worker(subscriptions.count_unswept) == 1
    await keep(notify)
    assert await notify.db.as_worker(unpublished) == 0
    assert await to_provide(notify) == [(SYSTEM, "ended")]
    late = await confirm(notify, first.json()["id"], "ready")
    assert late.json()["state"] == "ended"
    await confirm(notify, first.json()["id"], "removed")
    assert await to_provide(notify) == [(SYSTEM, "pending")]


async def put_rows(notify: Running, count: int) -> None:
    """Put rows for the system's topic into the outbox."""
    event = MailboxChanged(
        system=SYSTEM,
        agency_id=uuid7(),
        agency=CODE,
        event="test",
        subject=uuid7(),
        detail={},
        at="2026-11-26T00:00:00Z",  # pyright: ignore[reportArgumentType] (pydantic reads it)
    )
    await notify.db.as_worker(partial(outbox.put_all, events=[event] * count))


@pytest.mark.parametrize(
    "change", ["state = 'revoked'", "scopes = '{documents.send}'"], ids=["revoked", "no scope"]
)
async def test_it_ends_with_the_right_to_receive(notify: Running, change: str):
    made = await ask(notify, CODE)
    await confirm(notify, made.json()["id"], "ready")
    await put_rows(notify, 3)

    async def lose(conn: Connection) -> None:
        await conn.execute(
            f"update known_clients set {change} where client_id = $1",  # noqa: S608 (fixed)
            SYSTEM,
        )

    await notify.db.as_worker(lose)
    await keep(notify)
    assert await to_provide(notify) == [(SYSTEM, "ended")]
    assert await notify.db.as_worker(unpublished) == 0


async def act_for(conn: Connection, codes: list[str]) -> None:
    """Let the system act for these agencies from now on."""
    await conn.execute("update known_clients set agencies = $2 where client_id = $1", SYSTEM, codes)


async def test_it_ends_when_its_system_loses_an_agency_that_it_had_for_a_moment(notify: Running):
    made = await ask(notify, CODE)
    await confirm(notify, made.json()["id"], "ready")
    await put_rows(notify, 3)
    for codes in ([CODE, "G22"], [CODE]):
        assert await to_provide(notify) == [(SYSTEM, "ready")]
        await notify.db.as_worker(partial(act_for, codes=codes))
    assert await to_provide(notify) == []  # nobody gives it rights between loss and end
    await keep(notify)
    assert await notify.db.as_worker(unpublished) == 0
    shown = await notify.client.get(made.headers["Location"], headers=notify.headers(CODE))
    assert (shown.json()["state"], shown.json()["ended_because"]) == ("ended", "agency_removed")


async def test_only_services_see_what_is_to_be_provided(notify: Running):
    id_ = (await ask(notify, CODE)).json()["id"]
    for path, verb in (
        ("/internal/subscriptions", "GET"),
        (f"/internal/subscriptions/{id_}/ready", "POST"),
        (f"/internal/subscriptions/{id_}/removed", "POST"),
    ):
        answer = await notify.client.request(
            verb,
            path,
            json={"bootstrap": "x:1"} if verb == "POST" else None,
            headers=notify.headers(CODE),
        )
        assert answer.status_code in {401, 403}
    assert (await confirm(notify, str(uuid7()), "ready")).status_code == 404
    assert (await confirm(notify, str(uuid7()), "removed")).status_code == 404


@pytest.mark.parametrize("body", [{}, {"kind": "webhook"}, {"kind": None}])
async def test_only_kinds_that_exist_are_taken(notify: Running, body: object):
    headers = notify.headers(CODE) | {"Idempotency-Key": "a"}
    answer = await notify.client.post("/v1/subscriptions", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "REQ-4221")
