"""After a restore: revocations, requests and signatures of the lost time are known again first."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from cryptography import x509

from services.signing import distrust, relist
from services.signing.bench import Bench, Unfit
from services.signing.keys import Authorities
from services.signing.publish import publish
from services.signing.register import AT_ONCE, read_all, rows_of
from services.signing.store import certificates, lists, lives, signatures, standing
from services.signing.store.lists import Published
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.events import Event, SignatureFailed, SignatureMade
from shared.events.topics import group
from shared.events.types import DOCUMENTS, SIGNATURES
from shared.ids import SignatureId
from shared.kafka import TYPE_HEADER, KafkaAccess, Place, Record
from shared.kafka.reader import Reader
from shared.readback import read_back
from shared.restored import Recovery

_LOOK_SECONDS = 0.2
_HOLD = x509.ReasonFlags.certificate_hold
_log = structlog.get_logger()


def recovery(bench: Bench, access: KafkaAccess, authorities: Authorities) -> Recovery:
    """Return what keeps signing from judging, signing and revoking until it is up to date.

    Its consumer reads `documents.v1` again from where this database stands; verdicts are found
    again, and docs weighs them without their numbers.
    """
    db = bench.db

    async def work() -> None:
        try:
            await db.as_worker(lambda conn: relist.take_back(conn, authorities))
            await db.as_worker(lambda conn: distrust.take_back(conn, authorities))
            listed = await asyncio.to_thread(authorities.issuing_list)
        except (OSError, ValueError) as why:  # nothing is judged before somebody has mended it
            raise Unavailable(f"the PKI folder ({why})") from None
        if listed is not None:
            await _require_registered(bench, authorities, listed)
            await db.as_worker(partial(_take_list, authorities=authorities, listed=listed))
        await _documents_read(db, access)
        await read_back(db, access, [SIGNATURES], partial(_take, db))
        await db.as_worker(lives.recovered)

    return Recovery(db, service="signing", asked=lives.recovering, work=work)


async def _require_registered(bench: Bench, authorities: Authorities, listed: Published) -> None:
    """Raise Unavailable while what the last list names is still to be registered (again).

    Else the next list would not name it, and it would be registered as good. The list is our own;
    the file of the register is the registrar's: a worker reads what stands in it.
    """
    try:
        rows = await asyncio.to_thread(rows_of, authorities.folder / "registry.json")
    except Unfit as why:
        raise Unavailable(f"registry.json ({why})") from None
    digests = [row.sha256 for row in rows]
    known = await bench.db.look(lambda conn: certificates.known(conn, digests))
    missing = [row.der for row in rows if row.sha256 not in known]
    revoked = {entry.serial_number for entry in x509.load_der_x509_crl(listed.der)}
    for begin in range(0, len(missing), AT_ONCE):
        read = await read_all(bench, missing[begin : begin + AT_ONCE])  # None: never registered
        if any(one is not None and int(one.serial, 16) in revoked for one in read):
            raise Unavailable("the register of certificates (revoked ones are not read yet)")


async def _take_list(conn: Connection, *, authorities: Authorities, listed: Published) -> None:
    """Bring certificates to the last list that was published, and publish the next one."""
    known = await lists.newest(conn, "issuing")
    if known is not None and known.number >= listed.number:
        return
    entries = {entry.serial_number: entry for entry in x509.load_der_x509_crl(listed.der)}
    reasons = {serial: _reason(entry) for serial, entry in entries.items()}
    await lists.reach_number(conn, "issuing", listed.number)
    changed = await standing.other_states(
        conn,
        ["issuing"],
        revoked=[serial for serial, reason in reasons.items() if reason is not _HOLD],
        suspended=[serial for serial, reason in reasons.items() if reason is _HOLD],
    )
    for one in changed:
        entry = None if one.listed == "good" else entries[one.serial]
        await certificates.change(
            conn,
            one.sha256,
            state=one.listed,
            reason=_reason(entry).value if entry else None,
            changed_in=listed.number + 1,
            since=entry.revocation_date_utc if entry else None,
        )
        _log.warning(
            "certificate as it was listed", sha256=one.sha256, before=one.state, now=one.listed
        )
    await publish(conn, authorities)


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return x509.ReasonFlags.unspecified


async def _documents_read(db: Database, access: KafkaAccess) -> None:
    """Wait until the consumer has read the requests of the lost time."""
    async with Reader.open(access) as reader:
        bounds = await reader.bounds(await reader.partitions({DOCUMENTS}))
    ends: Mapping[Place, int] = {
        place: end for place, (first, end) in bounds.items() if first < end
    }
    name = group("signing", DOCUMENTS)
    while True:
        if not await db.look(lambda conn: lives.unread(conn, name, ends)):
            return
        await asyncio.sleep(_LOOK_SECONDS)


_KINDS: Mapping[str, type[Event]] = {
    SignatureMade.ce_type(): SignatureMade,
    SignatureFailed.ce_type(): SignatureFailed,
}


async def _take(db: Database, records: Sequence[Record]) -> None:
    """Note signatures that were made or failed: none is made a second time."""

    async def note(conn: Connection) -> None:
        for record in records:
            kind = _KINDS.get(record.headers.get(TYPE_HEADER, ""))
            if kind is None:
                continue
            event: Any = kind.model_validate_json(record.value)
            signature = SignatureId(event.signature_id)
            if isinstance(event, SignatureFailed):
                await signatures.fail(conn, signature, reason=event.reason)
            elif isinstance(event, SignatureMade):
                await signatures.take_back(
                    conn,
                    signature,
                    sha256=event.signed_sha256,
                    size=event.signed_size,
                    signed_at=event.signed_at,
                )

    await db.as_worker(note)
