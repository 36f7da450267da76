"""What a CMS brings beside its signature: certificates, time stamps, revocation data. No junk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat import asn1

from services.signing.finding import TOO_HEAVY, UNREADABLE
from services.signing.validation.archive import check
from services.signing.validation.indication import Refused, refused
from services.signing.validation.policy import Heavy
from services.signing.validation.structures import (
    OtherRevocation,
    RevocationValues,
    Sequences,
    SignedData,
    element,
    encoded,
)

TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
_CERTIFICATE_VALUES = "1.2.840.113549.1.9.16.2.23"
_REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"
_ARCHIVAL = "1.2.840.113583.1.1.8"
UNSIGNED = frozenset({TIME_STAMP, _CERTIFICATE_VALUES, _REVOCATION_VALUES})
_OCSP_RESPONSE = "1.3.6.1.5.5.7.16.2"
_BASIC_OCSP = bytes.fromhex("06092b0601050507300101")
_OTHER = b"\xa1"
Values = Mapping[str, Sequence[asn1.TLV]]
"""Attributes' values by kind."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What a CMS brings, each in DER and none of it trusted yet."""

    certificates: tuple[bytes, ...]
    """Of the bag: the signer's is one of them."""
    more_certificates: tuple[bytes, ...]
    """Of the unsigned attributes."""
    stamps: tuple[bytes, ...]
    lists: tuple[bytes, ...]
    answers: tuple[bytes, ...]


def brought(signed: SignedData, attributes: Values, unsigned: Values, most: Heavy) -> Brought:
    """Return what a CMS brings. Raises Refused for junk, and for too much of anything."""
    bag = signed.certificates.as_list() if signed.certificates else []
    values = _certificate_values(unsigned)
    _check_amount(most.most_certificates, "certificates", bag, values)
    stamps = [encoded(one) for one in unsigned.get(TIME_STAMP, ())]
    _check_amount(most.most_stamps, "time stamps", stamps)
    for one in stamps:
        check("stamp", one)
    lists, answers = _revocations(signed, attributes, unsigned, most.most_revocations)
    return Brought(
        certificates=tuple(encoded(one) for one in bag),
        more_certificates=tuple(encoded(one) for one in values),
        stamps=tuple(stamps),
        lists=lists,
        answers=answers,
    )


def has_other_revocations(signed: SignedData) -> bool:
    """Say whether there is revocation data that is no list: the version says so too."""
    held = signed.revocations.as_list() if signed.revocations else []
    return any(one.tag_bytes == _OTHER for one in held)


def _check_amount(most: int, what: str, *these: Sequence[object]) -> None:
    amount = sum(len(one) for one in these)
    if amount > most:
        raise refused("FORMAT_FAILURE", "limits.heavy", TOO_HEAVY, f"{amount} {what}")


def _certificate_values(unsigned: Values) -> Sequence[asn1.TLV]:
    if _CERTIFICATE_VALUES not in unsigned:
        return ()
    values = unsigned[_CERTIFICATE_VALUES]
    if len(values) != 1:
        raise _junk("certificate values twice")
    try:
        return asn1.decode_der(Sequences, element(b"\x30", encoded(values[0]))).items
    except ValueError:
        raise _junk("certificate values cannot be read") from None


def _revocations(
    signed: SignedData, attributes: Values, unsigned: Values, most: int
) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return lists and OCSP responses. Raises Refused.

    Baseline signatures (B-LT) have them in SignedData (EN 319 122-1 6.3 q, r), older ones and
    Adobe's in attributes.
    """
    bag = signed.revocations.as_list() if signed.revocations else []
    archival = _values(attributes, _ARCHIVAL)
    values = _values(unsigned, _REVOCATION_VALUES)
    lists = [*(archival.lists or ()), *(values.lists or ())]
    answers, basic = archival.answers or (), values.answers or ()
    _check_amount(most, "lists and answers", bag, lists, answers, basic)
    found_lists = [encoded(one) for one in (*lists, *filter(_is_list, bag))]
    found_answers = [
        *(encoded(one) for one in answers),
        # RevocationValues hold the basic response alone (EN 319 122-1 A.1.2.2).
        *(_response(encoded(one)) for one in basic),
        *(_other(one) for one in bag if not _is_list(one)),
    ]
    for one in found_lists:
        check("list", one)
    for one in found_answers:
        check("answer", one)
    return tuple(found_lists), tuple(found_answers)


def _is_list(one: asn1.TLV) -> bool:
    return one.tag_bytes == b"\x30"


def _other(one: asn1.TLV) -> bytes:
    """Return the OCSP response that is no list (RFC 5652 10.2.1, RFC 5940 2). Raises Refused."""
    try:
        other = asn1.decode_der(OtherRevocation, element(b"\x30", bytes(one.data)))
    except ValueError:
        raise _junk("revocation data cannot be read") from None
    if one.tag_bytes != _OTHER or other.kind.dotted_string != _OCSP_RESPONSE:
        raise _junk("revocation data that is neither a list nor an answer")
    return encoded(other.value)


def _values(attributes: Values, kind: str) -> RevocationValues:
    """Return the revocation data of an attribute; empty without it. Raises Refused."""
    if kind not in attributes:
        return RevocationValues(lists=None, answers=None)
    if len(attributes[kind]) != 1:
        raise _junk("revocation values twice")
    try:
        return asn1.decode_der(RevocationValues, encoded(attributes[kind][0]))
    except ValueError:
        raise _junk("revocation values cannot be read") from None


def _response(basic: bytes) -> bytes:
    """Return an OCSPResponse around a BasicOCSPResponse (RFC 6960 4.2.1)."""
    wrapped = element(b"\x30", _BASIC_OCSP + element(b"\x04", basic))
    return element(b"\x30", b"\x0a\x01\x00" + element(b"\xa0", wrapped))


def _junk(detail: str) -> Refused:
    return refused("FORMAT_FAILURE", "format.cms", UNREADABLE, detail)
