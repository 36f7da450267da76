"""Brings certificates to what their authorities' revocation lists and OCSP answers say."""

from collections.abc import Mapping, Sequence
from typing import cast

import structlog

from services.signing.bench import Bench, Unfit
from services.signing.certificate import REASONS, State, may_move
from services.signing.keys import ISSUING
from services.signing.pipe import AnswerFacts, ListFacts, Reading, Revoked
from services.signing.store import certificates, fetches, lists, standing, trust
from services.signing.store.answers import Question
from services.signing.store.fetches import Unapplied
from services.signing.store.lists import Numbered
from services.signing.store.standing import Otherwise
from services.signing.trustlist import in_force
from shared.db import Connection
from shared.errors import Unavailable

_AT_ONCE = 200
_HOLD = "certificateHold"
_log = structlog.get_logger()


async def heed(bench: Bench) -> bool:
    """Bring certificates to the newest lists of their authorities; True when any was heeded.

    Our own authority's lists say what certificates are, not the other way round. What a list says
    is of all certificates that its authority's key has signed, under whichever name of it they
    were registered. One that cannot be read now stays to be heeded, and keeps no other waiting.
    """

    async def look(conn: Connection) -> list[Unapplied]:
        own = await fetches.of_one_key(conn, [ISSUING])
        names = in_force((await trust.current(conn)).entries).keys() - set(own)
        return await fetches.unapplied(conn, names)

    heeded = False
    for found in await bench.db.look(look):
        try:
            heeded |= await _heed(bench, found)
        except Unavailable as why:
            _log.warning("revocation list not heeded yet", authority=found.name, cause=str(why))
    return heeded


async def _heed(bench: Bench, found: Unapplied) -> bool:
    """Bring certificates to a list; False when there was nothing to do."""
    issuers = await bench.db.look(lambda conn: fetches.of_one_key(conn, [found.name]))
    newest = await bench.db.look(lambda conn: lists.newest_of(conn, issuers))
    if Numbered(found.name, found.number) not in newest:
        return False  # a newer one has come
    facts = await _facts(bench, found, issuers, newest)
    if facts is None:
        await bench.db.as_worker(lambda conn: fetches.applied(conn, found))
        return True
    while await bench.db.as_worker(lambda conn: apply(conn, found, facts, newest)):
        pass
    return True


async def _facts(
    bench: Bench, found: Unapplied, issuers: Sequence[str], newest: list[Numbered]
) -> ListFacts | None:
    """Return what the newest list says that can be read; None: none can, down to the found one.

    The newest under any of its names: an older one would end suspensions that it cannot know.
    """
    serials = await bench.db.look(lambda conn: standing.serials_of(conn, issuers))
    # Those whom a list clears by not naming them: not if it speaks of others alone.
    held = tuple(await bench.db.look(lambda conn: standing.suspended_of(conn, issuers)))
    wanted = tuple(f"{one:x}" for one in serials)
    for name in [one.authority for one in newest]:
        kept = await bench.db.look(lambda conn, name=name: lists.newest(conn, name))
        content = kept.der if kept else b""
        try:
            reading = Reading(
                "list", content, authority=found.name, serials=wanted, certificates=held
            )
            return cast("ListFacts", await bench.read(reading))
        except Unfit as why:
            # It was put into the folder, or was accepted under another policy: it says nothing.
            _log.error("revocation list not heeded", authority=name, cause=str(why))
        if name == found.name:
            break
    return None


async def apply(
    conn: Connection, found: Unapplied, facts: ListFacts, newest: list[Numbered]
) -> bool:
    """Change certificates that stand otherwise than listed; True when there may be more.

    `newest`: the lists that there were when it was chosen which one to read. One that is revoked
    stays so, and a list may still say that it was so before.
    """
    issuers = await fetches.hold(conn, found.name)  # one process at a time
    if await lists.newest_of(conn, issuers) != newest or not await fetches.stands(conn, found):
        return False  # another process has applied a list meanwhile, perhaps a newer one
    listed = {int(one.serial, 16): one for one in facts.revoked}
    heard = facts.spoken_of
    gone = [serial for serial, one in listed.items() if one.reason != _HOLD]
    changed = await standing.other_states(
        conn,
        issuers,
        revoked=gone,
        suspended=[serial for serial, one in listed.items() if one.reason == _HOLD],
        most=_AT_ONCE,
        spoken_of=None if heard is None else [int(one, 16) for one in heard],
        as_of=facts.this_update,
    )
    for one in changed:
        await _as_listed(conn, found, one, None if one.listed == "good" else listed[one.serial])
    if len(changed) == _AT_ONCE:
        return True
    await _date_back(conn, issuers, {serial: listed[serial] for serial in gone})
    await fetches.applied(conn, found)
    return False


async def _as_listed(
    conn: Connection, found: Unapplied, one: Otherwise, said: Revoked | None
) -> None:
    done = await certificates.change(
        conn,
        one.sha256,
        state=one.listed,
        reason=said.reason if said else None,
        # Compared with the list of the name that it was registered under, which may be older.
        changed_in=found.number if one.issuer == found.name else None,
        since=said.since if said else None,
        retired=said.retired if said else False,
    )
    if done:
        _log.warning(
            "certificate as it was listed", sha256=one.sha256, before=one.state, now=one.listed
        )


async def _date_back(conn: Connection, issuers: Sequence[str], gone: Mapping[int, Revoked]) -> None:
    """Have revocations reach as far as is listed now, in time and by their reasons."""
    since = {serial: one.since for serial, one in gone.items()}
    retired = {serial for serial, one in gone.items() if one.retired}
    for sha256 in await standing.date_back(conn, issuers, since, retired=retired):
        _log.warning("revocation reaches further than was listed", sha256=sha256)


async def apply_answer(conn: Connection, question: Question, facts: AnswerFacts) -> None:
    """Bring one certificate to what an OCSP answer says of it: revoked sooner, as by a list.

    What is newer decides, the answer or a list; but revoked is for good, whichever says it.
    """
    sha256, reason = question.certificate, facts.reason
    names = await fetches.hold(conn, question.authority)  # no list is applied meanwhile
    row = await certificates.lock(conn, sha256)
    state: State = "good" if reason is None else REASONS.get(reason, "revoked")
    if row is None:
        return
    if row.state == state == "revoked" and facts.since is not None:
        if await standing.date_back_one(conn, sha256, facts.since, retired=facts.retired):
            _log.warning("revocation reaches further than was answered", sha256=sha256)
        return
    if not may_move(row.state, state):
        return
    if state != "revoked" and await lists.any_since(conn, names, facts.this_update):
        return
    await certificates.change(
        conn,
        sha256,
        state=state,
        reason=reason,
        changed_in=row.changed_in,
        since=facts.since,
        retired=facts.retired,
    )
    _log.warning("certificate as it was answered", sha256=sha256, before=row.state, now=state)
