"""The events of the exchange: frozen, versioned, append-only. `topics.py` says where each goes."""

from shared.events.base import Event
from shared.events.types import (
    ALL_EVENTS,
    AgencyChanged,
    ClientChanged,
    DeliveryAcknowledged,
    DeliveryCleared,
    DispatchChanged,
    DocumentDispatched,
    DocumentExamined,
    FileRef,
    VerdictWithdrawn,
)

__all__ = [
    "ALL_EVENTS",
    "AgencyChanged",
    "ClientChanged",
    "DeliveryAcknowledged",
    "DeliveryCleared",
    "DispatchChanged",
    "DocumentDispatched",
    "DocumentExamined",
    "Event",
    "FileRef",
    "VerdictWithdrawn",
]
