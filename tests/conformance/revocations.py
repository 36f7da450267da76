"""Revocation lists and OCSP responses written by hand, right and wrong (RFC 5280 5, RFC 6960)."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cryptography import x509

from tests.conformance.der import (
    NULL,
    bits,
    elements,
    explicit,
    inside,
    integer,
    octets,
    oid,
    sequence,
    tlv,
)
from tests.conformance.keys import DIGESTS, How, Key, algorithm, public, sign
from tests.conformance.pki import Extension, Holder, generalized, key_id, moment

_ENUMERATED = 0x0A
REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "removeFromCRL": 8,
    "privilegeWithdrawn": 9,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A revoked certificate."""

    serial: int
    at: datetime
    reason: str | None = None
    invalid_since: datetime | None = None
    extra: tuple[Extension, ...] = ()

    def dump(self) -> bytes:
        """Return its DER (RFC 5280 5.1)."""
        found: list[Extension] = []
        if self.reason:
            code = tlv(_ENUMERATED, bytes([REASONS[self.reason]]))
            found.append(Extension("2.5.29.21", code))
        if self.invalid_since:
            found.append(Extension("2.5.29.24", generalized(self.invalid_since)))
        found += self.extra
        extensions = (sequence(*(one.dump() for one in found)),) if found else ()
        return sequence(integer(self.serial), moment(self.at), *extensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPlan:
    """What a revocation list says."""

    this: datetime
    next: datetime | None
    number: int = 1
    entries: tuple[Entry, ...] = ()
    extra: tuple[Extension, ...] = ()
    how: How = field(default_factory=How)
    signed_by: Key | None = None
    issuer_name: x509.Name | None = None


def revocation_list(by: Holder, plan: ListPlan) -> bytes:
    """Return a revocation list (DER)."""
    key = plan.signed_by or by.key
    extensions = [
        Extension("2.5.29.20", integer(plan.number)),
        Extension("2.5.29.35", sequence(tlv(0x80, key_id(by.key)))),
        *plan.extra,
    ]
    entries = (sequence(*(one.dump() for one in plan.entries)),) if plan.entries else ()
    body = sequence(
        integer(1),
        algorithm(key, plan.how),
        (plan.issuer_name or by.name).public_bytes(),
        moment(plan.this),
        *((moment(plan.next),) if plan.next else ()),
        *entries,
        explicit(0, sequence(*(one.dump() for one in extensions))),
    )
    return sequence(body, algorithm(key, plan.how), bits(sign(key, body, plan.how)))


def scope(
    *,
    address: str | None = None,
    users_only: bool = False,
    authorities_only: bool = False,
    some_reasons: bool = False,
    indirect: bool = False,
) -> Extension:
    """Return an issuing distribution point (RFC 5280 5.2.5)."""
    parts: list[bytes] = []
    if address:
        parts.append(explicit(0, explicit(0, tlv(0x86, address.encode()))))
    if users_only:
        parts.append(b"\x81\x01\xff")
    if authorities_only:
        parts.append(b"\x82\x01\xff")
    if some_reasons:
        parts.append(b"\x83\x02\x06\x40")  # keyCompromise
    if indirect:
        parts.append(b"\x84\x01\xff")
    return Extension("2.5.29.28", sequence(*parts), critical=True)


def delta(base: int) -> Extension:
    """Return the delta indicator (RFC 5280 5.2.4)."""
    return Extension("2.5.29.27", integer(base), critical=True)


def keeps_expired_since(at: datetime) -> Extension:
    """Return expiredCertsOnCRL (ISO/IEC 9594-8 9.5.2.5)."""
    return Extension("2.5.29.60", generalized(at))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPlan:
    """What an OCSP response says about one certificate."""

    this: datetime
    next: datetime | None
    status: Literal["good", "revoked", "unknown"] = "good"
    revoked_at: datetime | None = None
    reason: str | None = None
    produced: datetime | None = None
    responder: Holder | None = None
    """A delegate of the issuer; None: the issuer itself."""
    serial: int | None = None
    """Another certificate's."""
    issuer_key: Key | None = None
    """Another issuer's key, in the certificate's identifier."""
    signed_by: Key | None = None
    extra: tuple[Extension, ...] = ()
    how: How = field(default_factory=How)


def answer(about: Holder, issuer: Holder, plan: AnswerPlan) -> bytes:
    """Return a successful OCSP response (DER)."""
    responder = plan.responder or issuer
    key = plan.signed_by or responder.key
    extra = (explicit(1, sequence(*(one.dump() for one in plan.extra))),) if plan.extra else ()
    single = sequence(
        _certificate_id(issuer, plan.issuer_key or issuer.key, plan.serial or about.serial),
        _status(plan),
        generalized(plan.this),
        *((explicit(0, generalized(plan.next)),) if plan.next else ()),
        *extra,
    )
    body = sequence(
        explicit(2, octets(_key_hash(responder.key))),
        generalized(plan.produced or plan.this),
        sequence(single),
    )
    certificates = (explicit(0, sequence(responder.der)),) if plan.responder else ()
    signature = bits(sign(key, body, plan.how))
    basic = sequence(body, algorithm(key, plan.how), signature, *certificates)
    kind = oid("1.3.6.1.5.5.7.48.1.1")
    return sequence(tlv(_ENUMERATED, b"\x00"), explicit(0, sequence(kind, octets(basic))))


def try_later() -> bytes:
    """Return an OCSP response that answers nothing."""
    return sequence(tlv(_ENUMERATED, b"\x03"))


def no_check() -> Extension:
    """Return id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1)."""
    return Extension("1.3.6.1.5.5.7.48.1.5", tlv(NULL))


def _certificate_id(issuer: Holder, key: Key, serial: int) -> bytes:
    name = hashlib.sha1(issuer.name.public_bytes(), usedforsecurity=False).digest()
    sha1 = sequence(oid(DIGESTS["sha1"]), tlv(NULL))
    return sequence(sha1, octets(name), octets(_key_hash(key)), integer(serial))


def _key_hash(key: Key) -> bytes:
    value = inside(elements(inside(public(key)))[1])[1:]
    return hashlib.sha1(value, usedforsecurity=False).digest()


def _status(plan: AnswerPlan) -> bytes:
    if plan.status == "good":
        return tlv(0x80)
    if plan.status == "unknown":
        return tlv(0x82)
    reason = ()
    if plan.reason:
        reason = (explicit(0, tlv(_ENUMERATED, bytes([REASONS[plan.reason]]))),)
    return explicit(1, generalized(plan.revoked_at or plan.this), *reason)
