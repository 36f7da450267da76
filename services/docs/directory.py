"""Changes of the directory: each is the agency's row, its projection and its event, together."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from services.docs import seed
from services.docs.agency import Agency, AgencyState
from services.docs.store import agencies as store
from shared import agencies as projection
from shared import outbox
from shared.db import Connection
from shared.errors import Fault, Problem
from shared.events import AgencyChanged
from shared.ids import AgencyId, uuid7

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
_PAGE = 500
_log = structlog.get_logger()

MOVES: dict[AgencyState, tuple[AgencyState, ...]] = {
    AgencyState.ACTIVE: (AgencyState.SUSPENDED, AgencyState.CLOSED),
    AgencyState.SUSPENDED: (AgencyState.ACTIVE, AgencyState.CLOSED),
    AgencyState.CLOSED: (AgencyState.ACTIVE,),
}


def today() -> date:
    """Return the day it is in Hanoi, by which validity is counted."""
    return datetime.now(HANOI).date()


@dataclass(frozen=True, slots=True)
class Registration:
    """What the registrar says of a new agency; agencies are named by any of their codes."""

    code: str
    code_qcvn102: str | None
    old_codes: tuple[str, ...]
    name: str
    level: str
    parent: str | None
    valid_from: date | None


async def register(conn: Connection, registration: Registration) -> Agency:
    """Add an agency. Raises Problem AGY-4091 for a code that names or has named another."""
    parent = None
    if registration.parent is not None:
        parent = await _named(conn, registration.parent, "/parent")
    agency = Agency(
        id=AgencyId(uuid7()),
        code=registration.code,
        code_qcvn102=registration.code_qcvn102,
        old_codes=registration.old_codes,
        name=registration.name,
        level=registration.level,
        parent_id=None if parent is None else parent.id,
        state=AgencyState.ACTIVE,
        valid_from=registration.valid_from or today(),
        valid_to=None,
        successors=(),
        synthetic=False,
        version=await store.next_version(conn),
    )
    if taken := await store.insert(conn, [agency]):
        raise Problem("AGY-4091", codes=taken)
    await _tell(conn, agency)
    return agency


async def move(
    conn: Connection,
    code: str,
    to: AgencyState,
    *,
    successors: Sequence[str],
    expected: Collection[int] | None,
) -> Agency:
    """Suspend, close or reopen an agency from now on; closing may name its successors.

    Raises Problem REQ-4041, REQ-4121 (none of the `expected` versions), AGY-4092 (no such move).
    """
    agency = await _locked(conn, code, expected)
    if to not in MOVES[agency.state]:
        allowed = [state.value for state in MOVES[agency.state]]
        raise Problem("AGY-4092", state=agency.state.value, allowed=allowed)
    heirs: tuple[AgencyId, ...] = ()
    if to is AgencyState.CLOSED:
        heirs = await _heirs(conn, agency, successors) or agency.successors
    closed = today() if to is AgencyState.CLOSED else None
    valid_to = None if closed is None else max(closed, agency.valid_from)
    return await _keep(conn, replace(agency, state=to, valid_to=valid_to, successors=heirs))


async def succeed(
    conn: Connection, code: str, *, successors: Sequence[str], expected: Collection[int] | None
) -> Agency:
    """Name who takes over an agency: one (merger), several (split).

    Raises Problem REQ-4041, REQ-4121, AGY-4221 for a successor that cannot be one.
    """
    agency = await _locked(conn, code, expected)
    return await _keep(conn, replace(agency, successors=await _heirs(conn, agency, successors)))


async def _heirs(conn: Connection, agency: Agency, codes: Sequence[str]) -> tuple[AgencyId, ...]:
    heirs: list[AgencyId] = []
    for index, code in enumerate(codes):
        pointer = f"/successors/{index}"
        heir = await _named(conn, code, pointer)
        if heir.state is AgencyState.CLOSED or heir.id == agency.id:
            vi = f"{code} không thể kế thừa {agency.code}."
            fault = Fault(pointer, vi, f"{code} cannot succeed {agency.code}.")
            raise Problem("AGY-4221", faults=[fault])
        heirs.append(heir.id)
    return tuple(dict.fromkeys(heirs))


async def _locked(conn: Connection, code: str, expected: Collection[int] | None) -> Agency:
    agency = await store.lock(conn, code)
    if agency is None:
        raise Problem("REQ-4041")
    if expected is not None and agency.version not in expected:
        raise Problem("REQ-4121", version=agency.version)
    return agency


async def _named(conn: Connection, code: str, pointer: str) -> Agency:
    agency = await store.find(conn, code)
    if agency is None:
        vi, en = f"Không có cơ quan mang mã {code}.", f"No agency has the code {code}."
        raise Problem("AGY-4222", faults=[Fault(pointer, vi, en)])
    return agency


async def _keep(conn: Connection, changed: Agency) -> Agency:
    changed = replace(changed, version=await store.next_version(conn))
    await store.set_standing(conn, changed)
    await _tell(conn, changed)
    return changed


async def _tell(conn: Connection, agency: Agency) -> None:
    event = agency.event()
    await projection.apply_agency(conn, event)
    await outbox.put(conn, event)


async def restate(conn: Connection) -> None:
    """Put the present state of every agency into the outbox: the compacted topic was lost."""
    await store.lock_seed(conn)  # a newer state than is read here must not stand before it
    after = 0
    while page := await store.changed_since(conn, after, limit=_PAGE):
        await outbox.put_all(conn, [agency.event() for agency in page])
        after = page[-1].version


async def take_back(conn: Connection, events: Sequence[AgencyChanged]) -> int:
    """Take over states of agencies that are newer than this directory, which came back older.

    The name of an agency that is unknown here is on no topic: its code stands for it until a
    registrar mends it. Each is told again, behind what an older outbox still sends.
    """
    version, _ = await store.lock_seed(conn)
    newer = [event for event in events if event.version > version]
    known = await store.by_ids(conn, [event.agency_id for event in newer])
    for event in newer:
        before = known.get(AgencyId(event.agency_id))
        agency = _as_told(event, before)
        if before is None and (taken := await store.insert(conn, [agency])):
            _log.error("a code that came back names another agency", codes=taken)
        await store.set_standing(conn, agency)
        await _tell(conn, agency)
    if newer:
        await store.reach_version(conn, max(event.version for event in newer))
    return len(newer)


def _as_told(event: AgencyChanged, known: Agency | None) -> Agency:
    """Return an agency as an event tells it; name and codes are of the row that is there."""
    told = Agency(
        id=AgencyId(event.agency_id),
        code=event.code,
        code_qcvn102=event.code_qcvn102,
        old_codes=event.old_codes,
        name=event.code,
        level=event.level,
        parent_id=None if event.parent_id is None else AgencyId(event.parent_id),
        state=AgencyState(event.state),
        valid_from=event.valid_from,
        valid_to=event.valid_to,
        successors=tuple(AgencyId(one) for one in event.successors),
        synthetic=True,
        version=event.version,
    )
    if known is None:
        return told
    return replace(
        known,
        state=told.state,
        valid_to=told.valid_to,
        successors=told.successors,
        version=told.version,
    )


async def load_seed(conn: Connection, text: str) -> None:
    """Fill an empty directory, once, whoever comes first; a filled one stays as it is."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    version, loaded = await store.lock_seed(conn)
    if version > 0:
        if loaded != digest:
            _log.warning("the directory was filled from another seed", seed=loaded)
        return
    found = seed.parse(text)
    if taken := await store.insert(conn, found):
        raise ValueError(f"the seed names two agencies by one code: {', '.join(taken)}")
    events = [agency.event() for agency in found]
    for event in events:
        await projection.apply_agency(conn, event)
    await outbox.put_all(conn, events)
    await store.seeded(conn, digest=digest, version=len(found))
    _log.info("directory seeded", agencies=len(found))


async def codes_of(conn: Connection, found: Sequence[Agency]) -> dict[UUID, str]:
    """Return the codes of the parents and successors that these agencies name by id."""
    ids = {id_ for one in found for id_ in (one.parent_id, *one.successors) if id_ is not None}
    return {id_: one.code for id_, one in (await store.by_ids(conn, list(ids))).items()}
