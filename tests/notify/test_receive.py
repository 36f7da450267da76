"""Inbox and leases over HTTP, on a real database."""

import asyncio
from collections import Counter

import pytest

from shared.chain import GENESIS, link
from tests.fixtures.eventually import eventually
from tests.notify.chains import Mailbox, digests
from tests.notify.running import Running


async def test_a_delivery_is_read_held_and_acknowledged(notify: Running, mailbox: Mailbox):
    headers, first = notify.headers(mailbox.code), mailbox.made[0]
    answer = await notify.client.post("/v1/inbox/leases", json={"max": 1}, headers=headers)
    (held,) = answer.json()["leases"]
    assert (held["attempt"], held["delivery"]["delivery_id"]) == (1, str(first.delivery_id))
    assert held["delivery"]["agency"] == mailbox.code
    done = await notify.client.post(
        f"/v1/deliveries/{first.delivery_id}/acknowledgement",
        json={"lease": held["id"], "digests": digests(first)},
        headers=headers,
    )
    assert (done.status_code, done.json()["transport"]) == (200, "acknowledged")
    page = (await notify.client.get("/v1/inbox?lane=normal&after=0", headers=headers)).json()
    assert [item["state"] for item in page["items"]] == ["acknowledged", "available", "available"]


async def test_the_recipient_itself_can_check_the_chain(notify: Running, mailbox: Mailbox):
    previous, after = GENESIS, 0
    for _ in mailbox.made:
        page = await notify.client.get(
            f"/v1/inbox?lane=normal&after={after}&limit=1", headers=notify.headers(mailbox.code)
        )
        (item,) = page.json()["items"]
        after = page.json()["next_after"]
        assert item["previous_hash"] == previous.hex()
        previous = link(
            agency=mailbox.agency,
            lane="normal",
            sequence=after,
            previous=previous,
            entry=item["entry"].encode(),
        )
        assert item["hash"] == previous.hex()
    assert after == len(mailbox.made)


async def test_one_cursor_covers_all_lanes_and_agencies(notify: Running, mailbox: Mailbox):
    other = await notify.agency("H14.03.06")
    urgent = Mailbox(mailbox.agency, mailbox.code, lane="urgent")
    await notify.system(mailbox.code, other.code)
    await notify.deliver(*other.clear_many(2), *urgent.clear_many(2))
    headers = notify.headers(mailbox.code, other.code)
    seen, url = list[str](), "/v1/inbox?limit=3"
    while items := (page := (await notify.client.get(url, headers=headers)).json())["items"]:
        seen += [item["delivery_id"] for item in items]
        url = f"/v1/inbox?limit=3&cursor={page['next_cursor']}"
    everything = [*mailbox.made, *other.made, *urgent.made]
    assert Counter(seen) == Counter(str(one.delivery_id) for one in everything)
    assert seen[:2] == [str(one.delivery_id) for one in urgent.made]
    late = other.clear()
    await notify.deliver(late)
    (item,) = (await notify.client.get(url, headers=headers)).json()["items"]
    assert item["delivery_id"] == str(late.delivery_id)


async def test_a_number_does_not_count_in_several_mailboxes(notify: Running, mailbox: Mailbox):
    other = await notify.agency("H14.03.06")
    await notify.system(mailbox.code, other.code)
    headers = notify.headers(mailbox.code, other.code)
    answer = await notify.client.get("/v1/inbox?lane=normal&after=1", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "REQ-4003")
    answer = await notify.client.get(
        "/v1/inbox?lane=normal&after=2", headers={**headers, "On-Behalf-Of": mailbox.code}
    )
    assert [item["sequence"] for item in answer.json()["items"]] == [3]


async def test_no_delivery_is_ever_held_twice(notify: Running, mailbox: Mailbox):
    await notify.deliver(*mailbox.clear_many(37))
    headers = notify.headers(mailbox.code)

    async def work(found: list[str]) -> None:
        while leases := (
            await notify.client.post("/v1/inbox/leases", json={"max": 3}, headers=headers)
        ).json()["leases"]:
            found += [lease["delivery"]["delivery_id"] for lease in leases]

    found: list[list[str]] = [[] for _ in range(8)]
    async with asyncio.TaskGroup() as group:
        for one in found:
            group.create_task(work(one))
    held = Counter(delivery for one in found for delivery in one)
    assert len(held) == 40
    assert set(held.values()) == {1}


async def test_a_lease_that_ended_is_handed_out_again(notify: Running, mailbox: Mailbox):
    headers = notify.headers(mailbox.code)
    ask = {"max": 3, "visibility": "PT1S"}
    first = (await notify.client.post("/v1/inbox/leases", json=ask, headers=headers)).json()
    assert len(first["leases"]) == 3
    again = (
        await notify.client.post(
            "/v1/inbox/leases", json={"max": 3, "wait": "PT10S"}, headers=headers
        )
    ).json()
    assert {one["attempt"] for one in again["leases"]} == {2}
    old = await notify.client.patch(
        f"/v1/inbox/leases/{first['leases'][0]['id']}",
        json={"visibility": "PT5M"},
        headers=headers,
    )
    assert old.status_code == 404


async def test_a_lease_is_prolonged_and_given_back(notify: Running, mailbox: Mailbox):
    headers = notify.headers(mailbox.code)
    answer = await notify.client.post("/v1/inbox/leases", json={"max": 1}, headers=headers)
    (held,) = answer.json()["leases"]
    url = f"/v1/inbox/leases/{held['id']}"
    longer = await notify.client.patch(url, json={"visibility": "PT1H"}, headers=headers)
    assert longer.json()["expires_at"] > held["expires_at"]
    assert (await notify.client.delete(url, headers=headers)).status_code == 204
    ended = await notify.client.patch(url, json={"visibility": "PT1H"}, headers=headers)
    assert (ended.status_code, ended.json()["code"]) == (409, "DLV-4093")
    answer = await notify.client.post("/v1/inbox/leases", json={"max": 1}, headers=headers)
    (again,) = answer.json()["leases"]
    assert again["delivery"]["delivery_id"] == held["delivery"]["delivery_id"]
    assert again["attempt"] == 2


async def test_a_long_poll_is_woken_by_what_arrives(notify: Running, mailbox: Mailbox):
    headers = notify.headers(mailbox.code)
    taken = await notify.client.post("/v1/inbox/leases", json={"max": 10}, headers=headers)
    assert len(taken.json()["leases"]) == 3
    async with asyncio.TaskGroup() as group, asyncio.timeout(10):
        poll = group.create_task(
            notify.client.post("/v1/inbox/leases", json={"wait": "PT30S"}, headers=headers)
        )
        await eventually(lambda: notify.ears.waiting(mailbox.agency), "the poll waits")
        late = mailbox.clear()
        await notify.deliver(late)
        (held,) = (await poll).json()["leases"]
    assert held["delivery"]["delivery_id"] == str(late.delivery_id)


async def test_who_has_gone_while_waiting_takes_nothing(notify: Running, mailbox: Mailbox):
    headers = notify.headers(mailbox.code)
    await notify.client.post("/v1/inbox/leases", json={"max": 10}, headers=headers)
    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        poll = group.create_task(
            notify.client.post("/v1/inbox/leases", json={"wait": "PT30S"}, headers=headers)
        )
        await eventually(lambda: notify.ears.waiting(mailbox.agency), "the poll waits")
        poll.cancel()
        await asyncio.wait((poll,))
        await asyncio.sleep(0.2)  # until its connection has ended over there
        await notify.deliver(mailbox.clear())
        await eventually(lambda: not notify.ears.waiting(mailbox.agency), "it waits no more")
        taken = await notify.client.post("/v1/inbox/leases", json={}, headers=headers)
    assert [one["attempt"] for one in taken.json()["leases"]] == [1]


async def test_a_long_poll_is_answered_empty_when_the_process_ends(
    notify: Running, mailbox: Mailbox
):
    headers = notify.headers(mailbox.code)
    await notify.client.post("/v1/inbox/leases", json={"max": 10}, headers=headers)
    async with asyncio.TaskGroup() as group, asyncio.timeout(10):
        poll = group.create_task(
            notify.client.post("/v1/inbox/leases", json={"wait": "PT30S"}, headers=headers)
        )
        await eventually(lambda: notify.ears.waiting(mailbox.agency), "the poll waits")
        notify.stop.set()
        answer = await poll
    assert (answer.status_code, answer.json()) == (200, {"leases": []})


@pytest.mark.parametrize(
    "body",
    [
        {"max": 0},
        {"max": 101},
        {"visibility": "PT0S"},
        {"visibility": "P2D"},
        {"wait": "PT31S"},
        {"wait": "soon"},
    ],
)
async def test_waits_and_holds_are_bounded(notify: Running, mailbox: Mailbox, body: object):
    answer = await notify.client.post(
        "/v1/inbox/leases", json=body, headers=notify.headers(mailbox.code)
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "REQ-4221")
    assert answer.json()["errors"][0]["pointer"].startswith("/")
