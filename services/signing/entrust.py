"""Changes the trust list: one client proposes, another one decides; each change is a version."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.signing import distrust
from services.signing.certificate import Kind, Registration, authority_key
from services.signing.compare import Difference
from services.signing.keys import AUTHORITIES, ISSUING, Authorities
from services.signing.pipe import CertificateFacts
from services.signing.store import certificates, fetches, lists, trust
from services.signing.store.trust import Proposal, State, TrustList
from services.signing.trustlist import (
    OWN,
    AddAuthority,
    AnyChange,
    Entry,
    Unfit,
    after,
    check_proposed,
)
from services.signing.validation.material import Purpose, digest
from shared.db import Connection, clock
from shared.errors import Problem
from shared.ids import uuid7

FOLDER = "PKI folder"
"""The reason of the changes with which the list begins."""
_PURPOSES: dict[str, tuple[Purpose, ...]] = {
    "root": ("authority",),
    "issuing": ("leader", "seal", "protocol"),
}
_FOUR_EYES = (
    "Hệ thống đã đề nghị không được tự quyết định; cần một hệ thống khác.",
    "The client that proposed the change may not decide on it: another one does.",
)
_TAKEN_BACK = (
    "Chỉ hệ thống đã đề nghị mới rút lại được; hệ thống khác thì từ chối (refusal).",
    "Only the client that proposed the change takes it back; others refuse it.",
)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A change that a client wants, with what a worker read in its certificate."""

    change: AnyChange
    reason: str
    certificate: CertificateFacts | None
    by: str


async def begin(conn: Connection, authorities: Authorities) -> None:
    """Begin the list with the two authorities of the PKI folder, once."""
    if (await lists.changes(conn)).get("trust"):
        return
    await trust.alone(conn)
    if (await trust.current(conn)).entries:
        return
    for version, name in enumerate(AUTHORITIES, 1):
        change = AddAuthority(
            action="add",
            name=name,
            certificate=ssl.DER_cert_to_PEM_cert(authorities.der(name)),
            anchor=name == "root",
            trusted_from=authorities.begins(name),
            trusted_until=None,
            purposes=_PURPOSES[name],
            crl=(),
            ocsp=(),
        )
        await trust.begin(conn, uuid7(), change, reason=FOLDER, version=version)
        await fetches.add(conn, name, key=authority_key(authorities.der(name)))
    _log.warning("the trust list begins", authorities=AUTHORITIES)


async def note_keys(conn: Connection) -> None:
    """Note the keys of authorities that were listed before such were noted."""
    missing = await fetches.keyless(conn)
    entries = (await trust.current(conn)).entries if missing else {}
    for name in missing:
        if name in entries:
            await fetches.add(conn, name, key=authority_key(entries[name].der))


async def propose(conn: Connection, wanted: Wanted) -> Proposal:
    """Keep a proposal that could be approved now. Raises Problem TRU-4221."""
    try:
        await _next(conn, wanted.change, wanted.certificate)
    except Unfit as why:
        raise Problem("TRU-4221", vi=why.vi, en=why.en) from None
    id_ = uuid7()
    await trust.propose(
        conn,
        id_,
        wanted.change,
        reason=wanted.reason,
        certificate=wanted.certificate,
        by=wanted.by,
    )
    _log.warning("trust list: proposed", change=str(id_), client=wanted.by)
    return await _found(conn, id_)


async def approve(conn: Connection, authorities: Authorities, id_: UUID, *, by: str) -> Proposal:
    """Make a proposal the next version of the list; approving again changes nothing.

    Raises Problem REQ-4041, TRU-4031 for the client that proposed it, TRU-4091 for one that was
    decided otherwise, TRU-4092 for one that no longer fits the list; Unavailable as `enter` does.
    """
    await trust.alone(conn)
    proposal = await _to_decide(conn, id_, by=by, state="approved")
    if proposal.state == "approved":
        return proposal
    try:
        listed = await _next(conn, proposal.change, proposal.certificate)
    except Unfit as why:
        raise Problem("TRU-4092", vi=why.vi, en=why.en) from None
    version = listed.version
    await trust.decide(conn, id_, state="approved", by=by, version=version)
    await put_into_force(conn, authorities, listed.entries[proposal.change.name], proposal)
    _log.warning("trust list: approved", change=str(id_), client=by, version=version)
    return await _found(conn, id_)


async def _next(
    conn: Connection,
    change: AnyChange,
    facts: CertificateFacts | None,
) -> TrustList:
    """Return the list that a change would lead to now. Raises Unfit."""
    listed = await trust.current(conn)
    check_proposed(change, facts, await clock(conn))
    if facts is not None and facts.issued_by is not None:
        issuer = listed.entries.get(facts.issued_by)
        if issuer is None or issuer.ended:
            raise Unfit(
                f"CA {facts.issued_by}, nơi cấp chứng thư số này, không còn được tin cậy.",
                f"{facts.issued_by}, which has issued the certificate, is no longer trusted.",
            )
    return TrustList(listed.version + 1, after(listed.entries, change, listed.version + 1))


async def refuse(conn: Connection, id_: UUID, *, by: str) -> Proposal:
    """Refuse a proposal; refusing again changes nothing. Raises as `approve` does."""
    return await _close(conn, id_, by=by, state="refused")


async def withdraw(conn: Connection, id_: UUID, *, by: str) -> Proposal:
    """Take one's own proposal back. Raises Problem REQ-4041, TRU-4031, TRU-4091."""
    return await _close(conn, id_, by=by, state="withdrawn")


async def _close(conn: Connection, id_: UUID, *, by: str, state: State) -> Proposal:
    await trust.alone(conn)
    proposal = await _to_decide(conn, id_, by=by, state=state)
    if proposal.state == state:
        return proposal
    await trust.decide(conn, id_, state=state, by=by)
    _log.warning("trust list: not approved", change=str(id_), client=by, state=state)
    return await _found(conn, id_)


async def _to_decide(conn: Connection, id_: UUID, *, by: str, state: State) -> Proposal:
    proposal = await _found(conn, id_)
    own = proposal.proposed_by == by
    if own != (state == "withdrawn"):
        vi, en = _TAKEN_BACK if state == "withdrawn" else _FOUR_EYES
        raise Problem("TRU-4031", vi=vi, en=en)
    if proposal.state not in ("proposed", state):
        raise Problem("TRU-4091", state=proposal.state)
    return proposal


async def _found(conn: Connection, id_: UUID) -> Proposal:
    proposal = await trust.find(conn, id_)
    if proposal is None:
        raise Problem("REQ-4041")
    return proposal


async def put_into_force(
    conn: Connection, authorities: Authorities, entry: Entry, proposal: Proposal
) -> None:
    """Register or revoke an authority's certificate, and plan fetching its list.

    Raises Unavailable as `enter` does.
    """
    await fetches.add(conn, entry.name, key=authority_key(entry.der))
    fetched = bool(entry.terms.crl) and not entry.ended and entry.name not in OWN
    await fetches.plan(conn, entry.name, wanted=fetched)
    facts = proposal.certificate
    if facts is not None:
        row = registration(entry.der, facts, issuer=facts.issued_by or entry.name)
        await enter(conn, authorities, [row])
    if entry.ended:
        # As a revoked one: whatever rests on it is withdrawn, and no verdict under way passes.
        row = await certificates.lock(conn, entry.sha256)
        if row is not None and row.state != "revoked":
            await certificates.change(
                conn,
                entry.sha256,
                state="revoked",
                reason="cessationOfOperation",
                changed_in=row.changed_in,
            )


async def enter(conn: Connection, authorities: Authorities, rows: Sequence[Registration]) -> int:
    """Register certificates, with what is known of them already; return how many were new.

    Raises Unavailable while it cannot be read what is distrusted.
    """
    issuers = {row.issuer for row in rows} - {ISSUING}
    for name in sorted(issuers):  # before certificates, as where lists are heeded
        await fetches.hold(conn, name)
    new = await certificates.insert(conn, rows)
    if new:  # what their authorities' lists say of them was not looked for yet
        await fetches.apply_anew(conn, issuers)
        await distrust.take_back(conn, authorities)
    return new


def registration(
    der: bytes,
    facts: CertificateFacts,
    *,
    issuer: str,
    kind: Kind = "authority",
    agency_code: str | None = None,
    person: str | None = None,
) -> Registration:
    """Return the row of a certificate that a worker has read; `issuer` is a listed authority."""
    return Registration(
        sha256=digest(der),
        der=der,
        serial=int(facts.serial, 16),
        issuer=issuer,
        kind=kind,
        agency_code=agency_code,
        person=person,
        not_before=facts.not_before,
        not_after=facts.not_after,
    )


async def propose_differences(
    conn: Connection,
    found: Sequence[tuple[Difference, CertificateFacts | None]],
    *,
    reason: str,
    by: str,
) -> tuple[list[Proposal], list[Difference]]:
    """Propose what another list has otherwise; return the proposals, and what stays as it is."""
    waiting = await trust.open_ones(conn)
    made: list[Proposal] = []
    left: list[Difference] = []
    for one, facts in found:
        if one.change is None:
            left.append(one)
        elif one.change in waiting:
            en = "The same change waits for a decision already."
            left.append(Difference(one.name, None, "Đề nghị này đang chờ quyết định.", en))
        else:
            try:
                made.append(await propose(conn, Wanted(one.change, reason, facts, by)))
            except Problem as why:
                left.append(Difference(one.name, None, why.vi or "", why.en or ""))
    return made, left
