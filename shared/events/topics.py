"""The one list of topics: creates them, gives services their ACLs, is tested on the broker."""

from dataclasses import dataclass
from typing import Literal

from shared.chain import LANES
from shared.events.base import Event
from shared.events.deliveries import (
    MAILBOX_PREFIX,
    RECEIPTS,
    DeliveryAcknowledged,
    DeliveryCleared,
    DeliveryStatusReported,
    MailboxArrived,
    MailboxChanged,
    deliveries_topic,
    mailbox_topic,
)
from shared.events.types import (
    AGENCIES,
    CLIENTS,
    DOCUMENTS,
    SIGNATURES,
    AgencyChanged,
    ClientChanged,
    DispatchChanged,
    DocumentDispatched,
    DocumentExamined,
    SignatureFailed,
    SignatureMade,
    SignatureRequested,
    VerdictWithdrawn,
)

Service = Literal["docs", "signing", "notify", "gateway"]
SERVICES: tuple[Service, ...] = ("docs", "signing", "notify", "gateway")

RESERVED = frozenset({"admin", "controller", "lienthong", *SERVICES})
"""Kafka users and a group prefix of our own: a client's id begins its own there, so it is none."""

LEVELS = ("central", "province", "district", "commune")
"""The levels that have delivery topics of their own."""

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, who writes and reads it, and how long it keeps records."""

    name: str
    events: tuple[type[Event], ...]
    writer: Service
    readers: tuple[Service, ...]
    key: str
    partitions: int = 4
    retention_ms: int | None = 30 * _DAY_MS
    """None: compacted; the last record of each key stays."""

    @property
    def dead_letters(self) -> str:
        """The topic for copies of records that a reader had to park (kept 90 days)."""
        return f"{self.name}.dlt"


DEAD_LETTER_RETENTION_MS = 90 * _DAY_MS

TOPICS: tuple[Topic, ...] = (
    Topic(
        AGENCIES,
        (AgencyChanged,),
        "docs",
        ("gateway", "signing", "notify"),
        key="agency id",
        partitions=1,
        retention_ms=None,
    ),
    Topic(
        CLIENTS,
        (ClientChanged,),
        "gateway",
        ("docs", "signing", "notify"),
        key="client id",
        partitions=1,
        retention_ms=None,
    ),
    Topic(
        DOCUMENTS,
        (DocumentDispatched, DispatchChanged, SignatureRequested),
        "docs",
        ("signing", "notify"),
        key="document id",
    ),
    Topic(
        SIGNATURES,
        (DocumentExamined, VerdictWithdrawn, SignatureMade, SignatureFailed),
        "signing",
        ("docs",),
        key="document id",
    ),
    Topic(
        RECEIPTS,
        (DeliveryAcknowledged, DeliveryStatusReported),
        "notify",
        ("docs",),
        key="delivery id",
    ),
    *(
        Topic(
            deliveries_topic(level, lane),
            (DeliveryCleared,),
            "docs",
            ("notify",),
            key="recipient's agency id",
            retention_ms=7 * _DAY_MS,
        )
        for level in LEVELS
        for lane in LANES
    ),
)


def mailbox(system: str) -> Topic:
    """Return the topic of a system that subscribed: it alone reads it, by its own token.

    Such topics are not in the list: the provisioner makes them as systems subscribe.
    """
    return Topic(
        mailbox_topic(system),
        (MailboxArrived, MailboxChanged),
        "notify",
        (),
        key="agency id",
        partitions=1,
        retention_ms=14 * _DAY_MS,
    )


BY_NAME = {topic.name: topic for topic in TOPICS}


def named(name: str) -> Topic | None:
    """Return the topic of this name, a system's mailbox too; None for any other."""
    system = name.removeprefix(MAILBOX_PREFIX).removesuffix(".v1")
    return mailbox(system) if name == mailbox_topic(system) else BY_NAME.get(name)


def group(service: Service, topic: str) -> str:
    """Return the consumer group with which a service reads a topic.

    Deliveries of one level (both lanes) share one group, so that the workers of a level can be
    scaled or stopped without touching the others.
    """
    short = topic.removeprefix("lienthong.").removesuffix(".v1").removesuffix(".urgent")
    return f"lienthong.{service}.{short}"
