"""Examines files: claims one, has a worker look at it, settles the verdict in one transaction."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

import structlog

from services.signing import sources
from services.signing.certificate import Registered
from services.signing.evidence import Subject, pieces, written
from services.signing.finding import (
    REVOCATION_UNKNOWN,
    STORE_TROUBLE,
    TOO_HEAVY,
    UNREADABLE,
    Finding,
)
from services.signing.pool import Look
from services.signing.store import (
    answers,
    certificates,
    examinations,
    materials,
    trust,
    withdrawals,
)
from services.signing.store.examinations import Claim, NewVerdict, Standing
from services.signing.validation.policy import NEWEST, BadPolicy, Policy, load
from services.signing.verdict import (
    STRIKES,
    UNBOUND,
    Outdated,
    Proof,
    Verdict,
    given_up,
    heeded,
    judge,
    needed,
    proofs,
    unread,
    used,
)
from shared import outbox, telemetry
from shared.chain import Lane
from shared.db import Connection
from shared.events import DocumentDispatched, DocumentExamined
from shared.failpoint import reach
from shared.kafka import Record

_AT_ONCE = timedelta(0)
_SOON, _LATER, _LONGEST = timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=30)
_QUIET = timedelta(seconds=60)
"""So long nothing is told of what will most likely be over by then."""
_log = structlog.get_logger()


async def take_in(conn: Connection, event: DocumentDispatched, _record: Record) -> None:
    """Note the files of a dispatch; when asked again, say again what is known."""
    for said in await examinations.known(conn, event.dispatch_id):
        await outbox.put(conn, said)
    for withdrawn in await withdrawals.known(conn, [event.dispatch_id]):
        await outbox.put(conn, withdrawn)
    await examinations.insert(conn, event, trace=telemetry.traceparent())


@dataclass(frozen=True, slots=True)
class _Result:
    """What a look amounts to: a verdict to tell, and whether and when to try again."""

    verdict: Verdict | None
    pause: timedelta = _AT_ONCE
    strikes: int = 0
    waited: str | None = None
    """How long it was tried in vain before it was given up."""


async def settle(conn: Connection, held: Claim, look: Look) -> Verdict | None:
    """Write what a look at a claimed file amounts to; None when there is nothing to tell yet.

    Locks the certificates that the verdict rests on, so that none is revoked before it commits, and
    the trust list, so that nothing passes by what two people have just taken from an authority.
    """
    standing = await examinations.lock(conn, held)
    if standing is None:
        return None  # the claim expired and another process has the file
    finding = look.answer.finding if look.answer else None
    registered: dict[str, Registered] = {}
    if finding:
        await trust.together(conn)  # before certificates, as where a change is put into force
        registered = heeded(await certificates.lock_used(conn, used(finding)), look.units)
    result = _weigh(held, look, finding, registered)
    verdict = result.verdict
    passes = verdict is not None and verdict.indication == "TOTAL-PASSED"
    if passes and look.material and await trust.is_newer(conn, look.material.version):
        verdict, result = None, _Result(None, _AT_ONCE, held.strikes)
    if verdict and _says_more(verdict, standing):
        new = await _kept(conn, held, look, verdict, registered, waited=result.waited)
        await _tell(conn, held, replace(new, judgement=standing.judgement + 1))
    if verdict and (verdict.indication == "TOTAL-PASSED" or verdict.reason == REVOCATION_UNKNOWN):
        # A file may bring an answer of its own: what comes of the certificate later it cannot.
        asked = await sources.questions(conn, look, registered)
        await answers.want(conn, asked)
        if asked and verdict.indication == "INDETERMINATE":
            await answers.hurry(conn, asked)
    if verdict is None or verdict.indication == "INDETERMINATE":
        await examinations.release(conn, held, pause=result.pause, strikes=result.strikes)
    return verdict


def _says_more(verdict: Verdict, standing: Standing) -> bool:
    """Say whether a verdict is told; one that cannot tell gives way to another's better reason."""
    if verdict.indication != standing.indication:
        return True
    return standing.reason == TOO_HEAVY != verdict.reason


async def tell_long(conn: Connection, held: Claim) -> None:
    """Say that nothing can be told of a file yet because it takes long; not if something was said.

    Docs lets a sender's later documents pass one that it knows to be the cause of its delay.
    """
    standing = await examinations.lock(conn, held)
    if standing is None or standing.indication is not None:
        return
    verdict = unread(TOO_HEAVY, "a worker is still at it", final=False)
    new = await _kept(conn, held, Look(None, "limit"), verdict, {}, waited=None)
    await _tell(conn, held, replace(new, judgement=standing.judgement + 1))


async def _kept(
    conn: Connection,
    held: Claim,
    look: Look,
    verdict: Verdict,
    registered: dict[str, Registered],
    *,
    waited: str | None,
) -> NewVerdict:
    """Keep what a verdict rests on; return it, to be numbered."""
    finding = look.answer.finding if look.answer else None
    content, digest = written(
        _subject(held),
        verdict,
        finding,
        registered,
        look.material,
        detached=look.detached,
        waited=waited,
    )
    if look.material is not None:
        await materials.keep(conn, pieces(look.material, finding, look.detached))
        reach("signing.materials_kept")
    passed = verdict.indication == "TOTAL-PASSED"
    return NewVerdict(
        judgement=0,
        indication=verdict.indication,
        reason=verdict.reason,
        evidence=content,
        evidence_sha256=digest,
        rests_on=_rests_on(finding, registered) if passed and finding else {},
    )


def _rests_on(finding: Finding, registered: dict[str, Registered]) -> dict[str, Proof | None]:
    known, wanted = proofs(finding, registered), needed(finding)
    return {one: known.get(one) for one in sorted(registered) if one in wanted}


def _subject(held: Claim) -> Subject:
    return Subject(
        dispatch_id=held.dispatch_id,
        document_id=held.document_id,
        document_code=held.document_code,
        sender_id=held.sender_id,
        sha256=held.sha256,
        role=held.role,
    )


async def _tell(conn: Connection, held: Claim, new: NewVerdict) -> None:
    judged_at = await examinations.record(conn, held, new)
    await outbox.put(
        conn,
        DocumentExamined(
            dispatch_id=held.dispatch_id,
            document_id=held.document_id,
            sha256=held.sha256,
            judgement=new.judgement,
            indication=new.indication,
            reason=new.reason,
            judged_at=judged_at,
            evidence_sha256=new.evidence_sha256,
        ),
    )
    reach("signing.verdict_written")


def _weigh(
    held: Claim, look: Look, finding: Finding | None, registered: dict[str, Registered]
) -> _Result:
    """Turn a look into a verdict, or into another try."""
    if finding is None:
        return _weigh_failure(held, look)
    try:
        verdict = judge(finding, registered, _policy(look), role=held.role, sender=held.sender_id)
    except Outdated:
        return _Result(None, _AT_ONCE, held.strikes)
    if verdict == UNBOUND:
        return _soon(held, verdict)  # its agency is on its way to the directory's projection
    if verdict.indication == "INDETERMINATE":
        return _patient(held, verdict)
    return _Result(verdict)


def _policy(look: Look) -> Policy:
    """Return the policy that a look was judged by."""
    return load(look.material.policy if look.material else NEWEST.read_bytes())


def _weigh_failure(held: Claim, look: Look) -> _Result:
    match look.failure:
        case "store":
            return _patient(held, unread(STORE_TROUBLE, look.cause, final=False))
        case "died":
            # Something from outside ended the worker: that says nothing about the file.
            return _soon(
                held, unread(TOO_HEAVY, f"no worker came through: {look.cause}", final=False)
            )
        case "parser":
            return _strike(held, UNREADABLE, look.cause)
        case _:
            return _strike(held, TOO_HEAVY, look.cause)


def _strike(held: Claim, reason: str, detail: str) -> _Result:
    strikes = held.strikes + 1
    if strikes >= STRIKES:
        verdict = unread(reason, f"{detail}, {strikes} times", final=True)
        return _Result(verdict, strikes=strikes)
    return _Result(unread(reason, detail, final=False), _AT_ONCE, strikes)


@cache
def _patience(lane: Lane) -> timedelta:
    """Return how long a file waits for revocation data, or for the store, before it is returned.

    Raises BadPolicy for a page in force that does not say it.
    """
    hours = load(NEWEST.read_bytes()).page.revocation.known.patience_hours
    if hours is None:
        raise BadPolicy("it does not say how long a file waits")
    return timedelta(hours=hours.normal if lane == "normal" else hours.urgent)


def _patient(held: Claim, verdict: Verdict) -> _Result:
    if held.waited > _patience(held.lane):
        waited = str(held.waited)
        return _Result(given_up(verdict, waited), strikes=held.strikes, waited=waited)
    return _Result(verdict, _pause(held, _LATER), held.strikes)


def _soon(held: Claim, verdict: Verdict) -> _Result:
    """Try again soon without a word, as what is in the way ends by itself; or it does not."""
    if held.waited > _QUIET:
        return _patient(held, verdict)
    return _Result(None, _pause(held, _SOON), held.strikes)


def _pause(held: Claim, least: timedelta) -> timedelta:
    """Return how long to wait for the next try: longer the longer it has been tried."""
    return min(max(least, held.waited / 8), _LONGEST)
