"""After a restore: entries, receipts and agencies that others still know are taken over first."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from pydantic import ValidationError

from services.docs import directory
from services.docs.reconcile import PAGE, Comparison, adopt
from services.docs.store import lives, mailboxes
from services.docs.store.mailboxes import Head
from shared.chain import LANES, Lane
from shared.db import Database
from shared.events import AgencyChanged, DeliveryCleared
from shared.events.deliveries import deliveries_topic
from shared.events.topics import LEVELS
from shared.events.types import AGENCIES
from shared.ids import AgencyId
from shared.kafka import TYPE_HEADER, KafkaAccess, Record
from shared.readback import newest, read_back
from shared.restored import Recovery

TOPICS = [deliveries_topic(level, lane) for level in LEVELS for lane in LANES]
_log = structlog.get_logger()


def recovery(db: Database, access: KafkaAccess, comparison: Comparison) -> Recovery:
    """Return what keeps docs from accepting and numbering until it knows what others hold."""

    async def work() -> None:
        await comparison.make()
        await take_entries(db, access)
        await comparison.take_over_receipts()
        await _agencies(db, access)
        await db.as_worker(lives.recovered)

    return Recovery(db, service="docs", asked=lives.recovering, work=work)


@dataclass(slots=True)
class _Unknown:
    """Entries of its own topics that this database does not know, by lane."""

    heads: dict[tuple[AgencyId, Lane], int]
    found: dict[tuple[AgencyId, Lane], list[DeliveryCleared]] = field(
        default_factory=lambda: defaultdict(list)
    )

    async def take(self, records: Sequence[Record]) -> None:
        """Keep what is behind a head."""
        for record in records:
            if record.headers.get(TYPE_HEADER) != DeliveryCleared.ce_type():
                continue
            try:
                event = DeliveryCleared.model_validate_json(record.value)
            except ValidationError:
                _log.error("a record of the topic cannot be read", offset=record.offset)
                continue
            key = AgencyId(event.agency_id), event.lane
            if event.sequence > self.heads.get(key, 0):
                self.found[key].append(event)


async def take_entries(db: Database, access: KafkaAccess, topics: Sequence[str] = TOPICS) -> None:
    """Take over the entries that notify has still to read: their numbers are given.

    An agency's lane may lie in the topics of two levels, so all are read before any is taken.
    """
    heads = await db.look(mailboxes.heads)
    unknown = _Unknown({(one.agency_id, one.lane): one.sequence for one in heads})
    read = await read_back(db, access, topics, unknown.take)
    for key, events in unknown.found.items():
        events.sort(key=lambda event: event.sequence)
        head: Head | None = None
        for start in range(0, len(events), PAGE):
            page = events[start : start + PAGE]
            head = await db.as_worker(lambda conn, page=page: adopt(conn, page))
        if head is None or head.sequence < events[-1].sequence:
            # Its numbers cannot be kept from being given again: shown by gauge `heads_differ`.
            _log.error(
                "the log holds entries that do not continue their lane",
                agency=str(key[0]),
                lane=key[1],
                known=head.sequence if head else 0,
                highest=events[-1].sequence,
            )
    _log.warning("own deliveries read back", records=read, lanes=len(unknown.found))


async def _agencies(db: Database, access: KafkaAccess) -> None:
    """Take over newer states of agencies: none reopens, and no version is given twice."""
    states = await newest(db, access, AGENCIES, AgencyChanged)
    taken = await db.as_worker(lambda conn: directory.take_back(conn, states))
    _log.warning("directory read back", agencies=taken)
