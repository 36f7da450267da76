"""Before a key is used: the file is prepared, and what will be signed is written down, once."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from services.signing import cms, gap, stamp
from services.signing.ask import end, weigh
from services.signing.bench import Bench, Refused, finding_of
from services.signing.finding import REVOCATION_UNKNOWN, STORE_TROUBLE, UNREADABLE, Finding
from services.signing.pipe import RESERVED, Preparation, Prepared
from services.signing.report.wording import VIETNAM
from services.signing.signature import ENDED, Holder, Intent, Signature, objection
from services.signing.store import certificates, key_uses, signatures
from services.signing.verdict import outdated, used
from shared.db import Connection
from shared.errors import Problem, Unavailable
from shared.failpoint import reach


@dataclass(frozen=True, slots=True)
class Begun:
    """An activation whose PIN is being tried, or was right."""

    asked: Signature
    holder: Holder
    client_id: str
    intent: Intent | None
    """Of an earlier activation that did not come to its end."""
    now: datetime


async def intend(bench: Bench, begun: Begun) -> Intent:
    """Prepare the file and write the intent; the first one written is everybody's.

    Raises Refused (the request has failed), Problem, Unavailable.
    """
    asked = begun.asked
    shown = stamp.words(asked, begun.holder, begun.now)
    preparation = Preparation(
        shape=shown.kind,
        stamp=await asyncio.to_thread(stamp.draw, shown),
        signer=begun.holder.person or shown.agency,
        at=begun.now.astimezone(VIETNAM),
    )
    look = await bench.look(asked.source_sha256, agency=asked.agency_id, prepare=preparation)
    finding = finding_of(look)
    prepared = look.answer.prepared if look.answer else None
    intent = None if prepared is None else await _store(bench, begun, prepared)
    reach("signing.sign.file_prepared")
    written = await bench.db.as_worker(
        partial(_write, bench=bench, begun=begun, finding=finding, intent=intent)
    )
    reach("signing.sign.intent_written")
    if isinstance(written, str):
        raise Refused(written)
    return written


async def _store(bench: Bench, begun: Begun, prepared: Prepared) -> Intent:
    asked = begun.asked
    try:
        gap.check(prepared, source_size=asked.source_size, digits=RESERVED)
    except gap.BadGap:
        raise Refused(UNREADABLE) from None
    source = bench.blobs.path(asked.source_sha256)
    limit = asked.source_size + len(prepared.tail)
    try:
        blob = await bench.blobs.write(gap.joined(source, prepared.tail), limit=limit)
    except gap.Altered:
        bench.blobs.report(asked.source_sha256)
        raise Problem(STORE_TROUBLE, retry_after=5) from None
    path = bench.blobs.path(blob.sha256)
    digest = await gap.digest(path, prepared.gap_start, prepared.gap_end)
    return Intent(
        prepared_sha256=blob.sha256,
        gap_start=prepared.gap_start,
        gap_end=prepared.gap_end,
        attributes=await cms.attributes(begun.holder.der, digest),
        signing_time=begun.now,
    )


async def _write(
    conn: Connection, *, bench: Bench, begun: Begun, finding: Finding, intent: Intent | None
) -> Intent | str:
    """Write the intent, with all certificates locked that it rests on; a code: it has failed."""
    asked = await signatures.lock(conn, begun.asked.id, agencies=[begun.asked.agency_id])
    if asked is None or asked.state == "failed":
        raise Problem(ENDED, state="failed", reason=asked.reason if asked else None)
    earlier = await signatures.intent_of(conn, asked.id)
    if earlier is not None:
        return earlier  # written beside us, perhaps even released: the same bytes
    holder = await certificates.lock_holder(conn, asked.certificate)
    registered = await certificates.lock_used(conn, used(finding))
    if outdated(finding, registered):
        raise Unavailable("the newest revocation list")
    reason = await weigh(conn, asked, holder, bench.keys)
    reason = reason or objection(asked, finding, registered)
    if reason == REVOCATION_UNKNOWN:
        raise Problem(REVOCATION_UNKNOWN, retry_after=5)
    if reason is None and intent is None:
        reason = UNREADABLE
    if reason is not None or intent is None:
        await end(conn, asked, reason=reason or UNREADABLE)
        return reason or UNREADABLE
    await signatures.intend(conn, asked.id, intent)
    await key_uses.note(
        conn, "intended", signature=asked, holder=begun.holder, client_id=begun.client_id
    )
    return intent
