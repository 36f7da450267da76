"""The signer's certificate, the digest and the signature's value: EN 319 102-1 5.2.3, 5.2.7."""

import hashlib
from collections.abc import Callable, Iterator

from tests.conformance import cms
from tests.conformance.cms import Recipe, attribute
from tests.conformance.der import integer, octets, sequence
from tests.conformance.pki import SUBSCRIBER, issue
from tests.conformance.trial import Trial
from tests.conformance.world import NOW, World, next_serial


def values(world: World) -> Iterator[Trial]:
    """Yield trials of values that are not right."""
    for name, recipe in (*_signers(world), *_digests(), *_wrong(world)):
        yield Trial(name=name, by=world.seal, setting=world.setting(), recipe=recipe)
    yield _rsa(world, "value-of-rsa-longer", lambda value: b"\x00" + value)
    yield _rsa(world, "value-of-rsa-altered", lambda value: bytes([value[0] ^ 1]) + value[1:])
    yield _rsa(world, "value-of-rsa-zero", lambda value: bytes(len(value)))
    yield _rsa(world, "value-of-rsa-one", lambda value: bytes(len(value) - 1) + b"\x01")


def _rsa(world: World, name: str, change: Callable[[bytes], bytes]) -> Trial:
    recipe = Recipe(value=change)
    return Trial(name=name, by=world.rsa_seal, setting=world.setting(), recipe=recipe)


def _signers(world: World) -> list[tuple[str, Recipe]]:
    seal = world.seal
    # The same key in another certificate: who is bound must not be changed afterwards.
    twin = issue(seal.name, seal.key, world.issuing, SUBSCRIBER, serial=next_serial())
    swapped = Recipe(bag_signer=twin.der, sid=lambda _by: twin.issuer_and_serial)
    nobody = sequence(seal.issuer.public_bytes(), integer(next_serial()))
    return [
        ("signer-not-brought", Recipe(brings_itself=False)),
        ("signer-not-brought-but-cas", Recipe(brings_itself=False, bag=(world.issuing.der,))),
        ("signer-unknown", Recipe(sid=lambda _by: nobody)),
        ("signer-swapped", swapped),
    ]


def _digests() -> list[tuple[str, Recipe]]:
    def telling(value: bytes) -> Recipe:
        told = attribute(cms.MESSAGE_DIGEST, octets(value))
        return Recipe(attributes=lambda held: {**held, cms.MESSAGE_DIGEST: told})

    return [
        ("digest-of-another", telling(hashlib.sha256(b"khac").digest())),
        ("digest-of-zeros", telling(bytes(32))),
        ("digest-cut-short", telling(bytes(20))),
        ("digest-empty", telling(b"")),
    ]


def _wrong(world: World) -> list[tuple[str, Recipe]]:
    def as_written(ought: bytes) -> bytes:
        return b"\xa0" + ought[1:]

    later = cms.time_attribute(NOW)
    zero = sequence(integer(0), integer(0))
    return [
        ("value-altered", Recipe(value=lambda value: value[:-1] + bytes([value[-1] ^ 1]))),
        ("value-empty", Recipe(value=lambda _value: b"")),
        ("value-of-zeros", Recipe(value=lambda _value: zero)),
        ("value-with-bytes-behind", Recipe(value=lambda value: value + b"\x00")),
        ("value-of-another-key", Recipe(key=world.leader.key)),
        ("value-over-implicit-tag", Recipe(over=as_written)),
        ("value-over-nothing", Recipe(over=lambda _ought: b"")),
        ("attribute-added-later", Recipe(late=lambda held: {**held, "t": later})),
    ]
