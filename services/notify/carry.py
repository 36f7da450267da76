"""Step 9, push: what an agency is told also goes to the Kafka mailboxes of its systems."""

import time
from collections import defaultdict
from collections.abc import Mapping
from uuid import NAMESPACE_URL, UUID, uuid5

from services.notify.entry import EntryContent
from services.notify.store import subscriptions, told
from services.notify.store.told import Arrived, Told
from services.notify.subscribe import acts_for
from shared import agencies, outbox
from shared.db import Connection
from shared.events import FileRef, MailboxArrived, MailboxChanged
from shared.failpoint import reach
from shared.ids import AgencyId

_LOOK_SECONDS = 2.0
"""How long it is believed who acts for whom: as long as a token's standing."""

Audience = Mapping[AgencyId, tuple[str, ...]]


class Carrier:
    """Puts numbered events into the outbox, for each system that is subscribed and entitled."""

    def __init__(self) -> None:
        """Know nothing yet of who listens."""
        self._audience: Audience = {}
        self._known: tuple[object, ...] = ()
        self._until = 0.0

    async def carry(self, conn: Connection, *, past: int) -> int:
        """Push what this transaction has numbered past a position; return how many rows it made.

        The caller holds the lock of numbering: rows stand in the order of the numbers, and who
        listens cannot change meanwhile.
        """
        ready = await subscriptions.ready(conn)
        if not ready:
            return 0
        audience = await self._of(conn, ready)
        if not audience:
            return 0
        events: list[MailboxArrived | MailboxChanged] = []
        ids: list[UUID] = []
        parents: list[str | None] = []
        for one in await told.past(conn, past, agencies=audience.keys()):
            for system in audience[one.agency_id]:
                events.append(_event(one, system))
                ids.append(_id(one, system))
                parents.append(None if one.entry is None else one.entry.traceparent)
        if events:
            await outbox.put_all(conn, events, ids=ids, parents=parents)
            reach("notify.push.before_commit")
        return len(events)

    async def _of(self, conn: Connection, ready: list[str]) -> Audience:
        """Return which subscribed systems act for which agency."""
        known = (
            *ready,
            await agencies.directory_version(conn),
            await agencies.clients_version(conn),
        )
        if known != self._known or time.monotonic() >= self._until:
            found: dict[AgencyId, list[str]] = defaultdict(list)
            for system in ready:
                for agency in await acts_for(conn, system):
                    found[agency].append(system)
            self._audience = {agency: tuple(systems) for agency, systems in found.items()}
            self._known, self._until = known, time.monotonic() + _LOOK_SECONDS
        return self._audience


def _id(one: Told, system: str) -> UUID:
    """Return the event's id: an arrival has the same one after a restore, so it can be told."""
    what = one.id if one.entry is None else one.subject
    return uuid5(NAMESPACE_URL, f"lienthong:mailbox:{system}:{what}")


def _event(one: Told, system: str) -> MailboxArrived | MailboxChanged:
    if one.entry is not None:
        return _arrived(one, one.entry, system)
    return MailboxChanged(
        system=system,
        agency_id=one.agency_id,
        agency=one.agency_code,
        event=one.type,
        subject=one.subject,
        detail=one.detail,
        at=one.at,
    )


def _arrived(one: Told, entry: Arrived, system: str) -> MailboxArrived:
    content = EntryContent.model_validate_json(entry.content)
    return MailboxArrived(
        system=system,
        delivery_id=content.delivery_id,
        dispatch_id=content.dispatch_id,
        document_id=content.document_id,
        agency_id=one.agency_id,
        sender=content.sender.code,
        recipient=content.recipient.code,
        document_code=content.code,
        urgency=content.urgency,
        lane=entry.lane,
        sequence=entry.sequence,
        previous_hash=entry.previous_hash.hex(),
        hash=entry.hash.hex(),
        files=tuple(
            FileRef(
                attachment_id=file.id,
                role=file.role,
                media_type=file.media_type,
                size=file.size,
                sha256=file.sha256,
                signature_sha256=file.signature_sha256,
            )
            for file in content.files
        ),
        href=f"/v1/deliveries/{content.delivery_id}",
        arrived_at=entry.arrived_at,
    )
