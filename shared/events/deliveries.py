"""Events of deliveries and of Kafka mailboxes (protocol.md 2): no names, no content."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.chain import Lane
from shared.events.base import Event
from shared.events.types import FileRef

RECEIPTS = "lienthong.receipts.v1"
MAILBOX_PREFIX = "lienthong.mailbox."


def deliveries_topic(level: str, lane: Lane) -> str:
    """Return the topic of deliveries to agencies of one level (data, not an enum)."""
    return f"lienthong.deliveries.{level}.{'urgent.' if lane == 'urgent' else ''}v1"


def mailbox_topic(system: str) -> str:
    """Return the topic of one connected system, named by its client id."""
    return f"{MAILBOX_PREFIX}{system}.v1"


class DeliveryCleared(Event):
    """One recipient's copy was numbered: the entry for its mailbox."""

    NAME: ClassVar[str] = "delivery.cleared.v1"

    delivery_id: UUID
    dispatch_id: UUID
    document_id: UUID
    agency_id: UUID
    """The recipient."""
    level: str
    """The recipient's level at clearing: chooses the topic."""
    lane: Lane
    sequence: int
    previous_hash: str
    """Lower-case hex."""
    hash: str
    """Lower-case hex; `shared.chain.link` of this entry."""
    entry: str
    """The entry's bytes (UTF-8 JSON), made once by docs, stored and served unchanged."""

    def topic(self) -> str:
        return deliveries_topic(self.level, self.lane)

    def key(self) -> str:
        return str(self.agency_id)

    def extensions(self) -> dict[str, str]:
        # A reader that cannot parse the value must still know which number it is missing.
        return {
            "lienthong_agency": str(self.agency_id),
            "lienthong_lane": self.lane,
            "lienthong_sequence": str(self.sequence),
        }


class DeliveryAcknowledged(Event):
    """A recipient confirmed receipt by the files' digests."""

    NAME: ClassVar[str] = "delivery.acknowledged.v1"

    delivery_id: UUID
    dispatch_id: UUID
    document_id: UUID
    agency_id: UUID
    """The recipient of the entry."""
    acting_agency_id: UUID
    """Who acknowledged: the recipient, or a successor of a closed one."""
    acknowledged_at: datetime
    receipt: str
    """The signed receipt (JWS, compact form), byte for byte what the recipient holds."""

    def topic(self) -> str:
        return RECEIPTS

    def key(self) -> str:
        return str(self.delivery_id)


class DeliveryStatusReported(Event):
    """A recipient said how far it has come with a delivery (statuses 01 to 06).

    Who works on it and what was noted stays in notify: no personal name travels on a topic.
    """

    NAME: ClassVar[str] = "delivery.status_reported.v1"

    delivery_id: UUID
    dispatch_id: UUID
    document_id: UUID
    agency_id: UUID
    """The recipient of the entry."""
    acting_agency_id: UUID
    """Who reported: the recipient, or a successor of a closed one."""
    step: int
    """Counts the statuses of this delivery from 1, without gaps: (delivery, step) is its key."""
    code: str
    """`01` to `06`."""
    reported_at: datetime
    words_sha256: str | None = None
    """Of what people wrote and by which system, with a salt that notify keeps: nobody can guess."""

    def topic(self) -> str:
        return RECEIPTS

    def key(self) -> str:
        return str(self.delivery_id)


class MailboxArrived(Event):
    """An entry arrived in a mailbox: on the Kafka mailbox of a system that acts for the agency."""

    NAME: ClassVar[str] = "mailbox.arrived.v1"

    system: str
    """The client id of the system whose topic this goes to."""
    delivery_id: UUID
    dispatch_id: UUID
    document_id: UUID
    agency_id: UUID
    sender: str
    """Code of the sending agency."""
    recipient: str
    """Code of the agency whose mailbox it is."""
    document_code: str
    urgency: str
    lane: Lane
    sequence: int
    previous_hash: str
    hash: str
    files: tuple[FileRef, ...]
    href: str
    """Path of the delivery at the gateway; its package lies at `…/package`."""
    arrived_at: datetime

    def topic(self) -> str:
        return mailbox_topic(self.system)

    def key(self) -> str:
        return str(self.agency_id)

    def extensions(self) -> dict[str, str]:
        # CloudEvents `dataref`: where the document itself lies, relative to the gateway's address.
        return {"ce_subject": str(self.delivery_id), "ce_dataref": f"{self.href}/package"}


class MailboxChanged(Event):
    """Anything else in an agency's event log: on the Kafka mailbox of a system that acts for it."""

    NAME: ClassVar[str] = "mailbox.changed.v1"

    system: str
    agency_id: UUID
    agency: str
    """Code of the agency that is told."""
    event: str
    """Type of the event, as `GET /v1/events` names it."""
    subject: UUID
    detail: dict[str, str | int | list[str] | None]
    """As `GET /v1/events` shows it: ids, codes of reasons, states."""
    at: datetime

    def topic(self) -> str:
        return mailbox_topic(self.system)

    def key(self) -> str:
        return str(self.agency_id)

    def extensions(self) -> dict[str, str]:
        return {"ce_subject": str(self.subject)}
