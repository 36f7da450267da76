"""The events of the exchange: frozen, versioned, append-only. `topics.py` says where each goes."""

from shared.events.base import Event
from shared.events.deliveries import (
    DeliveryAcknowledged,
    DeliveryCleared,
    DeliveryStatusReported,
    MailboxArrived,
    MailboxChanged,
)
from shared.events.types import (
    AgencyChanged,
    ClientChanged,
    DispatchChanged,
    DocumentDispatched,
    DocumentExamined,
    FileRef,
    SignatureFailed,
    SignatureMade,
    SignatureRequested,
    VerdictWithdrawn,
)

__all__ = [
    "ALL_EVENTS",
    "AgencyChanged",
    "ClientChanged",
    "DeliveryAcknowledged",
    "DeliveryCleared",
    "DeliveryStatusReported",
    "DispatchChanged",
    "DocumentDispatched",
    "DocumentExamined",
    "Event",
    "FileRef",
    "MailboxArrived",
    "MailboxChanged",
    "SignatureFailed",
    "SignatureMade",
    "SignatureRequested",
    "VerdictWithdrawn",
]

ALL_EVENTS: tuple[type[Event], ...] = (
    AgencyChanged,
    ClientChanged,
    DocumentDispatched,
    DispatchChanged,
    SignatureRequested,
    SignatureMade,
    SignatureFailed,
    DocumentExamined,
    VerdictWithdrawn,
    DeliveryCleared,
    DeliveryAcknowledged,
    DeliveryStatusReported,
    MailboxArrived,
    MailboxChanged,
)
