"""One document of the load: drawn by number, written down, and made again from what was written."""

import datetime as dt
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias
from uuid import uuid4

from tests.proof.harness import Json
from tests.proof.history import Invocation, Lane, Lapse, Outcome
from tests.proof.network import Network
from tests.proof.papers import canary

NOTATION = "CM"
_BOUNDARY = "lienthong-proof-7f3d9a51"
TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
Urgency: TypeAlias = Literal["normal", "urgent", "very_urgent", "express", "express_timed"]
_URGENT: tuple[Urgency, ...] = ("urgent", "very_urgent", "express", "express_timed")
SMALL, LARGE = 30_000, 5_000_000
_DAYS_BACK = dt.timedelta(days=2)
"""So far back is a document dated: a service whose clock is a day late must not refuse it."""


@dataclass(frozen=True, slots=True)
class Order:
    """A document that is to be handed in."""

    number: int
    sender: str
    urgency: Urgency
    to: tuple[str, ...]
    size: int
    canary: str
    key: str
    """Its Idempotency-Key, in all tries and for ever."""
    dated: str
    sha256: str = ""
    begun: float = 0.0
    """Seconds of the monotonic clock; 0 before it was begun."""
    path: str = ""
    """Where a draft that is already there is dispatched; empty: document and file go at once."""
    revision: str = ""
    """What was put behind the draft's subject before it was dispatched."""
    lapse: Lapse = ""

    @property
    def lane(self) -> Lane:
        """Return the lane it goes by."""
        return "normal" if self.urgency == "normal" else "urgent"

    @property
    def code(self) -> str:
        """Return number and notation, as on paper."""
        return f"{self.number}/{NOTATION}"

    @property
    def subject(self) -> str:
        """Return what it is about."""
        return f"V/v chứng minh độ tin cậy {self.canary}{self.revision}"

    def described(self) -> Json:
        """Return the document as the API wants it."""
        return {
            "number": str(self.number),
            "notation": NOTATION,
            "type": "cong_van",
            "subject": self.subject,
            "promulgated_on": self.dated,
            "urgency": self.urgency,
            "signer": {"name": "Lê Minh An", "position": "Chánh Văn phòng"},
            "recipients": [{"agency": code} for code in self.to],
            **({"due_on": self.due} if self.urgency == "express_timed" else {}),
        }

    @property
    def due(self) -> str:
        """Return the day by which an answer is asked for."""
        return (dt.date.fromisoformat(self.dated) + dt.timedelta(days=30)).isoformat()

    def form(self, paper: bytes) -> bytes:
        """Return the document with its file as one multipart body."""
        name = f"{self.number}-{NOTATION}.pdf"
        head = (
            f"--{_BOUNDARY}\r\n"
            'Content-Disposition: form-data; name="document"\r\n'
            "Content-Type: application/json\r\n\r\n"
            f"{json.dumps(self.described(), ensure_ascii=False)}\r\n"
            f"--{_BOUNDARY}\r\n"
            f'Content-Disposition: form-data; name="main"; filename="{name}"\r\n'
            "Content-Type: application/pdf\r\n\r\n"
        )
        return b"".join((head.encode(), paper, f"\r\n--{_BOUNDARY}--\r\n".encode()))

    def line(self) -> Json:
        """Return it as a line of the journal."""
        return {"e": "invoke", **asdict(self)}

    def invocation(self) -> Invocation:
        """Return what a checker has to know of it."""
        return Invocation(
            number=self.number,
            sender=self.sender,
            lane=self.lane,
            urgency=self.urgency,
            code=self.code,
            subject=self.subject,
            to=frozenset(self.to),
            sha256=self.sha256,
            canary=self.canary,
            begun=self.begun,
            lapse=self.lapse,
        )


def read(line: Mapping[str, Any]) -> Order:
    """Return the order of a line of the journal."""
    fields: dict[str, Any] = {name: value for name, value in line.items() if name != "e"}
    fields["to"] = tuple(fields["to"])
    return Order(**fields)


def read_outcome(line: Mapping[str, Any]) -> Outcome:
    """Return the outcome of a line of the journal."""
    return Outcome(
        kind=line["e"],
        at=line["at"],
        dispatch=line.get("dispatch", ""),
        document=line.get("document", ""),
        code=line.get("code", ""),
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """What kinds of documents a load has; weights need no sum."""

    sizes: tuple[tuple[int, float], ...]
    large_every: int
    recipients: tuple[tuple[int, float], ...]
    wide_every: int
    urgent: float
    seed: int


def draw(number: int, shape: Shape, network: Network, secret: str) -> Order:
    """Return the nth document of a load: the same one for the same number."""
    dice = random.Random(f"{shape.seed}/{number}")  # noqa: S311 (a load, not a secret)
    size = _one(dice, shape.sizes)
    if shape.large_every and number % shape.large_every == 0:
        size = LARGE
    if shape.wide_every and number % shape.wide_every == shape.wide_every // 2:
        to = network.wide
    else:
        to = tuple(dice.sample(network.few, min(len(network.few), _one(dice, shape.recipients))))
    urgent = dice.random() < shape.urgent
    return order(
        number,
        sender=dice.choice(network.senders),
        to=to,
        size=size,
        urgency=dice.choice(_URGENT) if urgent else "normal",
        secret=secret,
    )


def order(
    number: int, *, sender: str, to: Sequence[str], size: int, urgency: Urgency, secret: str
) -> Order:
    """Return a document as it is wanted, dated two days back."""
    today = dt.datetime.now(dt.UTC).date()
    return Order(
        number=number,
        sender=sender,
        urgency=urgency,
        to=tuple(to),
        size=size,
        canary=canary(number, secret),
        key=str(uuid4()),
        dated=(today - _DAYS_BACK).isoformat(),
    )


def _one(dice: random.Random, weighted: Sequence[tuple[int, float]]) -> int:
    return dice.choices([value for value, _ in weighted], [weight for _, weight in weighted])[0]
