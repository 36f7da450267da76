"""Papers whose leader's certificate has ended or has not begun: a day would make it good."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from cryptography.hazmat.primitives import hashes

from tests.proof.client import System
from tests.proof.faults.fault import PATIENCE, Broken, NotReached
from tests.proof.harness import Harness
from tests.proof.history import Lapse
from tests.proof.orders import SMALL, order
from tests.proof.session import Session

_YEAR = 8_760.0
_HOURS: Mapping[Lapse, tuple[float, float]] = {"expired": (-_YEAR, -2), "early": (2, _YEAR)}
"""When the leader's certificate begins and ends, from now: less than a day away from being good."""
_LOOK = 0.2
_REFUSED = "refused"
_GONE = frozenset({"cleared", "withdrawn", "recipient_failed"})
"""States of a dispatch that was found good."""


def _agencies(session: Session) -> Iterator[tuple[Lapse, str]]:
    """Yield for each lapse the agency whose leader has it: nothing else is sent by it."""
    return zip(_HOURS, session.workload.network.lapsing, strict=True)


async def lapse(harness: Harness, session: Session) -> None:
    """Give these agencies' leaders such certificates."""
    async with asyncio.TaskGroup() as group:
        for kind, code in _agencies(session):
            begins, ends = _HOURS[kind]
            group.create_task(harness.certify(code, "leader", begins=begins, ends=ends))
    for _, code in _agencies(session):
        session.workload.desk.forget(code, "leader")


async def registered(session: Session) -> None:
    """Wait until signing knows these certificates: else it would refuse them for that."""
    workload, end = session.workload, time.monotonic() + PATIENCE
    for _, code in _agencies(session):
        system = workload.systems[workload.network.serving[code]]
        certificate = workload.desk.signer(code, "leader").certificate
        wanted = certificate.fingerprint(hashes.SHA256()).hex()
        while wanted not in await _known(system):
            if time.monotonic() > end:
                raise NotReached(f"signing does not know {code}'s new certificate")
            await asyncio.sleep(_LOOK)


async def _known(system: System) -> set[str]:
    shown = await system.ask("GET", "/v1/certificates?kind=leader&limit=500")
    return {str(one["sha256"]) for one in shown.json()["items"]}


async def refused(session: Session) -> None:
    """Hand in a paper of each and wait for its refusal. Raises Broken, NotReached."""
    async with asyncio.TaskGroup() as group:
        for kind, code in _agencies(session):
            group.create_task(_refused(session, kind, code))


async def _refused(session: Session, kind: Lapse, code: str) -> None:
    workload, records = session.workload, session.workload.records
    made = order(
        records.number(),
        sender=code,
        to=workload.network.reading("lease")[:1],
        size=SMALL,
        urgency="urgent",
        secret=records.secret,
    )
    outcome = await workload.hand_in(replace(made, lapse=kind))
    if outcome.kind == "fail":
        return
    path, end = f"/v1/dispatches/{outcome.dispatch}", time.monotonic() + PATIENCE
    system = workload.systems[workload.network.serving[code]]
    state = ""
    while state != _REFUSED:
        state = str((await system.ask("GET", path)).json()["state"])
        if state in _GONE:
            raise Broken(f"a document whose leader's certificate is {kind} is {state}")
        if time.monotonic() > end:
            raise NotReached(f"a document whose leader's certificate is {kind} is still {state}")
        await asyncio.sleep(_LOOK)
