"""The tour of a recipient: inbox, leases, acknowledgement, events."""

import hashlib
import json

from infra.contracts.tour.guide import Guide, Json
from infra.demo.plan import PROVINCE

BY = f"sys-{PROVINCE.lower()}"
_LEASE = "/v1/inbox/leases/{lease_id}"
_CONTENT = "/v1/documents/{document_id}/attachments/{attachment_id}/content"


async def receive(guide: Guide) -> None:
    """Read the inbox, hold the delivery, fetch its files, confirm them, read the receipt."""
    await guide.go("GET /v1/inbox", BY, query={"lane": "urgent", "limit": "2"})
    held = await _hold(guide, guide.ids["dispatch_id"])
    guide.ids["lease_id"] = held["id"]
    await guide.go(f"PATCH {_LEASE}", BY, body={"visibility": "PT10M"})
    await guide.go(f"DELETE {_LEASE}", BY)
    digests: dict[str, str] = {}
    for file in json.loads(held["delivery"]["entry"])["files"]:
        content = (await guide.go(f"GET {_CONTENT}", BY, attachment_id=file["id"])).body
        digests[file["id"]] = hashlib.sha256(content).hexdigest()
    body = {"digests": digests}
    await guide.go("POST /v1/deliveries/{delivery_id}/acknowledgement", BY, body=body)
    statuses = "/v1/deliveries/{delivery_id}/statuses"
    body = {"code": "03", "arrival_number": "1234", "staff": {"name": "Nông Thị Hoa"}}
    await guide.go(f"POST {statuses}", BY, body=body)
    await guide.go(f"GET {statuses}", BY)
    # What came second stays in hand: an object for tests that need a living lease.
    guide.ids["lease_id"] = (await _hold(guide, guide.ids["second_dispatch_id"]))["id"]


async def listen(guide: Guide) -> None:
    """Read what the event log tells of arrivals, and the first events of the stream."""
    query = {"type": "delivery.arrived", "limit": "2"}
    await guide.go("GET /v1/events", BY, query=query)
    await guide.listen("GET /v1/events/stream", BY)


async def subscribe(guide: Guide) -> None:
    """Ask for a Kafka mailbox, wait until it is ready, and end it again."""
    made = await guide.go("POST /v1/subscriptions", BY, body={"kind": "kafka"})
    guide.ids["subscription_id"] = made.json()["id"]
    one = "/v1/subscriptions/{subscription_id}"
    await guide.until(f"GET {one}", BY, lambda seen: seen["state"] == "ready")
    await guide.go("GET /v1/subscriptions", BY, query={"limit": "2"})
    await guide.go(f"DELETE {one}", BY)


async def _hold(guide: Guide, dispatch: str) -> Json:
    """Lease until the delivery of a dispatch is among what is held; the others are given back."""
    body = {"max": 10, "visibility": "PT5M", "wait": "PT1S"}
    while True:
        held = (await guide.go("POST /v1/inbox/leases", BY, body=body)).json()["leases"]
        mine: Json = None
        for lease in held:
            if json.loads(lease["delivery"]["entry"])["dispatch_id"] == dispatch:
                mine = lease
            else:
                await guide.go(f"DELETE {_LEASE}", BY, lease_id=lease["id"])
        if mine is not None:
            return mine
