"""Signed attributes: RFC 5652 5.3, 11; RFC 5035; ETSI EN 319 122-1 5.1, 5.2."""

from collections.abc import Callable, Iterator

from tests.conformance import cms
from tests.conformance.cms import Attributes, Recipe, attribute
from tests.conformance.der import octets, oid, sequence
from tests.conformance.keys import How, algorithm, digest_algorithm
from tests.conformance.trial import BOTH, DETACHED, Trial
from tests.conformance.world import NOW, World

_ALGORITHMS = "1.2.840.113549.1.9.52"
_COMMITMENT = "1.2.840.113549.1.9.16.2.16"
_APPROVAL = "1.2.840.113549.1.9.16.6.5"


def attributes(world: World) -> Iterator[Trial]:
    """Yield trials of signed attributes."""
    for name, change in (*_general(world), *_naming(world)):
        recipe = Recipe(attributes=change)
        forms = DETACHED if name == "signing-time" else BOTH
        yield Trial(
            name=f"attribute-{name}",
            by=world.seal,
            setting=world.setting(),
            recipe=recipe,
            forms=forms,
        )
    yield Trial(
        name="attribute-none", by=world.seal, setting=world.setting(), recipe=Recipe(bare=True)
    )


_Change = tuple[str, Callable[[Attributes], Attributes]]


def _general(world: World) -> list[_Change]:
    commitment = attribute(_COMMITMENT, sequence(oid(_APPROVAL)))
    own = attribute("1.3.6.1.4.1.55555.8", b"\x05\x00")
    signed_data = attribute(cms.CONTENT_TYPE, oid(cms.SIGNED_DATA))
    two_digests = attribute(cms.MESSAGE_DIGEST, octets(bytes(32)), octets(b"\x01" * 32))
    return [
        ("signing-time", _with(t=cms.time_attribute(NOW))),
        ("commitment", _with(c=commitment)),
        ("unknown-signed", _with(o=own)),
        ("algorithm-protection", _with(a=_protection(world))),
        ("no-content-type", _without(cms.CONTENT_TYPE)),
        ("other-content-type", _instead(cms.CONTENT_TYPE, signed_data)),
        ("content-type-twice", _twice(cms.CONTENT_TYPE)),
        ("no-message-digest", _without(cms.MESSAGE_DIGEST)),
        ("message-digest-twice", _twice(cms.MESSAGE_DIGEST)),
        ("message-digest-of-two-values", _instead(cms.MESSAGE_DIGEST, two_digests)),
        (
            "message-digest-without-value",
            _instead(cms.MESSAGE_DIGEST, attribute(cms.MESSAGE_DIGEST)),
        ),
    ]


def _protection(world: World) -> bytes:
    """Return cmsAlgorithmProtection (RFC 6211) that fits."""
    whole = algorithm(world.seal.key, How())
    return attribute(_ALGORITHMS, sequence(digest_algorithm("sha256"), b"\xa1" + whole[1:]))


def _naming(world: World) -> list[_Change]:
    seal, leader, issuing = world.seal, world.leader, world.issuing

    def naming(value: bytes) -> Callable[[Attributes], Attributes]:
        return _instead(cms.NAMED_V2, value)

    own, other = cms.issuer_serial(seal), cms.issuer_serial(leader)
    return [
        ("named-with-serial", naming(cms.named(seal.der, serial=own))),
        ("named-by-sha384", naming(cms.named(seal.der, digest="sha384"))),
        ("named-by-sha512", naming(cms.named(seal.der, digest="sha512"))),
        ("named-with-issuer", naming(cms.named(seal.der, issuing.der))),
        ("not-named", _without(cms.NAMED_V2)),
        ("named-by-v1-only", naming(cms.named_v1(seal.der))),
        ("named-by-sha1", naming(cms.named(seal.der, digest="sha1"))),
        ("another-named", naming(cms.named(leader.der))),
        ("issuer-named-first", naming(cms.named(issuing.der, seal.der))),
        ("named-with-another-serial", naming(cms.named(seal.der, serial=other))),
        ("nobody-named", naming(cms.named())),
    ]


def _with(**more: bytes) -> Callable[[Attributes], Attributes]:
    return lambda held: {**held, **more}


def _without(kind: str) -> Callable[[Attributes], Attributes]:
    return lambda held: {one: value for one, value in held.items() if one != kind}


def _instead(kind: str, value: bytes) -> Callable[[Attributes], Attributes]:
    return lambda held: {**held, kind: value}


def _twice(kind: str) -> Callable[[Attributes], Attributes]:
    return lambda held: {**held, f"{kind}#": held[kind]}
