"""Numbered entries as docs makes them, for tests of what notify does with them."""

import json
from dataclasses import dataclass, field
from uuid import UUID

from services.notify.deliver import Arrival, read
from shared.chain import GENESIS, Lane, link
from shared.events import DeliveryCleared
from shared.ids import AgencyId, uuid7
from shared.kafka import Record

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
SENDER_CODE, SENDER = "G22", UUID("00000000-0000-7000-8000-000000000022")


@dataclass(slots=True)
class Mailbox:
    """One lane of one agency, numbered without gaps."""

    agency: AgencyId
    code: str
    lane: Lane = "normal"
    sender: UUID = SENDER
    sequence: int = 0
    last: bytes = GENESIS
    made: list[DeliveryCleared] = field(default_factory=list[DeliveryCleared])

    def clear(self, number: str = "7816") -> DeliveryCleared:
        """Number the next entry."""
        raw = self._content(number)
        previous, self.sequence = self.last, self.sequence + 1
        self.last = link(
            agency=self.agency,
            lane=self.lane,
            sequence=self.sequence,
            previous=previous,
            entry=raw.encode(),
        )
        named = json.loads(raw)
        event = DeliveryCleared(
            delivery_id=named["delivery_id"],
            dispatch_id=named["dispatch_id"],
            document_id=named["document_id"],
            agency_id=self.agency,
            level="commune",
            lane=self.lane,
            sequence=self.sequence,
            previous_hash=previous.hex(),
            hash=self.last.hex(),
            entry=raw,
        )
        self.made.append(event)
        return event

    def _content(self, number: str) -> str:
        ids = [uuid7() for _ in range(4)]
        content = {
            "delivery_id": str(ids[0]),
            "dispatch_id": str(ids[1]),
            "document_id": str(ids[2]),
            "code": f"{number}/VPCP-TTĐT",
            "urgency": self.lane,
            "from": {"id": str(self.sender), "code": SENDER_CODE},
            "to": {"id": str(self.agency), "code": self.code},
            "files": [
                {
                    "id": str(ids[3]),
                    "role": "MAIN",
                    "media_type": "application/pdf",
                    "size": 482113,
                    "sha256": SHA256,
                }
            ],
            "cleared_at": "2026-11-22T02:12:33.120000+00:00",
        }
        return json.dumps(content, ensure_ascii=False)

    def clear_many(self, count: int) -> list[DeliveryCleared]:
        """Number several entries."""
        return [self.clear(str(number)) for number in range(count)]


def arrival(event: DeliveryCleared, traceparent: str | None = None) -> Arrival:
    """Return an event as a reader of the log sees it."""
    return read(event, traceparent)


def record(event: DeliveryCleared, *, value: bytes | None = None) -> Record:
    """Return an event as a record of its topic; `value` stands in for its own."""
    return Record(
        topic=event.topic(),
        partition=0,
        offset=event.sequence,
        key=event.key(),
        headers={**event.extensions(), "ce_type": event.ce_type()},
        value=event.to_json() if value is None else value,
        event_id=uuid7(),
    )


def digests(event: DeliveryCleared) -> dict[str, str]:
    """Return the digests that acknowledge this entry."""
    return {file["id"]: file["sha256"] for file in json.loads(event.entry)["files"]}
