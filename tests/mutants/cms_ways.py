"""Changes of a CMS signature whose lengths are right again: elements, names, algorithms, values."""

import random
from collections.abc import Callable
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from tests.conformance.der import (
    explicit,
    indefinite,
    integer,
    octets,
    oid,
    sequence,
    set_of,
    tlv,
    wide,
)
from tests.mutants.corpus import Corpus
from tests.mutants.same import P256_ORDER, key_of
from tests.mutants.tree import Node, leaf, parse, signed_data, signer_info, tagged, walk

Way: TypeAlias = Callable[[Corpus, Node, random.Random], bytes]
_OIDS = tuple(
    oid(one)
    for one in (
        *("1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"),
        *("1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.5"),
        *("1.2.840.113549.1.9.16.2.47", "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.52"),
        *("2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3", "1.3.14.3.2.26"),
        *("1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.10"),
        *("1.2.840.10045.4.3.2", "1.2.840.10045.4.1", "1.2.840.10045.2.1", "1.3.101.112"),
    )
)
_STAMP, _CERTIFICATES, _REVOCATIONS = (
    f"1.2.840.113549.1.9.16.2.{number}" for number in (14, 23, 24)
)
_NULL = b"\x05\x00"


def _some(root: Node, dice: random.Random) -> tuple[Node, int]:
    return dice.choice(list(walk(root)))


def _drop(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    parent, place = _some(root, dice)
    del (parent.parts or [])[place]
    return root.der()


def _twice(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    parent, place = _some(root, dice)
    parts = parent.parts or []
    parts.insert(place, parts[place])
    return root.der()


def _swap(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    parent, place = _some(root, dice)
    parts = parent.parts or []
    other = dice.randrange(len(parts))
    parts[place], parts[other] = parts[other], parts[place]
    return root.der()


def _graft(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    """Put one element in the place of another."""
    one, other = _some(root, dice), _some(root, dice)
    (one[0].parts or [])[one[1]] = leaf((other[0].parts or [])[other[1]].der())
    return root.der()


def _kind(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    named = [(p, n) for p, n in walk(root) if p.at(n).tag == 0x06]
    parent, place = dice.choice(named)
    (parent.parts or [])[place] = leaf(dice.choice(_OIDS))
    return root.der()


def _number(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    numbers = [(p, n) for p, n in walk(root) if p.at(n).tag == 0x02]
    parent, place = dice.choice(numbers[:2] if dice.random() < 0.5 else numbers)
    value = dice.choice((0, 1, 2, 3, 4, 5, 127, 128, 1 << 64, 1 << 2_048))
    new = dice.choice((integer(value), b"\x02\x02\x00\x01", b"\x02\x01\xff", b"\x02\x00"))
    (parent.parts or [])[place] = leaf(new)
    return root.der()


def _tag(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    parent, place = _some(root, dice)
    changed = bytearray(parent.at(place).der())
    changed[0] = dice.choice((0x02, 0x04, 0x24, 0x30, 0x31, 0x80, 0xA0, 0xA1, 0xA2, 0x1F, 0x00))
    (parent.parts or [])[place] = leaf(bytes(changed))
    return root.der()


def _bytes(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    """Change the content of one element that holds no others."""
    plain = [(p, n) for p, n in walk(root) if p.at(n).parts is None and p.at(n).body]
    parent, place = dice.choice(plain)
    node = parent.at(place)
    body = bytearray(node.body)
    body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
    shorter, longer = node.body[: dice.randrange(len(body))], node.body + dice.randbytes(3)
    (parent.parts or [])[place] = Node(
        node.tag, dice.choice((bytes(body), bytes(body), shorter, longer))
    )
    return root.der()


def _parameters(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    """Change the parameters of the signature's own algorithms: NULL, none, others."""
    signer = signer_info(root)
    digests = [signed_data(root).at(1, 0), signer.at(2)]
    parts = signer.parts or []
    place = next(n for n, one in enumerate(parts) if one.tag == 0xA0) + 1
    new = dice.choice(([], [_NULL], [_NULL, _NULL], [octets(b"")], [sequence()]))
    chosen = dice.choice(
        (digests, digests[:1], digests[1:], [parts[place]], [*digests, parts[place]])
    )
    for algorithm in chosen:
        algorithm.parts = [algorithm.at(0), *(leaf(one) for one in new)]
    return root.der()


def _algorithm(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    """Name another algorithm for the value or for the digests."""
    signer = signer_info(root)
    parts = signer.parts or []
    place = next(n for n, one in enumerate(parts) if one.tag == 0xA0) + 1
    rest = dice.choice(([], [leaf(_NULL)]))
    if dice.random() < 0.7:
        parts[place].parts = [leaf(dice.choice(_OIDS[-7:])), *rest]
        return root.der()
    for algorithm in (signed_data(root).at(1, 0), signer.at(2)):
        algorithm.parts = [leaf(dice.choice(_OIDS[9:12])), *rest]
    return root.der()


def _certificate(corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    """Put another certificate of the same authority in the bag, or beside the signer's."""
    bag = signed_data(root).at(3)
    parts = bag.parts or []
    others = (*corpus.strangers, *corpus.authorities, octets(b"none"), parts[0].der())
    added = [leaf(dice.choice(others)) for _ in range(dice.choice((1, 1, 2)))]
    kept = [] if dice.random() < 0.4 else parts
    bag.parts = sorted([*kept, *added], key=Node.der)
    if dice.random() < 0.3:
        signer = signer_info(root)
        taken = parse(dice.choice(corpus.strangers)).at(0)
        (signer.parts or [])[1] = Node(0x30, parts=[taken.at(3), taken.at(1)])
    return root.der()


def _named(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    """Name the signer by key, with versions that fit or do not."""
    version = integer(dice.choice((1, 3, 3, 3)))
    signer = signer_info(root)
    (signer.parts or [])[0:2] = [leaf(version), leaf(tlv(0x80, key_of(root)))]
    (signed_data(root).parts or [])[0] = leaf(dice.choice((version, integer(1))))
    return root.der()


def _unsigned(corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    """Add unsigned attributes: archive data that is right, archive data that is none, others."""
    lists = explicit(0, sequence(*corpus.lists))
    junk = dice.choice((octets(b"a note"), sequence(octets(b"a note")), sequence(), b"\x0c\x01!"))
    values = {
        _CERTIFICATES: (sequence(*corpus.authorities), sequence(junk), junk),
        _REVOCATIONS: (
            sequence(lists),
            sequence(explicit(0, sequence(junk))),
            sequence(explicit(1, sequence(junk))),
            junk,
        ),
        _STAMP: (junk, root.der()),
        "1.2.840.113549.1.9.5": (b"\x17\x0d260101000000Z",),
        "1.2.840.113549.1.9.6": (signer_info(root).der(),),
        "1.3.6.1.4.1.311.2.4.1": (junk,),
    }
    kinds = dice.sample(sorted(values), dice.choice((1, 1, 2)))
    made = [sequence(oid(one), set_of(dice.choice(values[one]))) for one in kinds]
    (signer_info(root).parts or []).append(leaf(tlv(0xA1, *sorted(made))))
    return root.der()


def _ber(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    """Write an element as only BER may: another length, parts of a string, another order."""
    parent, place = _some(root, dice)
    node = parent.at(place)
    der = node.der()
    if node.parts and dice.random() < 0.4:
        node.parts = list(reversed(node.parts))
        return root.der()
    if node.parts is not None:
        changed = dice.choice((indefinite(der), wide(der)))
    elif node.tag == 0x04:
        half = len(node.body) // 2
        pieces = tlv(0x24, octets(node.body[:half]), octets(node.body[half:]))
        changed = dice.choice((pieces, wide(der)))
    else:
        changed = wide(der)
    (parent.parts or [])[place] = leaf(changed)
    return root.der()


def _value(_corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    """Change the value as only mathematics may: (r, n - s), sums, zeros, another length."""
    found = tagged(signer_info(root), 0x04)
    if found is None:
        raise ValueError("no value")
    value = found.body
    try:
        r, s = decode_dss_signature(value)
    except ValueError:
        found.body = dice.choice((b"\0" + value, value[:-1], value.lstrip(b"\x01"), value[::-1]))
        return root.der()
    pairs = (
        (r, P256_ORDER - s),
        (r, s + P256_ORDER),
        (r + P256_ORDER, s),
        (0, 0),
        (r, 0),
        (s, r),
        (1, s),
    )
    one = dice.choice(pairs)
    found.body = encode_dss_signature(*one) + dice.choice((b"", b"", b"", b"\0", b"\5\0"))
    return root.der()


def _frame(corpus: Corpus, root: Node, dice: random.Random) -> bytes:
    """Add what a detached signature has no place for."""
    signed = signed_data(root)
    parts = signed.parts or []
    match dice.randrange(4):
        case 0:
            (parts[2].parts or []).append(leaf(explicit(0, octets(dice.randbytes(8)))))
        case 1:
            parts.insert(4, leaf(tlv(0xA1, dice.choice(corpus.lists))))
        case 2:
            (parts[1].parts or []).append(leaf(sequence(dice.choice(_OIDS[9:12]))))
        case _:
            parts[-1].parts = [parts[-1].at(0), leaf(parts[-1].at(0).der())]
    return root.der()


WAYS: tuple[Way, ...] = (
    *(_drop, _twice, _swap, _graft, _kind, _number, _tag, _bytes, _parameters, _algorithm),
    *(_certificate, _named, _unsigned, _ber, _value, _frame),
)


def changed(corpus: Corpus, cms: bytes, dice: random.Random) -> tuple[str, bytes]:
    """Return another signature, and the name of the way."""
    way = dice.choice(WAYS)
    der = way(corpus, parse(cms), dice)
    if dice.random() < 0.05:
        der += dice.choice((b"\0", b"\5\0", b"\0" * 40, b"junk"))
    return f"cms{way.__name__}", der
