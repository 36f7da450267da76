"""What senders meet in an outage: without Kafka all is accepted, without PostgreSQL nothing."""

import asyncio
import re
import time
from collections.abc import Sequence

from tests.proof.client import Try
from tests.proof.faults.fault import Broken
from tests.proof.faults.processes import until
from tests.proof.session import Session

_STRETCH, _FEW = 20.0, 2
"""In each so many seconds without a broker so many documents at least have to be accepted."""
_PATIENCE = 30.0
"""Seconds until each try has ended: a sender gives one up after 20."""
_DISPATCH = re.compile(r"POST /v1/documents(\?dispatch=true|/[^/?]+/dispatches)")
_AWAY = 503


async def still_accepts(session: Session, pause: float) -> None:
    """See that documents are taken while there is no broker, each of them (P9). Raises Broken.

    Each try of a dispatch counts that is begun in these `pause` seconds; Kafka is not to return
    before it has ended. It has to be answered 2xx: any other answer, also one after which its
    sender tries again, an error and a time-out count against. Left out is only the answer that
    the same request is being handled already: it goes to the second of two that were sent at once.
    """
    with session.door.watched() as tries:
        since = time.monotonic()
        await _in_each_stretch(session, since, pause)
        await asyncio.sleep(since + pause - time.monotonic())
        counted = dispatches(tries)
        await until("each dispatch ends", lambda: all(one.over for one in counted), _PATIENCE)
    counted = [one for one in counted if not one.handled]
    if wrong := [one for one in counted if not accepted(one)]:
        share = f"{len(wrong)} of {len(counted)} tries of a dispatch"
        raise Broken(f"{share} were not accepted without Kafka; the first: {_told(wrong[0])}")
    print(f"          accepted_during_outage=100% ({len(counted)} tries)", flush=True)


async def _in_each_stretch(session: Session, since: float, pause: float) -> None:
    """See that something is accepted all the time: all of nothing would be no promise kept.

    Only those that were begun without a broker count. What is left of `pause` after the last whole
    stretch is not judged; the first stretch is, also of a shorter one.
    """
    for number in range(max(1, int(pause // _STRETCH))):
        stretch = since + number * _STRETCH
        await asyncio.sleep(stretch - time.monotonic())
        try:
            async with asyncio.timeout(_STRETCH):
                while len(session.workload.records.accepted(since, after=stretch)) < _FEW:
                    await session.until_accepted(1)
        except TimeoutError:
            when = f"between {stretch - since:.0f} and {stretch - since + _STRETCH:.0f} s"
            raise Broken(f"fewer than {_FEW} documents accepted {when} without Kafka") from None


async def accepts_none(session: Session, pause: float) -> None:
    """See that for `pause` seconds without PostgreSQL nothing is taken, and that this is said (P9).

    Each try counts that is begun and answered in them. What would write has to be answered 503
    with `Retry-After`; what only reads, too, unless it is answered from elsewhere. Raises Broken.
    """
    with session.door.watched() as tries:
        await asyncio.sleep(pause)
        answered = [one for one in tries if one.status]
    refused = dispatches(answered)
    if taken := [one for one in refused if accepted(one)]:
        raise Broken(f"{len(taken)} dispatches were acknowledged without PostgreSQL")
    if wrong := [one for one in answered if not _says_so(one)]:
        some = f"{len(wrong)} of {len(answered)} answers without PostgreSQL"
        raise Broken(f"{some} are no 503 that says when; the first: {_told(wrong[0])}")
    if len(refused) < _FEW:
        raise Broken(f"{len(refused)} dispatches were answered in {pause:.0f} s without PostgreSQL")
    print(f"          refused_during_outage=100% ({len(refused)} dispatches)", flush=True)


def dispatches(tries: Sequence[Try]) -> list[Try]:
    """Return those that would send a document."""
    return [one for one in tries if _DISPATCH.match(one.request)]


def accepted(one: Try) -> bool:
    """Say whether a try was acknowledged."""
    return 200 <= one.status < 300


def _says_so(one: Try) -> bool:
    return (one.status == _AWAY and one.waits) or (one.request.startswith("GET ") and accepted(one))


def _told(one: Try) -> str:
    when = " without Retry-After" if one.status == _AWAY and not one.waits else ""
    return f"{one.request}: {one.status or one.trouble}{when}"
