"""Inbox, leases and acknowledgement, over HTTP, on a real database."""

import pytest

from tests.notify.chains import Mailbox, digests
from tests.notify.service import Running


@pytest.fixture
async def mailbox(notify: Running) -> Mailbox:
    """A commune with three entries in its mailbox."""
    await notify.agency("G22")
    box = await notify.agency("H14.03.05")
    await notify.deliver(*box.clear_many(3))
    return box


async def test_the_thin_path(notify: Running, mailbox: Mailbox):
    headers = notify.headers(mailbox.code)
    page = (await notify.client.get("/v1/inbox?lane=normal&after=0", headers=headers)).json()
    assert [item["sequence"] for item in page["items"]] == [1, 2, 3]
    assert page["items"][0]["entry"] == mailbox.made[0].entry
    answer = await notify.client.post("/v1/inbox/leases", json={"max": 1}, headers=headers)
    (held,) = answer.json()["leases"]
    assert held["attempt"] == 1
    first = mailbox.made[0]
    url = f"/v1/deliveries/{first.delivery_id}/acknowledgement"
    done = await notify.client.post(
        url, json={"lease": held["id"], "digests": digests(first)}, headers=headers
    )
    assert done.status_code == 200, done.text
    page = (await notify.client.get("/v1/inbox?lane=normal&after=0", headers=headers)).json()
    assert [item["state"] for item in page["items"]] == ["acknowledged", "available", "available"]
