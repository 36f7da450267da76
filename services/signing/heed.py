"""Brings certificates to what their authorities' revocation lists and OCSP answers say."""

from typing import cast

import structlog

from services.signing.bench import Bench, Unfit
from services.signing.certificate import REASONS, State, may_move
from services.signing.keys import ISSUING
from services.signing.pipe import AnswerFacts, ListFacts, Reading
from services.signing.store import certificates, fetches, lists, trust
from services.signing.store.fetches import Unapplied
from services.signing.trustlist import in_force
from shared.db import Connection

_AT_ONCE = 200
_HOLD = "certificateHold"
_log = structlog.get_logger()


async def heed(bench: Bench) -> bool:
    """Bring some certificates to the newest list of one authority; True when there may be more.

    Our own authority's lists say what certificates are, not the other way round.
    """

    async def look(conn: Connection) -> Unapplied | None:
        names = in_force((await trust.current(conn)).entries).keys() - {ISSUING}
        return await fetches.unapplied(conn, names)

    found = await bench.db.look(look)
    if found is None:
        return False
    newest = await bench.db.look(lambda conn: lists.newest(conn, found.name))
    if newest is None or newest.number != found.number:
        return True
    serials = await bench.db.look(lambda conn: certificates.serials_of(conn, found.name))
    wanted = tuple(f"{one:x}" for one in serials)
    try:
        read = await bench.read(Reading("list", newest.der, authority=found.name, serials=wanted))
    except Unfit as why:
        # It was put into the folder, or was accepted under another policy: it says nothing.
        _log.error("revocation list not heeded", authority=found.name, cause=str(why))
        await bench.db.as_worker(lambda conn: fetches.applied(conn, found))
        return True
    facts = cast("ListFacts", read)
    await bench.db.as_worker(lambda conn: apply(conn, found, facts))
    return True


async def apply(conn: Connection, found: Unapplied, facts: ListFacts) -> None:
    """Change the certificates that stand otherwise than listed, `_AT_ONCE` of them."""
    await fetches.held(conn, found.name)  # locks the authority: one process at a time
    listed = {int(one.serial, 16): one for one in facts.revoked}
    changed = await certificates.other_states(
        conn,
        found.name,
        revoked=[serial for serial, one in listed.items() if one.reason != _HOLD],
        suspended=[serial for serial, one in listed.items() if one.reason == _HOLD],
        most=_AT_ONCE,
    )
    serials = await certificates.serials(conn, [sha256 for sha256, _, _ in changed])
    for sha256, before, state in changed:
        one = None if state == "good" else listed[serials[sha256]]
        await certificates.change(
            conn,
            sha256,
            state=state,
            reason=one.reason if one else None,
            changed_in=found.number,
            since=one.since if one else None,
        )
        _log.warning("certificate as it was listed", sha256=sha256, before=before, now=state)
    if len(changed) < _AT_ONCE:
        await fetches.applied(conn, found)


async def apply_answer(conn: Connection, sha256: str, facts: AnswerFacts) -> None:
    """Bring one certificate to what an OCSP answer says of it."""
    row = await certificates.lock(conn, sha256)
    reason = facts.reason
    state: State = "good" if reason is None else REASONS.get(reason, "revoked")
    if row is None or not may_move(row.state, state):
        return
    await certificates.change(
        conn,
        sha256,
        state=state,
        reason=reason,
        changed_in=row.changed_in,
        since=facts.since,
    )
    _log.warning("certificate as it was answered", sha256=sha256, before=row.state, now=state)
