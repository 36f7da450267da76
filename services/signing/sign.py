"""Step 3, sign: a PIN opens a key, an intent says what it will sign, one signature is released."""

import asyncio
from functools import partial

import structlog

from services.signing import cms, gap
from services.signing.ask import end, weigh
from services.signing.bench import Bench, Refused, finding_of
from services.signing.finding import REVOCATION_UNKNOWN, STORE_TROUBLE, UNTRUSTED, Finding
from services.signing.intend import Begun, intend
from services.signing.keys import NoKey, SigningKey, WrongPin
from services.signing.signature import ENDED, LOCKED, NO_KEY, WRONG_PIN, Intent, Signature
from services.signing.store import certificates, key_uses, signatures
from services.signing.verdict import outdated, used
from shared import outbox
from shared.blobs import Blob
from shared.db import Connection
from shared.errors import Problem, Unavailable
from shared.events import SignatureMade
from shared.failpoint import reach
from shared.ids import AgencyId, SignatureId
from shared.telemetry import CERTIFICATE, DOCUMENT_CODE, DOCUMENT_ID, span

_log = structlog.get_logger()


async def activate(
    bench: Bench, signature_id: SignatureId, *, pin: str, agency: AgencyId, client_id: str
) -> Signature:
    """Make the signature that was asked for, or return the one that was made.

    Repeating it, after whatever death, ends in the same signature, byte for byte: the intent is
    written before the key is used, and keys sign deterministically. Raises Problem SIG-4041,
    SIG-4092 (ended), SIG-4094 (locked), SIG-4033 (wrong PIN, also for one that was made);
    another SIG code when the request has failed for that reason; REQ-4291 (too many of the
    agency), SIG-503x and Unavailable: activate again.
    """
    with bench.turns.admitted(agency, "signature"):
        return await _activate(
            bench, signature_id=signature_id, pin=pin, agency=agency, client_id=client_id
        )


async def _activate(
    bench: Bench, *, signature_id: SignatureId, pin: str, agency: AgencyId, client_id: str
) -> Signature:
    began = await bench.db.as_worker(
        partial(_begin, bench=bench, signature_id=signature_id, agency=agency, client_id=client_id)
    )
    if isinstance(began, str):
        raise Problem(began, state="failed")
    asked = began.asked
    if asked.state == "made":
        async with bench.key_turn(asked.certificate):
            await _unlock(bench, began, pin)
        return asked
    attributes = {
        DOCUMENT_ID: str(asked.document_id),
        DOCUMENT_CODE: asked.document_code,
        CERTIFICATE: asked.certificate,
    }
    trace = await bench.db.as_worker(partial(signatures.trace_of, signature_id=asked.id))
    with span("sign file", attributes=attributes, links=[trace] if trace else []):
        async with bench.key_turn(asked.certificate):
            key = await _unlock(bench, began, pin)
        try:
            intent = began.intent or await intend(bench, began)
            return await _release(bench, began, intent, key)
        except Refused as refused:
            await bench.db.as_worker(partial(_refuse, asked=asked, reason=refused.code))
            raise Problem(refused.code, state="failed") from None


async def _begin(
    conn: Connection, *, bench: Bench, signature_id: SignatureId, agency: AgencyId, client_id: str
) -> Begun | str:
    """Check what can be checked without the key; a code: the request has failed."""
    asked = await signatures.lock(conn, signature_id, agencies=[agency])
    if asked is None:
        raise Problem("SIG-4041")
    if asked.state == "failed":
        raise Problem(ENDED, state=asked.state, reason=asked.reason)
    holder = await certificates.lock_holder(conn, asked.certificate)
    if holder and holder.registered.agency_id is None:
        raise Unavailable("the directory's projection")
    made = asked.state == "made"  # only its PIN is asked for: whatever became of its certificate
    reason = None if made else await weigh(conn, asked, holder, bench.keys)
    if reason or holder is None:
        await end(conn, asked, reason=reason or NO_KEY)
        return reason or NO_KEY
    intent = await signatures.intent_of(conn, asked.id)
    now = await signatures.now(conn)
    return Begun(asked, holder, client_id, intent, now)


async def _unlock(bench: Bench, begun: Begun, pin: str) -> SigningKey:
    asked = begun.asked
    left = await bench.db.as_worker(partial(_count_try, certificate=asked.certificate))
    try:
        key = await asyncio.to_thread(bench.keys.unlock, asked.certificate, pin)
    except WrongPin:
        await bench.db.as_worker(partial(_note, begun=begun, outcome="wrong_pin"))
        _log.warning("wrong pin", certificate=asked.certificate, tries_left=left)
        vi = f"Còn {left} lần thử trước khi khóa ký bị khóa."
        en = f"Tries left before the key is locked: {left}."
        raise Problem(WRONG_PIN, vi=vi, en=en, tries_left=left) from None
    except NoKey:
        await bench.db.as_worker(partial(_refuse, asked=asked, reason=NO_KEY))
        raise Problem(NO_KEY, state="made" if asked.state == "made" else "failed") from None
    await bench.db.as_worker(partial(_note, begun=begun, outcome="activated"))
    reach("signing.sign.key_unlocked")
    return key


async def _count_try(conn: Connection, *, certificate: str) -> int:
    left = await key_uses.take_try(conn, certificate)
    if left is None:
        raise Problem(LOCKED, tries_left=0)
    return left


async def _note(conn: Connection, *, begun: Begun, outcome: key_uses.Outcome) -> None:
    if outcome == "activated":
        await key_uses.forget_tries(conn, begun.asked.certificate)
    await key_uses.note(
        conn, outcome, signature=begun.asked, holder=begun.holder, client_id=begun.client_id
    )


async def _refuse(conn: Connection, *, asked: Signature, reason: str) -> None:
    """End a request unless it has ended meanwhile."""
    now = await signatures.lock(conn, asked.id, agencies=[asked.agency_id])
    if now is not None and now.state in ("requested", "intended"):
        await end(conn, now, reason=reason)


async def _release(bench: Bench, begun: Begun, intent: Intent, key: SigningKey) -> Signature:
    """Use the key, fill the gap, verify the result like any stranger's file, release it."""
    signature = await asyncio.to_thread(key.sign, intent.attributes)
    reach("signing.sign.key_used")
    content = await cms.container(begun.holder.der, intent.attributes, signature)
    blob = await _fill(bench, intent, content)
    reach("signing.sign.file_signed")
    finding = finding_of(await bench.look(blob.sha256, agency=begun.asked.agency_id))
    done = await bench.db.as_worker(
        partial(_commit, bench=bench, begun=begun, intent=intent, blob=blob, finding=finding)
    )
    reach("signing.sign.released")
    if isinstance(done, str):
        raise Refused(done)
    return done


async def _fill(bench: Bench, intent: Intent, content: bytes) -> Blob:
    path = bench.blobs.path(intent.prepared_sha256)
    try:
        size = (await asyncio.to_thread(path.stat)).st_size
        chunks = gap.filled(path, intent.gap_start, intent.gap_end, content)
        return await bench.blobs.write(chunks, limit=size)
    except FileNotFoundError:
        raise Problem(STORE_TROUBLE, retry_after=5) from None
    except gap.Altered:
        bench.blobs.report(intent.prepared_sha256)
        raise Problem(STORE_TROUBLE, retry_after=5) from None


async def _commit(
    conn: Connection, *, bench: Bench, begun: Begun, intent: Intent, blob: Blob, finding: Finding
) -> Signature | str:
    """Release the signature, with all certificates locked that it rests on; a code: it failed."""
    asked = await signatures.lock(conn, begun.asked.id, agencies=[begun.asked.agency_id])
    if asked is None or asked.state == "failed":
        raise Problem(ENDED, state="failed", reason=asked.reason if asked else None)
    if asked.state == "made":
        return asked  # somebody else activated it beside us: the same bytes
    holder = await certificates.lock_holder(conn, asked.certificate)
    registered = await certificates.lock_used(conn, used(finding))
    if outdated(finding, registered):
        raise Unavailable("the newest revocation list")
    if finding.outcome == "unknown":
        raise Problem(REVOCATION_UNKNOWN, retry_after=5)
    reason = await weigh(conn, asked, holder, bench.keys) or _unsound(asked, finding)
    if reason:
        await end(conn, asked, reason=reason)
        return reason
    made = await signatures.release(
        conn, asked.id, sha256=blob.sha256, size=blob.size, signed_at=intent.signing_time
    )
    await outbox.put(conn, _told(made, blob, intent))
    await _note(conn, begun=begun, outcome="released")
    reach("signing.sign.release_written")
    _log.info("signature released", signature=str(made.id), sha256=blob.sha256)
    return made


def _unsound(asked: Signature, finding: Finding) -> str | None:
    if finding.outcome != "sound":
        return finding.reason
    last = finding.signatures[-1]
    return None if last.certificate == asked.certificate else UNTRUSTED


def _told(made: Signature, blob: Blob, intent: Intent) -> SignatureMade:
    return SignatureMade(
        signature_id=made.id,
        document_id=made.document_id,
        attachment_id=made.attachment_id,
        source_sha256=made.source_sha256,
        signed_sha256=blob.sha256,
        signed_size=blob.size,
        signed_at=intent.signing_time,
    )
