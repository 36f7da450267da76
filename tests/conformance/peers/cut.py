"""Cuts signatures out of a PDF by their ByteRange, with nothing but a regular expression."""

# asn1crypto is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from dataclasses import dataclass

from asn1crypto import cms, core, x509

_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")
_TOKEN = bytes.fromhex("060b2a864886f70d0109100104")
"""id-smime-ct-TSTInfo as DER: only a time stamp token has this type of content."""
_LONG_FORM = 0x80


class NotThere(Exception):  # noqa: N818 (the signature is)
    """A ByteRange does not lead to a signature."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One signature of a PDF."""

    cms: bytes
    signed: bytes
    ends: int = 0
    """Where in the file that which is signed ends."""

    @property
    def token(self) -> bool:
        """Tell whether this is a document time stamp."""
        return is_token(self.cms)


def cut(pdf: bytes) -> list[Cut]:
    """Return a PDF's signatures in the order of signing; raises NotThere."""
    ranges = sorted(
        {tuple(int(number) for number in match.groups()) for match in _RANGE.finditer(pdf)},
        key=lambda four: four[2] + four[3],
    )
    return [_one(pdf, *four) for four in ranges]


def is_token(cms: bytes) -> bool:
    """Tell whether a CMS is a time stamp token: its head names the type of its content."""
    return _TOKEN in cms[:128]


def _one(pdf: bytes, first: int, first_length: int, second: int, second_length: int) -> Cut:
    hole = pdf[first + first_length : second].strip()
    if not (hole.startswith(b"<") and hole.endswith(b">")):
        raise NotThere("ByteRange leaves out something other than a hexadecimal string")
    try:
        padded = bytes.fromhex(hole[1:-1].decode("ascii"))
    except ValueError as error:
        raise NotThere("the signature is not hexadecimal") from error
    signed = pdf[first : first + first_length] + pdf[second : second + second_length]
    return Cut(_without_padding(padded), signed, second + second_length)


def _without_padding(padded: bytes) -> bytes:
    """Return the first DER element; of indefinite length: all, the zeros behind it harm nobody."""
    if len(padded) < 2:
        raise NotThere("the signature is empty")
    length = padded[1]
    if length < _LONG_FORM:
        return padded[: 2 + length]
    if length == _LONG_FORM:
        return padded
    octets = length - _LONG_FORM
    return padded[: 2 + octets + int.from_bytes(padded[2 : 2 + octets], "big")]


def certificates(content: bytes) -> list[bytes]:
    """Return the certificates of a CMS, the signer's first; raises NotThere."""
    try:
        signed = cms.ContentInfo.load(content)["content"]
        who = signed["signer_infos"][0]["sid"].chosen
        bag = [one.chosen for one in signed["certificates"]]
        first = [one for one in bag if _named(who, one)]
        return [one.dump() for one in [*first, *(one for one in bag if one not in first)]]
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise NotThere("the CMS cannot be read") from error


def _named(who: cms.IssuerAndSerialNumber | core.OctetString, one: x509.Certificate) -> bool:
    if isinstance(who, cms.IssuerAndSerialNumber):
        return one.serial_number == who["serial_number"].native and one.issuer == who["issuer"]
    return one.key_identifier == who.native
