"""Sends documents: at scheduled moments (open loop), or so many at a time (closed loop)."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from infra.bench.cases import Case, Size
from infra.bench.ears import Ears
from infra.bench.papers import NOTATION
from infra.bench.plan import Mailbox, Plan
from infra.client import Client, Json, Refused, Unreachable

_BOUNDARY = "lienthong-bench-7f3d9a"
TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
_MOST_IN_FLIGHT = 2_000
"""An open loop that falls so far behind has nothing more to show."""
Papers = Mapping[Size, Mapping[str, Sequence[bytes]]]


@dataclass(frozen=True, slots=True)
class Sent:
    """A document that was accepted."""

    dispatch: str
    urgent: bool
    scheduled: float
    """Seconds since the epoch when it was due; in a closed loop, when its turn came."""
    accepted: float
    """When the answer was read."""
    recipients: tuple[Mailbox, ...]


@dataclass(slots=True)
class Outcome:
    """What came of a load."""

    sent: list[Sent] = field(default_factory=list[Sent])
    failures: list[str] = field(default_factory=list[str])
    began: float = 0.0
    ended: float = 0.0


class Loader:
    """Sends the documents of one case after another; numbers never repeat on a stack."""

    def __init__(self, clients: Mapping[str, Client], plan: Plan, papers: Papers) -> None:
        """Send with these clients."""
        self._clients, self._plan, self._papers = clients, plan, papers
        # A stack that is measured twice has documents of the time before.
        self._numbers = count(int(time.time() * 10) % 1_000_000_000)
        self._turn = count()

    async def run(
        self, case: Case, ears: Ears, *, stored: int, say: Callable[[str], None]
    ) -> Outcome:
        """Send what the case says and return what was accepted."""
        outcome = Outcome(began=time.time())
        async with asyncio.TaskGroup() as group:
            teller = group.create_task(_tell(outcome, stored, say))
            async with asyncio.TaskGroup() as load:
                if case.loop == "open":
                    load.create_task(self._open(case, outcome, rate=case.rate))
                for _ in range(case.flight):
                    load.create_task(self._closed(case, outcome, ears))
                if case.urgent_rate:
                    load.create_task(self._open(case, outcome, rate=case.urgent_rate, urgent=True))
            teller.cancel()
        outcome.ended = time.time()
        return outcome

    async def _open(
        self, case: Case, outcome: Outcome, *, rate: float, urgent: bool = False
    ) -> None:
        """Begin each document at its moment, however the earlier ones fare."""
        room = asyncio.Semaphore(_MOST_IN_FLIGHT)
        async with asyncio.TaskGroup() as group:
            for due in _schedule(outcome.began, rate, case.seconds):
                await asyncio.sleep(max(0.0, due - time.time()))
                await room.acquire()
                task = group.create_task(self._send(case, outcome, due=due, urgent=urgent))
                task.add_done_callback(lambda _: room.release())

    async def _closed(self, case: Case, outcome: Outcome, ears: Ears) -> None:
        """Send the next document when the last one has arrived."""
        end = outcome.began + case.seconds
        while time.time() < end:
            sent = await self._send(case, outcome, due=time.time())
            if sent is not None and not await ears.arrival(sent.dispatch):
                outcome.failures.append(f"dispatch {sent.dispatch} did not arrive in time")

    async def broadcast(self) -> None:
        """Hand in one document to all communes. Raises Refused, Unreachable."""
        client_id, code = next(iter(self._plan.senders.items()))
        to = [{"select": {"level": "commune"}}]
        body = form(next(self._numbers), self._papers["100k"][code][0], to, urgent=False)
        await self._hand_in(client_id, body)

    async def _hand_in(self, client_id: str, body: bytes) -> str:
        """Send and return the dispatch's id. Raises Refused, Unreachable."""
        answer = await self._clients[client_id].ask(
            "POST", "/v1/documents?dispatch=true", raw=body, headers={"Content-Type": TYPE}
        )
        return str(answer.json()["dispatch"]["id"])

    async def _send(
        self, case: Case, outcome: Outcome, *, due: float, urgent: bool = False
    ) -> Sent | None:
        number = next(self._turn)
        clients = list(self._plan.senders.items())
        client_id, code = clients[number % len(clients)]
        papers = self._papers[case.size][code]
        recipients = self._plan.to(case.recipients, number)
        paper = papers[number // len(clients) % len(papers)]
        to = [{"agency": box.code} for box in recipients]
        body = form(next(self._numbers), paper, to, urgent=urgent)
        try:
            dispatch = await self._hand_in(client_id, body)
        except (Refused, Unreachable) as error:
            outcome.failures.append(str(error)[:300])
            return None
        sent = Sent(dispatch, urgent, due, time.time(), recipients)
        outcome.sent.append(sent)
        return sent


_SEALED = ("so-lieu.csv", "so-lieu.csv.p7s")


def form(
    number: int,
    paper: bytes,
    to: Sequence[Json],
    *,
    urgent: bool,
    sealed: tuple[bytes, bytes] | None = None,
) -> bytes:
    """Return a document with its file as one multipart body, which costs next to no CPU.

    `sealed`: a text with its detached seal, as an annex.
    """
    described = {
        "number": str(number),
        "notation": NOTATION,
        "type": "cong_van",
        "subject": "V/v đo tải của trục liên thông văn bản",
        "promulgated_on": "2026-11-25",
        "urgency": "urgent" if urgent else "normal",
        "signer": {"name": "Lê Minh An", "position": "Chánh Văn phòng"},
        "recipients": list(to),
    }
    head = (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="document"\r\n'
        "Content-Type: application/json\r\n\r\n"
        f"{json.dumps(described, ensure_ascii=False)}\r\n"
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="main"; filename="{number}-{NOTATION}.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n"
    )
    files = [head.encode(), paper]
    for part, name, content in zip(("annex", "signature"), _SEALED, sealed or (), strict=False):
        disposition = f'Content-Disposition: form-data; name="{part}"; filename="{name}"\r\n\r\n'
        files += [f"\r\n--{_BOUNDARY}\r\n{disposition}".encode(), content]
    return b"".join((*files, f"\r\n--{_BOUNDARY}--\r\n".encode()))


def _schedule(began: float, rate: float, seconds: float) -> Iterator[float]:
    """Return the moments at which documents are due."""
    return (began + number / rate for number in range(max(1, round(rate * seconds))))


async def _tell(outcome: Outcome, stored: int, say: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(2)
        passed = time.time() - outcome.began
        accepted = len(outcome.sent)
        rate = accepted / passed
        say(f"{passed:5.0f} s  {accepted} accepted ({rate:.1f}/s), {stored + accepted} stored")
