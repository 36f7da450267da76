"""One authority with several certificates or keys: EN 319 102-1 5.2.6.4, RFC 5280 6.3.3."""

from collections.abc import Iterator
from dataclasses import replace

from tests.conformance.cms import Recipe
from tests.conformance.pki import AUTHORITY, SUBSCRIBER, issue
from tests.conformance.revocations import Entry
from tests.conformance.trial import Trial
from tests.conformance.world import (
    DAY,
    HOUR,
    ISSUING,
    NOW,
    SIGNERS,
    Setting,
    World,
    authority,
    known,
    next_serial,
    yearly,
)


def renewed(world: World) -> Iterator[Trial]:
    """Yield trials of authorities that are listed more than once."""
    usual = world.setting()
    yield _rekeyed(world, usual)
    yield from _renewed(world, usual)
    yield from _under_another_root(world, usual)
    yield from _listed_twice(world, usual)
    yield _self_issued(world, usual)


def _rekeyed(world: World, usual: Setting) -> Trial:
    """An authority that has two keys under one name."""
    first = world.made("CA doi khoa", world.root, ISSUING)
    second = world.made("CA doi khoa", world.root, ISSUING)
    seal = world.made("Văn phòng Chính phủ", second, SUBSCRIBER)
    setting = usual.trusting(
        authority("old-key", first, *SIGNERS), authority("new-key", second, *SIGNERS)
    ).knowing(known("old-key", first, NOW), known("new-key", second, NOW))
    return Trial(name="ca-with-two-keys", by=seal, setting=setting)


def _renewed(world: World, usual: Setting) -> Iterator[Trial]:
    """An authority with two certificates of one key, of which the first has ended."""
    new = world.made("CA gia han", world.root, ISSUING)
    ended = replace(ISSUING, ends=NOW - 30 * DAY)
    old = issue(new.name, new.key, world.root, ended, serial=next_serial())
    seal = world.made("Văn phòng Chính phủ", new, SUBSCRIBER)
    both = (authority("old-one", old, *SIGNERS), authority("new-one", new, *SIGNERS))
    for name, order in (("before", both), ("behind", both[::-1])):
        setting = usual.trusting(*order).knowing(
            known("old-one", old, NOW), known("new-one", new, NOW)
        )
        yield Trial(name=f"ca-renewed-{name}", by=seal, setting=setting)
    stale = usual.trusting(*both).knowing(known("old-one", old, NOW - 9 * DAY))
    yield Trial(name="ca-renewed-and-its-list-overdue", by=seal, setting=stale)


def _under_another_root(world: World, usual: Setting) -> Iterator[Trial]:
    """An authority whose first certificate leads to no listed root, and has the only list."""
    new = world.made("CA doi goc", world.root, ISSUING)
    left = world.made("CA goc da roi", None, AUTHORITY)
    ended = replace(ISSUING, ends=NOW - 30 * DAY)
    old = issue(new.name, new.key, left, ended, serial=next_serial())
    seal = world.made("Văn phòng Chính phủ", new, SUBSCRIBER)
    both = usual.trusting(authority("old-one", old, *SIGNERS), authority("new-one", new, *SIGNERS))
    revoked = Entry(serial=seal.serial, at=NOW - DAY, reason="keyCompromise")
    name = "ca-renewed-under-another-root"
    yield Trial(name=name, by=seal, setting=both.knowing(known("old-one", old, NOW)))
    told = both.knowing(known("old-one", old, NOW, revoked))
    yield Trial(name=f"{name}-revoked", by=seal, setting=told)


def _listed_twice(world: World, usual: Setting) -> Iterator[Trial]:
    """An authority with two certificates of one key, both valid: it speaks under either name."""
    old = world.made("CA hai chung thu", world.root, ISSUING)
    new = issue(old.name, old.key, world.root, ISSUING, serial=next_serial())
    seal = world.made("Văn phòng Chính phủ", new, SUBSCRIBER)
    both = (authority("old-one", old, *SIGNERS), authority("new-one", new, *SIGNERS))
    revoked = Entry(serial=seal.serial, at=NOW - DAY, reason="keyCompromise")
    telling = known("old-one", old, NOW, revoked, number=2)
    previous = known("new-one", new, NOW - 4 * HOUR)
    brings = Recipe(revocations=(previous.der,))
    for name, order in (("before", both), ("behind", both[::-1])):
        twice = usual.trusting(*order)
        told = twice.knowing(telling)
        listed = f"ca-listed-twice-{name}"
        yield Trial(name=f"{listed}-one-list", by=seal, setting=twice.knowing(previous))
        yield Trial(name=f"{listed}-revoked-in-one", by=seal, setting=told)
        yield Trial(
            name=f"{listed}-revoked-in-one-older-other", by=seal, setting=told.knowing(previous)
        )
        yield Trial(
            name=f"{listed}-revoked-in-one-older-brought", by=seal, setting=told, recipe=brings
        )
    for name, reason in (("replaced", "superseded"), ("on-hold", "certificateHold")):
        gone = Entry(serial=old.serial, at=NOW - DAY, reason=reason)
        setting = usual.trusting(*both).instead(yearly("root", world.root, NOW, gone, this=NOW))
        setting = setting.knowing(previous)
        yield Trial(name=f"ca-listed-twice-one-{name}", by=seal, setting=setting)


def _self_issued(world: World, usual: Setting) -> Trial:
    """An authority that has certified its next key itself, below a path length of 0."""
    name = "CA tu cap"
    first = world.made(name, world.root, ISSUING)
    second = world.made(name, first, ISSUING)
    seal = world.made("Văn phòng Chính phủ", second, SUBSCRIBER)
    setting = usual.trusting(
        authority("first-key", first, "authority"), authority("next-key", second, *SIGNERS)
    ).knowing(yearly("first-key", first, NOW), known("next-key", second, NOW))
    return Trial(name="self-issued-between", by=seal, setting=setting)
