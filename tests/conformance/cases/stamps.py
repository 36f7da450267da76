"""Signature time stamps: RFC 3161, RFC 5816, EN 319 102-1 5.4, 5.5."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from tests.conformance import cms
from tests.conformance.case import Case
from tests.conformance.cases.units import MADE, retired, waiting
from tests.conformance.cms import Recipe, StampPlan
from tests.conformance.keys import How
from tests.conformance.pki import (
    EMAIL,
    STAMPER,
    SUBSCRIBER,
    TIME_STAMPING,
    Holder,
    Profile,
    unknown,
)
from tests.conformance.revocations import Entry
from tests.conformance.trial import Trial, cases
from tests.conformance.world import (
    DAY,
    ISSUING,
    NOW,
    Setting,
    World,
    authority,
    known,
)

_ENDED = NOW - 10 * DAY


def stamps(world: World) -> Iterator[Case]:
    """Yield the cases of this dimension."""
    ended = world.issued("Văn phòng Chính phủ", replace(SUBSCRIBER, ends=_ENDED))
    yield from cases("stamps", _good(world, ended))
    yield from cases("stamps", _broken(world, ended))
    yield from cases("stamps", _untrusted(world, ended))
    yield from cases("stamps", _several(world, ended))
    for name, setting in retired(world):
        yield from cases("stamps", _saves(world, ended, name, world.stamped(MADE), setting))
    yield from cases("stamps", waiting(world))


def _saves(
    world: World,
    ended: Holder,
    name: str,
    unsigned: Callable[[bytes], list[bytes]],
    setting: Setting | None = None,
) -> Iterator[Trial]:
    """Yield the same stamp on a signature that needs it and on one that does not."""
    recipe = Recipe(unsigned=unsigned)
    alone = setting or world.setting()
    between = alone.instead(known("issuing", world.issuing, _ENDED - DAY))
    yield Trial(name=f"{name}-needed", by=ended, setting=between, recipe=recipe)
    yield Trial(name=f"{name}-not-needed", by=world.seal, setting=alone, recipe=recipe)


def _good(world: World, ended: Holder) -> Iterator[Trial]:
    usual = Recipe()
    rsa = world.made("Dau thoi gian RSA", world.stamping, STAMPER, kind="rsa2048")
    large = world.made("Dau thoi gian P-384", world.stamping, STAMPER, kind="p384")
    plan = StampPlan(at=MADE)
    pss = replace(plan, recipe=Recipe(how=How("sha256", "pss")))
    table: list[tuple[str, Holder, StampPlan]] = [
        ("stamp", world.tsa, plan),
        ("stamp-by-rsa", rsa, plan),
        ("stamp-by-pss", rsa, pss),
        ("stamp-by-p384", large, replace(plan, recipe=Recipe(how=How("sha384")))),
        ("stamp-of-sha384", world.tsa, replace(plan, digest="sha384")),
        ("stamp-of-sha512", world.tsa, replace(plan, digest="sha512")),
        ("stamp-with-nonce", world.tsa, replace(plan, nonce=2**63 + 5, accuracy=True)),
        (
            "stamp-with-its-ca",
            world.tsa,
            replace(plan, recipe=replace(usual, bag=(world.stamping.der,))),
        ),
        ("stamp-with-an-extension", world.tsa, replace(plan, extra=(unknown(critical=False),))),
    ]
    for name, tsa, one in table:
        yield from _saves(world, ended, name, cms.stamped((tsa, one)))
    yield from _saves(world, ended, "no-stamp", lambda _value: [])


def _broken(world: World, ended: Holder) -> Iterator[Trial]:
    plan = StampPlan(at=MADE)

    def bent(value: bytes) -> bytes:
        return value[:-1] + bytes([value[-1] ^ 1])

    other_digest = cms.attribute(cms.MESSAGE_DIGEST, b"\x04\x20" + bytes(32))
    table: list[tuple[str, StampPlan]] = [
        ("stamp-of-another", replace(plan, imprint_of=b"khac")),
        ("stamp-of-nothing", replace(plan, imprint_of=b"")),
        ("stamp-altered", replace(plan, recipe=Recipe(value=bent))),
        ("stamp-by-another-key", replace(plan, recipe=Recipe(key=world.leader.key))),
        (
            "stamp-with-another-digest",
            replace(
                plan,
                recipe=Recipe(attributes=lambda held: {**held, cms.MESSAGE_DIGEST: other_digest}),
            ),
        ),
        ("stamp-of-another-sha512", replace(plan, imprint_of=b"khac", digest="sha512")),
    ]
    for name, one in table:
        yield from _saves(world, ended, name, cms.stamped((world.tsa, one)))
    early, late = _later_time(world)
    yield from _saves(world, ended, "stamp-moved-earlier", early)
    yield from _saves(world, ended, "stamp-moved-later", late)


def _later_time(
    world: World,
) -> tuple[Callable[[bytes], list[bytes]], Callable[[bytes], list[bytes]]]:
    """Return stamps whose time was written over after they were made."""

    def moved(to: datetime) -> Callable[[bytes], list[bytes]]:
        def make(value: bytes) -> list[bytes]:
            token = cms.stamp(value, world.tsa, StampPlan(at=MADE))
            old, new = (f"{at:%Y%m%d%H%M%SZ}".encode() for at in (MADE, to))
            return [cms.attribute(cms.STAMP, token.replace(old, new))]

        return make

    return moved(MADE - DAY), moved(MADE + DAY)


def _untrusted(world: World, ended: Holder) -> Iterator[Trial]:
    plan = StampPlan(at=MADE)
    strange_ca = world.made("CA dau thoi gian la", None, ISSUING)
    strange = world.made("Dau thoi gian la", strange_ca, STAMPER)
    usual = world.setting()
    yield from _saves(world, ended, "stamp-of-a-stranger", cms.stamped((strange, plan)))
    alone = world.made("Dau thoi gian tu ky", None, STAMPER)
    yield from _saves(world, ended, "stamp-self-signed", cms.stamped((alone, plan)))
    for name, profile in _profiles():
        tsa = world.made("Dau thoi gian", world.stamping, profile)
        yield from _saves(world, ended, name, cms.stamped((tsa, plan)))
    weak = world.made("Dau thoi gian", world.stamping, STAMPER, kind="rsa1024")
    yield from _saves(world, ended, "stamp-by-rsa1024", cms.stamped((weak, plan)))
    for name, odd in (
        ("stamp-of-version-2", replace(plan, version=2)),
        ("stamp-critical-unknown", replace(plan, extra=(unknown(critical=True),))),
    ):
        yield from _saves(world, ended, name, cms.stamped((world.tsa, odd)))
    sha1 = replace(plan, digest="sha1")
    yield from _saves(world, ended, "stamp-of-sha1", cms.stamped((world.tsa, sha1)))
    sha1 = replace(plan, recipe=Recipe(how=How("sha1")))
    yield from _saves(world, ended, "stamp-signed-with-sha1", cms.stamped((world.tsa, sha1)))
    bag = tuple(sorted((world.stamping.der, world.root.der), reverse=True))
    unsorted = replace(plan, recipe=Recipe(bag=bag, sort=False))
    yield from _saves(world, ended, "stamp-not-sorted", cms.stamped((world.tsa, unsorted)))
    strangers = replace(plan, recipe=Recipe(bag=(strange_ca.der,)))
    yield from _saves(world, ended, "stamp-with-a-stranger", cms.stamped((world.tsa, strangers)))
    misplaced = world.issued("Dau thoi gian", STAMPER)
    yield from _saves(world, ended, "stamp-of-a-ca-for-signers", cms.stamped((misplaced, plan)))
    entry = Entry(serial=world.tsa.serial, at=NOW - 20 * DAY, reason="keyCompromise")
    revoked = usual.instead(known("stamping", world.stamping, NOW, entry))
    yield from _saves(world, ended, "stamp-of-revoked", world.stamped(MADE), revoked)
    stale = usual.instead(known("stamping", world.stamping, NOW - 5 * DAY))
    yield from _saves(world, ended, "stamp-with-an-old-list", world.stamped(MADE), stale)
    no_longer = usual.trusting(
        authority("stamping", world.stamping, "timestamp", until=NOW - 100 * DAY)
    )
    yield from _saves(world, ended, "stamp-of-a-ca-no-longer", world.stamped(MADE), no_longer)


def _profiles() -> tuple[tuple[str, Profile], ...]:
    return (
        ("stamp-use-not-critical", replace(STAMPER, extended_critical=False)),
        ("stamp-use-not-alone", replace(STAMPER, extended=(TIME_STAMPING, EMAIL))),
        ("stamp-use-another", replace(STAMPER, extended=(EMAIL,))),
        ("stamp-use-missing", replace(STAMPER, extended=None, extended_critical=False)),
        ("stamp-certified-with-sha1", replace(STAMPER, how=How("sha1"))),
        ("stamp-key-for-encipherment", replace(STAMPER, usage=("key_encipherment",))),
        ("stamp-of-ended", replace(STAMPER, ends=NOW - 5 * DAY)),
        ("stamp-of-not-begun", replace(STAMPER, begins=NOW - 5 * DAY)),
    )


def _several(world: World, ended: Holder) -> Iterator[Trial]:
    early, late = StampPlan(at=MADE), StampPlan(at=NOW - 2 * DAY, serial=2)
    strange_ca = world.made("CA dau thoi gian la", None, ISSUING)
    strange = world.made("Dau thoi gian la", strange_ca, STAMPER)
    tsa = world.tsa
    broken = replace(late, imprint_of=b"khac")
    for name, unsigned in (
        ("two-stamps", cms.stamped((tsa, early), (tsa, late))),
        ("late-stamp-only", cms.stamped((tsa, late))),
        ("strange-and-good-stamp", cms.stamped((strange, late), (tsa, early))),
        ("strange-early-and-late-stamp", cms.stamped((strange, early), (tsa, late))),
        ("good-and-broken-stamp", cms.stamped((tsa, early), (tsa, broken))),
    ):
        yield from _saves(world, ended, name, unsigned)
