"""CMS signatures written by hand, right and wrong (RFC 5652, RFC 5035, ETSI EN 319 122-1)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from tests.conformance.der import explicit, integer, octets, oid, sequence, set_of, tlv
from tests.conformance.keys import How, Key, algorithm, default, digest_algorithm, sign
from tests.conformance.pki import Extension, Holder, key_id, moment

DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
NAMED_V1 = "1.2.840.113549.1.9.16.2.12"
NAMED_V2 = "1.2.840.113549.1.9.16.2.47"
STAMP = "1.2.840.113549.1.9.16.2.14"
REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"
OCSP_RESPONSE = "1.3.6.1.5.5.7.16.2"

Attributes: TypeAlias = dict[str, bytes]
"""Signed attributes by kind, each encoded; a key with a `#` behind is the same kind again."""


def attribute(kind: str, *values: bytes) -> bytes:
    """Return one attribute."""
    return sequence(oid(kind), set_of(*values))


def named(*certificates: bytes, digest: str = "sha256", serial: bytes | None = None) -> bytes:
    """Return signing-certificate-v2 (RFC 5035 3) over certificates."""
    return attribute(NAMED_V2, _naming(certificates, digest, serial))


def named_v1(certificate: bytes) -> bytes:
    """Return signing-certificate (RFC 2634 5.4): SHA-1 only."""
    value = hashlib.sha1(certificate, usedforsecurity=False).digest()
    return attribute(NAMED_V1, sequence(sequence(sequence(octets(value)))))


def _naming(certificates: tuple[bytes, ...], digest: str, serial: bytes | None) -> bytes:
    # The default, SHA-256, is left out in DER.
    how = () if digest == "sha256" else (digest_algorithm(digest),)
    ids = [
        sequence(*how, octets(hashlib.new(digest, one).digest()), *((serial,) if serial else ()))
        for one in certificates
    ]
    return sequence(sequence(*ids))


def issuer_serial(of: Holder) -> bytes:
    """Return IssuerSerial (RFC 5035 5)."""
    return sequence(sequence(explicit(4, of.issuer.public_bytes())), integer(of.serial))


def time_attribute(at: datetime) -> bytes:
    """Return the signing time that a signer claims."""
    return attribute(SIGNING_TIME, moment(at))


def other_revocation(response: bytes, kind: str = OCSP_RESPONSE) -> bytes:
    """Return an OCSP response, or what is called another kind, for `crls` (RFC 5940 2)."""
    return tlv(0xA1, oid(kind), response)


def signed_by_key_id(of: Holder) -> bytes:
    """Return a signer's identifier that names the key (RFC 5652 5.3: version 3)."""
    return tlv(0x80, key_id(of.key))


def same(value: bytes) -> bytes:
    """Return what is given."""
    return value


def _as_is(attributes: Attributes) -> Attributes:
    return attributes


def _none(_value: bytes) -> list[bytes]:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a signature is made; the default is right."""

    how: How = field(default_factory=How)
    kind: str = DATA
    version: int = 1
    digests: tuple[str, ...] | None = None
    """None: the signer's."""
    encapsulated: bytes | None = None
    bag: tuple[bytes, ...] = ()
    """Certificates beside the signer's."""
    brings_itself: bool = True
    revocations: tuple[bytes, ...] = ()
    """What stands in `crls` (RFC 5652 10.2.1)."""
    bag_signer: bytes | None = None
    """Another certificate in the place of the signer's."""
    info_version: int = 1
    sid: Callable[[Holder], bytes] | None = None
    attributes: Callable[[Attributes], Attributes] = _as_is
    bare: bool = False
    """No signed attributes: the signature is over the content."""
    key: Key | None = None
    """Another key than the signer's."""
    over: Callable[[bytes], bytes] = same
    """What is signed, from the signed attributes as they ought to be."""
    late: Callable[[Attributes], Attributes] = _as_is
    """A change of the signed attributes after the signature is made."""
    value: Callable[[bytes], bytes] = same
    unsigned: Callable[[bytes], list[bytes]] = _none
    """Unsigned attributes, from the signature's value."""
    sort: bool = True
    infos: int = 1
    shape: Callable[[bytes], bytes] = same
    """Another encoding of the whole."""


PLAIN = Recipe()


def signature(content: bytes, by: Holder, recipe: Recipe = PLAIN) -> bytes:
    """Return the CMS of a signature over `content`."""
    info = signer_info(content, by, recipe)
    digests = (recipe.how.digest,) if recipe.digests is None else recipe.digests
    first = recipe.bag_signer or by.der
    bag = ((first,) if recipe.brings_itself else ()) + recipe.bag
    wrapped = () if recipe.encapsulated is None else (explicit(0, octets(recipe.encapsulated)),)
    certificates = (tlv(0xA0, *(sorted(bag) if recipe.sort else bag)),) if bag else ()
    held = recipe.revocations
    signed = sequence(
        integer(recipe.version),
        set_of(*(digest_algorithm(one) for one in digests)),
        sequence(oid(recipe.kind), *wrapped),
        *certificates,
        *((tlv(0xA1, *sorted(held)),) if held else ()),
        set_of(*([info] * recipe.infos)),
    )
    return recipe.shape(sequence(oid(SIGNED_DATA), explicit(0, signed)))


def signer_info(content: bytes, by: Holder, recipe: Recipe) -> bytes:
    """Return the one SignerInfo (RFC 5652 5.3)."""
    key = recipe.key or by.key
    held = recipe.attributes(_attributes(content, by, recipe))
    ought = set_of(*held.values(), sort=recipe.sort)
    value = sign(key, recipe.over(content if recipe.bare else ought), recipe.how)
    value = recipe.value(value)
    written = recipe.late(held).values()
    inside = sorted(written) if recipe.sort else list(written)
    unsigned = recipe.unsigned(value)
    return sequence(
        integer(recipe.info_version),
        recipe.sid(by) if recipe.sid else by.issuer_and_serial,
        digest_algorithm(recipe.how.digest),
        *(() if recipe.bare else (tlv(0xA0, *inside),)),
        algorithm(key, recipe.how),
        octets(value),
        *((tlv(0xA1, *sorted(unsigned)),) if unsigned else ()),
    )


def _attributes(content: bytes, by: Holder, recipe: Recipe) -> Attributes:
    digest = hashlib.new(recipe.how.digest, content).digest()
    return {
        CONTENT_TYPE: attribute(CONTENT_TYPE, oid(recipe.kind)),
        MESSAGE_DIGEST: attribute(MESSAGE_DIGEST, octets(digest)),
        NAMED_V2: named(by.der),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class StampPlan:
    """What a time stamp says (RFC 3161 2.4.2)."""

    at: datetime
    digest: str = "sha256"
    imprint_of: bytes | None = None
    """Something else than what is stamped."""
    recipe: Recipe = PLAIN
    """How its own signature is made."""
    accuracy: bool = False
    nonce: int | None = None
    serial: int = 1
    version: int = 1
    extra: tuple[Extension, ...] = ()


def stamp(stamped: bytes, by: Holder, plan: StampPlan) -> bytes:
    """Return a time stamp token over `stamped`."""
    content = plan.imprint_of if plan.imprint_of is not None else stamped
    imprint = sequence(
        digest_algorithm(plan.digest), octets(hashlib.new(plan.digest, content).digest())
    )
    extra = (tlv(0xA1, *(one.dump() for one in plan.extra)),) if plan.extra else ()
    info = sequence(
        integer(plan.version),
        oid("1.3.6.1.4.1.55555.1.1"),
        imprint,
        integer(plan.serial),
        tlv(0x18, plan.at.strftime("%Y%m%d%H%M%SZ").encode()),
        *((sequence(integer(1)),) if plan.accuracy else ()),
        *((integer(plan.nonce),) if plan.nonce is not None else ()),
        *extra,
    )
    recipe = _for_stamps(plan.recipe, info)
    return signature(info, by, recipe)


def _for_stamps(recipe: Recipe, info: bytes) -> Recipe:
    # eContentType is not id-data: SignedData is of version 3 (RFC 5652 5.1).
    return replace(recipe, kind=TST_INFO, version=3, encapsulated=info)


def stamped(*by: tuple[Holder, StampPlan]) -> Callable[[bytes], list[bytes]]:
    """Return the unsigned attributes that hold signature time stamps, one after another."""

    def make(value: bytes) -> list[bytes]:
        return [attribute(STAMP, stamp(value, tsa, plan)) for tsa, plan in by]

    return make


def usual(key: Key) -> How:
    """Return how a key signs by default."""
    digest = "sha512" if default(key) == "ed25519" else "sha256"
    return How(digest)
