"""Proves that a mutant which is accepted says what its original says, or does not prove it.

Independent of the engine: it reads bytes by itself. What it does not know is an altered file.
"""

from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.conformance.der import oid
from tests.mutants.corpus import Corpus
from tests.mutants.letters import Gap, gaps, signed_ends, unhex
from tests.mutants.tree import Node, parse, signed_data, signer_info, tagged

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_CURVE = oid("1.2.840.10045.3.1.7")
_RSA = frozenset({oid("1.2.840.113549.1.1.1"), oid("1.2.840.113549.1.1.11")})
_NULL = b"\x05\x00"
_CERTIFICATE_VALUES = oid("1.2.840.113549.1.9.16.2.23")
_REVOCATION_VALUES = oid("1.2.840.113549.1.9.16.2.24")
_SKI = 0x80
_LISTS, _WITH_LISTS = 0xA1, 6
"""The tag of `crls`, and how many parts SignedData has with them (RFC 5652 5.1)."""


def letter(corpus: Corpus, base: bytes, mutant: bytes) -> str | None:
    """Return why an accepted letter is not an altered one; None: it is."""
    if any(mutant == base[:end] for end in signed_ends(base)[:-1]):
        # Byte for byte what the first signer signed. That a later signature is missing is seen
        # in the finding, and refused by the order of signatures (rule order.complete).
        return "earlier revision"
    last = gaps(base)[-1]
    if len(mutant) != len(base) or _around(mutant, last) != _around(base, last):
        return None
    before, after = base[last.start : last.end], mutant[last.start : last.end]
    if after.lower() == before.lower():
        return "hex case"  # ISO 32000-2 7.3.4.3: the same string
    if after not in (after.upper(), after.lower()):
        return None
    try:
        return signature(corpus, unhex(before), unhex(after))
    except (IndexError, ValueError):
        return None


def _around(content: bytes, gap: Gap) -> tuple[bytes, bytes]:
    return content[: gap.start], content[gap.end :]


def signature(corpus: Corpus, before: bytes, after: bytes) -> str | None:
    """Return in what two signatures differ that is not signed and does not matter."""
    try:
        one, other = parse(before), parse(after)
        if other.der() != after:
            return None
        return _compared(corpus, one, other)
    except (IndexError, ValueError):
        return None


def _compared(corpus: Corpus, one: Node, other: Node) -> str | None:
    told: list[str] = []
    for part in (_frame, _names, _algorithms, _value, _bag, _unsigned):
        said = part(corpus, one, other)
        if said is None:
            return None
        told.append(said)
    return ", ".join(word for word in told if word) or None


def _frame(corpus: Corpus, one: Node, other: Node) -> str | None:
    """Compare what may differ in nothing: kinds, content, signed attributes, number of parts.

    But for lists of this very chain, which may be added (EN 319 122-1 6.3; policy format.cms).
    """
    said = ""
    for node in (one, other):
        parts = [*(signed_data(node).parts or [])]
        if node is other and len(parts) == _WITH_LISTS and parts[4].tag == _LISTS:
            if not {part.der() for part in parts.pop(4).parts or []} <= set(corpus.lists):
                return None
            said = "archive"
        if [part.tag for part in parts] != [2, 0x31, 0x30, 0xA0, 0x31]:
            return None
        if len(parts[4].parts or []) != 1:
            return None
    same = (
        one.at(0).der() == other.at(0).der()
        and signed_data(one).at(2).der() == signed_data(other).at(2).der()
        and _signed(one) == _signed(other)
        and len(one.parts or []) == len(other.parts or [])
    )
    return said if same else None


def _signed(root: Node) -> bytes | None:
    found = tagged(signer_info(root), 0xA0)
    return found.der() if found else None


def _names(_corpus: Corpus, one: Node, other: Node) -> str | None:
    """Compare versions and the signer's name: issuer and number, or its key (RFC 5652 5.3)."""
    before, after = signer_info(one), signer_info(other)
    versions = [signed_data(other).at(0).body[-1], after.at(0).body[-1]]
    if after.at(1).der() == before.at(1).der():
        same = signed_data(one).at(0).der() == signed_data(other).at(0).der()
        return "" if same and before.at(0).der() == after.at(0).der() else None
    named = after.at(1).tag == _SKI and after.at(1).body == key_of(one)
    return "named by key" if named and versions == [3, 3] else None


def key_of(root: Node) -> bytes:
    """Return the key identifier in the first certificate of the bag."""
    holder = x509.load_der_x509_certificate(signed_data(root).at(3).at(0).der())
    return holder.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def _algorithms(_corpus: Corpus, one: Node, other: Node) -> str | None:
    """Compare algorithms: NULL and nothing mean the same in SHA-2 and RSA (RFC 5754 2, 3.2)."""
    said = ""
    pairs = (
        (signed_data(one).at(1), signed_data(other).at(1)),
        (signer_info(one).at(2), signer_info(other).at(2)),
        (_how(one), _how(other)),
    )
    for before, after in pairs:
        if before.der() == after.der():
            continue
        if _plain(before) != _plain(after):
            return None
        said = "parameters"
    return said


def _how(root: Node) -> Node:
    parts = signer_info(root).parts or []
    place = next(number for number, part in enumerate(parts) if part.tag == 0xA0) + 1
    return parts[place]


def _plain(algorithm: Node) -> object:
    if algorithm.tag == 0x31:
        return [_plain(one) for one in algorithm.parts or []]
    parts = [one.der() for one in algorithm.parts or []]
    if parts[0] in _RSA:
        parts[0] = min(_RSA)
    elif not parts[0].startswith(oid("2.16.840.1.101.3.4.2.1")[:10]):
        return parts  # ECDSA: parameters must be absent (RFC 5754 3.3)
    return [part for part in parts if part != _NULL]


def _value(_corpus: Corpus, one: Node, other: Node) -> str | None:
    """Compare values: with (r, s) also (r, n - s) is right, for the same bytes and key."""
    before, after = _octets(one), _octets(other)
    if before == after:
        return ""
    if _CURVE not in signed_data(one).at(3).at(0).der():
        return None
    (r, s), (r2, s2) = decode_dss_signature(before), decode_dss_signature(after)
    return "n - s" if r == r2 and s2 == P256_ORDER - s else None


def _octets(root: Node) -> bytes:
    found = tagged(signer_info(root), 0x04)
    return found.body if found else b""


def _bag(corpus: Corpus, one: Node, other: Node) -> str | None:
    before = {part.der() for part in signed_data(one).at(3).parts or []}
    after = {part.der() for part in signed_data(other).at(3).parts or []}
    if before == after:
        return ""
    # Policy, format.cms: listed authorities' certificates may be brought along.
    return "bag" if before < after and after - before <= corpus.authorities else None


def _unsigned(corpus: Corpus, one: Node, other: Node) -> str | None:
    before, after = (tagged(signer_info(node), 0xA1) for node in (one, other))
    if before is not None or after is None:
        return "" if before is None and after is None else None
    # Policy, format.cms: archive data may be added; here only what belongs to this very chain.
    known = corpus.authorities | set(corpus.lists)
    return "archive" if all(part in known for part in _archived(after)) else None


def _archived(attributes: Node) -> Iterator[bytes]:
    """Yield what unsigned attributes hold, or something that nobody knows."""
    for attribute in attributes.parts or []:
        values = attribute.at(1).at(0)
        if attribute.at(0).der() == _CERTIFICATE_VALUES:
            yield from (one.der() for one in values.parts or [])
        elif attribute.at(0).der() == _REVOCATION_VALUES and values.der() == b"\x30\x00":
            continue  # each of its members may be left out (RFC 5126 6.3.4)
        elif len(values.parts or []) == 1 and values.at(0).tag == 0xA0:
            yield from (one.der() for one in values.at(0, 0).parts or [])
        else:
            yield b""
