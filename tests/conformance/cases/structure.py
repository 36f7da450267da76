"""The format of the file and of the CMS in it: RFC 5652 5, RFC 5035, ISO 32000-2 12.8.3.3."""

from collections.abc import Iterator

from tests.conformance import cms, updates
from tests.conformance.case import Case
from tests.conformance.cases.attributes import attributes
from tests.conformance.cases.brought import brought
from tests.conformance.cases.letters import letters
from tests.conformance.cases.values import values
from tests.conformance.cms import Recipe
from tests.conformance.der import elements, explicit, indefinite, inside, oid, sequence, wide
from tests.conformance.pdf import Place
from tests.conformance.trial import DETACHED, PDF, Trial, cases, paper
from tests.conformance.world import ISSUING, World, blank, row, rows, sealed

_MANY = 33


def structure(world: World) -> Iterator[Case]:
    """Yield the cases of this dimension."""
    yield from _files(world)
    yield from letters(world)
    yield from cases("structure", _subfilters(world))
    yield from cases("structure", _containers(world))
    yield from cases("structure", _encodings(world))
    yield from cases("structure", attributes(world))
    yield from cases("structure", values(world))
    yield from cases("structure", brought(world))


def _files(world: World) -> Iterator[Case]:
    good = sealed(blank(), world.seal)
    middle = len(good.content) // 2
    table: list[tuple[str, bytes]] = [
        ("unsigned", blank().content),
        ("unsigned-with-an-empty-field", updates.field_added(blank()).content),
        ("empty-file", b""),
        ("text-file", "Công văn số 7816/VPCP-TTĐT".encode()),
        ("image-file", b"\x89PNG\r\n\x1a\n" + bytes(100)),
        ("archive-file", b"PK\x03\x04" + bytes(100)),
        ("header-only", b"%PDF-1.7\n"),
        ("cut-in-the-middle", good.content[:middle]),
        ("cut-before-the-signature", good.content[:600]),
        (
            "startxref-astray",
            good.content.replace(b"startxref\n%d" % good.startxref, b"startxref\n9"),
        ),
        ("encrypted", updates.encrypted(good, user="mat")),
        ("encrypted-without-password", updates.encrypted(good, user="")),
        ("a-bare-signature", cms.signature(b"", world.seal)),
    ]
    registered = rows(row(world.seal, "seal"))
    for name, file in table:
        yield paper("structure", name, file, registered, world.setting(), role="ANNEX")
    many = blank()
    for number in range(_MANY):
        many = sealed(many, world.seal, place=Place(field=f"C{number}", room=1_500))
        if number in {2, _MANY - 1}:
            name = f"signed-{number + 1}-times"
            yield paper("structure", name, many, registered, world.setting(), role="ANNEX")


def _subfilters(world: World) -> Iterator[Trial]:
    for subfilter in (
        "adbe.pkcs7.detached",
        "adbe.pkcs7.sha1",
        "adbe.x509.rsa_sha1",
        "ETSI.RFC3161",
        "Vendor.own",
    ):
        yield Trial(
            name=f"subfilter-{subfilter.replace('.', '-').replace('_', '-').lower()}",
            by=world.seal,
            setting=world.setting(),
            place=Place(subfilter=subfilter),
            forms=PDF,
        )


def _containers(world: World) -> Iterator[Trial]:
    above = (world.issuing.der, world.root.der)
    table: list[tuple[str, Recipe]] = [
        ("plain", Recipe()),
        ("with-cas", Recipe(bag=above)),
        ("named-by-key", Recipe(sid=cms.signed_by_key_id, info_version=3, version=3)),
        ("stranger-in-bag", Recipe(bag=(world.leader.der,))),
        ("unlisted-ca-in-bag", Recipe(bag=(world.made("CA la", None, ISSUING).der,))),
        ("version-3", Recipe(version=3)),
        ("version-0", Recipe(version=0)),
        ("version-5", Recipe(version=5)),
        ("signer-version-3", Recipe(info_version=3)),
        ("signer-version-0", Recipe(info_version=0)),
        ("named-by-key-version-1", Recipe(sid=cms.signed_by_key_id, version=3)),
        ("no-digest-algorithms", Recipe(digests=())),
        ("other-digest-algorithm", Recipe(digests=("sha512",))),
        ("more-digest-algorithms", Recipe(digests=("sha256", "sha512"))),
        ("two-signers", Recipe(infos=2)),
        ("no-signer", Recipe(infos=0)),
        ("content-inside", Recipe(encapsulated=b"noi dung khac")),
        ("empty-content-inside", Recipe(encapsulated=b"")),
    ]
    for name, recipe in table:
        yield Trial(name=f"cms-{name}", by=world.seal, setting=world.setting(), recipe=recipe)
    own = Recipe(unsigned=lambda _value: [cms.attribute("1.3.6.1.4.1.55555.9", b"\x05\x00")])
    counter = Recipe(unsigned=lambda value: [_countersigned(world, value)])
    for name, recipe in (("unknown-unsigned", own), ("countersigned", counter)):
        yield Trial(name=f"cms-{name}", by=world.seal, setting=world.setting(), recipe=recipe)


def _countersigned(world: World, value: bytes) -> bytes:
    info = cms.signer_info(value, world.leader, cms.PLAIN)
    return cms.attribute("1.2.840.113549.1.9.6", info)


def _encodings(world: World) -> Iterator[Trial]:
    """Encodings of the same that are not DER, and what is no CMS at all."""
    table: list[tuple[str, Recipe]] = [
        ("indefinite-length", Recipe(shape=indefinite)),
        ("indefinite-length-inside", Recipe(shape=_indefinite_inside)),
        ("wide-length", Recipe(shape=wide)),
        ("unsorted-attributes", Recipe(sort=False, attributes=_reversed)),
        ("unsorted-when-written", Recipe(shape=_swapped)),
        ("other-content-type", Recipe(shape=_enveloped)),
        ("of-zeros", Recipe(shape=lambda der: bytes(len(der)))),
        ("a-certificate", Recipe(shape=lambda _der: world.seal.der)),
    ]
    for name, recipe in table:
        yield Trial(name=f"cms-{name}", by=world.seal, setting=world.setting(), recipe=recipe)
    # In a PDF zeros would fill up what is missing, and what is too much would be padding.
    alone: list[tuple[str, Recipe]] = [
        ("bytes-behind", Recipe(shape=lambda der: der + b"them")),
        ("zeros-behind", Recipe(shape=lambda der: der + bytes(16))),
        ("cut-short", Recipe(shape=lambda der: der[:-40])),
        ("of-noise", Recipe(shape=lambda der: bytes((n * 7 + 3) % 251 for n in range(len(der))))),
        ("nothing", Recipe(shape=lambda _der: b"")),
    ]
    for name, recipe in alone:
        yield Trial(
            name=f"cms-{name}",
            by=world.seal,
            setting=world.setting(),
            recipe=recipe,
            forms=DETACHED,
        )


def _indefinite_inside(der: bytes) -> bytes:
    kind, signed = elements(inside(der))
    return sequence(kind, indefinite(signed))


def _enveloped(der: bytes) -> bytes:
    _, signed = elements(inside(der))
    return sequence(oid("1.2.840.113549.1.7.3"), explicit(0, inside(signed)))


def _reversed(held: cms.Attributes) -> cms.Attributes:
    return dict(sorted(held.items(), key=lambda item: item[1], reverse=True))


def _swapped(der: bytes) -> bytes:
    """Write the signed attributes in another order than they were signed in."""
    _, signed = elements(inside(der))
    parts = elements(inside(elements(inside(signed))[0]))
    info = elements(inside(elements(inside(parts[-1]))[0]))
    held = elements(inside(info[3]))
    return der.replace(b"".join(held), b"".join(reversed(held)))
