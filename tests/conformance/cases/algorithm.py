"""Algorithms and key sizes, and until when: EN 319 102-1 5.2.8, the policy's `algorithms.*`."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from tests.conformance import cms
from tests.conformance.case import Case
from tests.conformance.keys import How, Scheme
from tests.conformance.pki import SUBSCRIBER
from tests.conformance.trial import BOTH, DETACHED, PDF, Trial, cases
from tests.conformance.world import HOUR, ISSUING, LASTING, World, known

_GOOD: tuple[tuple[str, Scheme, tuple[str, ...]], ...] = (
    ("p256", "ecdsa", ("sha256", "sha384", "sha512")),
    ("p384", "ecdsa", ("sha256", "sha384", "sha512")),
    ("p521", "ecdsa", ("sha256", "sha384", "sha512")),
    ("rsa2048", "pkcs1v15", ("sha256", "sha384", "sha512")),
    ("rsa3072", "pkcs1v15", ("sha256", "sha512")),
    ("rsa2048", "pss", ("sha256", "sha384", "sha512")),
    ("rsa3072", "pss", ("sha256", "sha512")),
    ("rsa2048", "rsa", ("sha256",)),
)
_BAD: tuple[tuple[str, Scheme, str], ...] = (
    ("rsa2048", "pkcs1v15", "md5"),
    ("rsa2048", "pkcs1v15", "sha1"),
    ("rsa2048", "pkcs1v15", "sha224"),
    ("rsa2048", "pss", "sha1"),
    ("p256", "ecdsa", "sha1"),
    ("p256", "ecdsa", "sha224"),
    ("p256", "ecdsa", "sha3_256"),
    ("rsa1024", "pkcs1v15", "sha256"),
    ("rsa1536", "pkcs1v15", "sha256"),
    ("rsa1024", "pss", "sha256"),
    ("p224", "ecdsa", "sha256"),
    ("k256", "ecdsa", "sha256"),
    ("bp256", "ecdsa", "sha256"),
    ("ed25519", "ed25519", "sha512"),
    ("dsa2048", "dsa", "sha256"),
)


def algorithm(world: World) -> Iterator[Case]:
    """Yield the cases of this dimension."""
    yield from cases("algorithm", _signatures(world))
    yield from cases("algorithm", _authorities(world))
    yield from cases("algorithm", _later(world))


def _signatures(world: World) -> Iterator[Trial]:
    kinds = dict.fromkeys(kind for kind, *_ in (*_GOOD, *_BAD))
    holders = {kind: world.issued("Văn phòng Chính phủ", kind=kind) for kind in kinds}
    usual = world.setting()
    table: list[tuple[str, Scheme, str]] = [
        (kind, scheme, digest) for kind, scheme, digests in _GOOD for digest in digests
    ]
    for place, (kind, scheme, digest) in enumerate([*table, *_BAD]):
        # Half of the good ones in one form each: the algorithms are the same code in both.
        forms = BOTH if (kind, scheme, digest) in _BAD else (PDF, DETACHED)[place % 2]
        yield Trial(
            name=f"{kind}-{scheme}-{digest.replace('_', '-')}",
            by=holders[kind],
            setting=usual,
            recipe=cms.Recipe(how=How(digest, scheme)),
            forms=forms,
        )


def _authorities(world: World) -> Iterator[Trial]:
    for kind in ("p384", "p521", "rsa2048", "rsa3072", "rsa1024", "k256", "p224"):
        branch = world.branch(kind=kind)
        yield Trial(name=f"ca-{kind}", by=branch.seal, setting=branch.setting)
    sha1, sha512 = How("sha1"), How("sha512")
    for name, ca, leaf, kind in (
        ("signer-certified-with-sha512", ISSUING, replace(SUBSCRIBER, how=sha512), "p256"),
        ("signer-certified-with-pss", ISSUING, replace(SUBSCRIBER, how=_PSS), "rsa2048"),
        ("signer-certified-with-sha1", ISSUING, replace(SUBSCRIBER, how=sha1), "p256"),
        ("signer-certified-with-rsa-sha1", ISSUING, replace(SUBSCRIBER, how=sha1), "rsa2048"),
        ("signer-certified-with-md5", ISSUING, replace(SUBSCRIBER, how=How("md5")), "rsa2048"),
        ("ca-certified-with-sha1", replace(ISSUING, how=sha1), SUBSCRIBER, "p256"),
    ):
        branch = world.branch(ca=ca, leaf=leaf, kind=kind)
        yield Trial(name=name, by=branch.seal, setting=branch.setting)


_PSS = How("sha256", "pss")


def _later(world: World) -> Iterator[Trial]:
    """The policy lets RSA of 2048 bits be used to the end of 2030, all else to that of 2040."""
    last = datetime(2030, 12, 31, 12, tzinfo=UTC)
    first = datetime(2031, 1, 1, 12, tzinfo=UTC)
    far = datetime(2041, 1, 1, 12, tzinfo=UTC)
    old = world.issued("Văn phòng Chính phủ", LASTING, kind="rsa2048")
    longer = world.issued("Văn phòng Chính phủ", LASTING, kind="rsa3072")
    stamped = cms.Recipe(unsigned=world.stamped(last))
    late = cms.Recipe(unsigned=world.stamped(first))
    for name, by, at, recipe in (
        ("rsa2048-on-its-last-day", old, last, cms.PLAIN),
        ("rsa2048-the-day-after", old, first, cms.PLAIN),
        ("rsa2048-stamped-in-time", old, first, stamped),
        ("rsa2048-stamped-in-time-seen-in-2035", old, datetime(2035, 6, 1, tzinfo=UTC), stamped),
        ("rsa2048-stamped-too-late", old, datetime(2031, 2, 1, tzinfo=UTC), late),
        ("rsa3072-in-2031", longer, first, cms.PLAIN),
        ("p256-in-2031", world.lasting, first, cms.PLAIN),
        ("rsa3072-in-2041", longer, far, cms.PLAIN),
        ("p256-in-2041", world.lasting, far, cms.PLAIN),
    ):
        yield Trial(name=name, by=by, at=at, setting=world.setting(at), recipe=recipe)
    for name, at, recipe in (
        ("ca-rsa2048-in-2031", first, cms.PLAIN),
        ("ca-rsa2048-stamped-in-time", first, stamped),
    ):
        branch = world.branch(leaf=LASTING, kind="rsa2048", at=at)
        # A list of 2031 would be signed with that key too late.
        setting = branch.setting.instead(known("branch", branch.ca, last + 6 * HOUR))
        yield Trial(name=name, by=branch.seal, at=at, setting=setting, recipe=recipe)
