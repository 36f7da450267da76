"""Revocation lists: known, usable, fresh, and what they say (RFC 5280 6.3, EN 319 102-1 5.2.5)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.signing.validation.material import Listed
from tests.conformance import cms
from tests.conformance.case import Case
from tests.conformance.cases.answers import answers
from tests.conformance.keys import How
from tests.conformance.pki import SUBSCRIBER, Extension, list_at, named, unknown
from tests.conformance.revocations import Entry, delta, keeps_expired_since, scope
from tests.conformance.trial import Trial, cases
from tests.conformance.world import (
    DAY,
    HOUR,
    ISSUING,
    NOW,
    World,
    known,
    next_serial,
    row,
    rows,
    yearly,
)

_MINUTE = timedelta(minutes=1)
_OTHERS = tuple(
    Entry(serial=next_serial(), at=NOW - one * DAY, reason="superseded") for one in range(1, 200)
)


def revocation(world: World) -> Iterator[Case]:
    """Yield the cases of this dimension."""
    yield from cases("revocation", _usable(world))
    yield from cases("revocation", _scoped(world))
    yield from cases("revocation", _fresh(world))
    yield from cases("revocation", _authorities(world))
    yield from cases("revocation", _revoked(world))
    yield from cases("revocation", _several(world))
    yield from cases("revocation", _stamped(world))
    yield from cases("revocation", _registered(world))
    yield from cases("revocation", _expired(world))
    yield from cases("revocation", answers(world))


def _listed(world: World, *entries: Entry, **changes: Any) -> Listed:  # noqa: ANN401
    return known("issuing", world.issuing, NOW, *entries, **changes)


def _usable(world: World) -> Iterator[Trial]:
    other = Entry(serial=next_serial(), at=NOW - DAY)
    stranger = world.made("CA la", None, ISSUING)
    own = Extension("1.3.6.1.4.1.55555.7.1", b"\x05\x00")
    critical = replace(other, extra=(replace(own, critical=True),))
    table: list[tuple[str, Listed]] = [
        ("empty-list", _listed(world)),
        ("others-revoked", _listed(world, *_OTHERS)),
        ("unknown-extension-in-list", _listed(world, extra=(unknown(critical=False),))),
        ("unknown-extension-in-entry", _listed(world, replace(other, extra=(own,)))),
        ("list-signed-with-sha384", _listed(world, how=How("sha384"))),
        ("list-signed-by-another", _listed(world, signed_by=stranger.key)),
        ("list-of-another-name", _listed(world, issuer_name=named("Khac"))),
        ("list-of-another-authority", known("issuing", stranger, NOW)),
        ("critical-unknown-in-list", _listed(world, extra=(unknown(critical=True),))),
        ("critical-unknown-in-entry", _listed(world, critical)),
        ("delta-list-only", _listed(world, extra=(delta(1),), number=2)),
        ("indirect-list", _listed(world, extra=(scope(indirect=True),))),
        ("list-of-tomorrow-only", known("issuing", world.issuing, NOW + DAY)),
        ("list-altered", _altered(_listed(world))),
    ]
    usual = world.setting()
    for name, listed in table:
        yield Trial(name=name, by=world.seal, setting=usual.instead(listed))
    yield Trial(name="no-list", by=world.seal, setting=usual.without("issuing"))
    yield Trial(name="no-list-at-all", by=world.seal, setting=replace(usual, lists=()))
    branch = world.branch(ca=replace(ISSUING, usage=("key_cert_sign",)))
    yield Trial(name="issuer-may-not-sign-lists", by=branch.seal, setting=branch.setting)


def _altered(listed: Listed) -> Listed:
    der = listed.der
    return replace(listed, der=der[:-1] + bytes([der[-1] ^ 1]))


def _scoped(world: World) -> Iterator[Trial]:
    address = "http://crl.example/phan-1"
    by = world.issued("Văn phòng Chính phủ", replace(SUBSCRIBER, extra=(list_at(address),)))
    for name, extension in (
        ("list-for-users-only", scope(users_only=True)),
        ("list-of-its-address", scope(address=address)),
        ("list-of-another-address", scope(address="http://crl.example/phan-2")),
        ("list-for-authorities-only", scope(authorities_only=True)),
        ("list-for-some-reasons-only", scope(some_reasons=True)),
    ):
        listed = _listed(world, extra=(extension,))
        yield Trial(name=name, by=by, setting=world.setting().instead(listed))


def _fresh(world: World) -> Iterator[Trial]:
    for name, this, following in (
        ("list-of-this-moment", NOW, NOW + DAY),
        ("list-of-47-hours", NOW - 47 * HOUR, NOW + HOUR),
        ("list-of-48-hours", NOW - 48 * HOUR, NOW + HOUR),
        ("list-of-48-hours-and-a-minute", NOW - 48 * HOUR - _MINUTE, NOW + HOUR),
        ("list-of-a-month-for-a-year", NOW - 30 * DAY, NOW + 335 * DAY),
        ("list-overdue-for-a-minute", NOW - DAY, NOW - _MINUTE),
        ("list-overdue-for-a-year", NOW - 400 * DAY, NOW - 365 * DAY),
        ("list-without-next-update", NOW - HOUR, None),
    ):
        listed = _listed(world, this=this, next=following)
        yield Trial(name=name, by=world.seal, setting=world.setting().instead(listed))


def _authorities(world: World) -> Iterator[Trial]:
    usual = world.setting()

    def rooted(name: str, *entries: Entry, **changes: Any) -> Trial:  # noqa: ANN401
        listed = yearly("root", world.root, NOW, *entries, **changes)
        return Trial(name=name, by=world.seal, setting=usual.instead(listed))

    ca = Entry(serial=world.issuing.serial, at=NOW - DAY, reason="cACompromise")
    yield rooted("root-list-of-400-days", this=NOW - 9600 * HOUR, next=NOW + DAY)
    yield rooted("root-list-older", this=NOW - 9600 * HOUR - _MINUTE, next=NOW + DAY)
    yield rooted("root-list-overdue", this=NOW - 60 * DAY, next=NOW - DAY)
    yield rooted("root-list-for-authorities-only", extra=(scope(authorities_only=True),))
    yield rooted("root-list-for-users-only", extra=(scope(users_only=True),))
    yield rooted("root-list-altered", signed_by=world.tsa.key)
    yield rooted("ca-revoked", ca, this=NOW - HOUR)
    yield rooted("ca-superseded", replace(ca, reason="superseded"), this=NOW - HOUR)
    yield rooted("another-ca-revoked", replace(ca, serial=next_serial()), this=NOW - HOUR)
    yield Trial(name="no-root-list", by=world.seal, setting=usual.without("root"))


def _revoked(world: World) -> Iterator[Trial]:
    for reason in (
        None,
        "unspecified",
        "keyCompromise",
        "affiliationChanged",
        "superseded",
        "cessationOfOperation",
        "privilegeWithdrawn",
        "certificateHold",
    ):
        entry = Entry(serial=world.seal.serial, at=NOW - 3 * DAY, reason=reason)
        setting = world.setting(NOW, *_OTHERS[:20], entry)
        yield Trial(name=f"revoked-{reason or 'without-reason'}", by=world.seal, setting=setting)
    entry = Entry(serial=world.seal.serial, at=NOW - 3 * DAY, reason="keyCompromise")
    for name, changes in (
        ("revoked-in-a-list-overdue", {"this": NOW - 2 * DAY, "next": NOW - DAY}),
        ("revoked-in-a-list-too-old", {"this": NOW - 60 * HOUR, "next": NOW + DAY}),
    ):
        listed = _listed(world, entry, **changes)
        yield Trial(name=name, by=world.seal, setting=world.setting().instead(listed))
    forged = _listed(world, entry, signed_by=world.tsa.key)
    yield Trial(
        name="revoked-in-a-forged-list", by=world.seal, setting=world.setting().knowing(forged)
    )


def _several(world: World) -> Iterator[Trial]:
    usual = world.setting().without("issuing")
    entry = Entry(serial=world.seal.serial, at=NOW - 3 * DAY, reason="keyCompromise")
    held = replace(entry, reason="certificateHold")
    old = known("issuing", world.issuing, NOW - 10 * HOUR)
    new = _listed(world, number=2)
    old_held = known("issuing", world.issuing, NOW - 10 * HOUR, held)
    tomorrow = known("issuing", world.issuing, NOW + DAY, entry, number=3)
    table = (
        ("newer-list-revokes", (old, _listed(world, entry, number=2))),
        ("newer-list-revokes-given-first", (_listed(world, entry, number=2), old)),
        ("newer-list-releases", (old_held, new)),
        ("newer-list-holds", (old, _listed(world, held, number=2))),
        ("newer-list-altered", (old, _altered(new))),
        ("newer-list-is-of-tomorrow", (new, tomorrow)),
        ("newer-list-is-a-delta", (old, _listed(world, extra=(delta(1),), number=2))),
    )
    for name, lists in table:
        yield Trial(name=name, by=world.seal, setting=usual.knowing(*lists))


def _stamped(world: World) -> Iterator[Trial]:
    revoked_at = NOW - 10 * DAY

    def trial(name: str, stamped_at: datetime, **changes: Any) -> Trial:  # noqa: ANN401
        entry = Entry(serial=world.seal.serial, at=revoked_at, reason="keyCompromise")
        setting = world.setting(NOW, replace(entry, **changes))
        recipe = cms.Recipe(unsigned=world.stamped(stamped_at))
        return Trial(name=name, by=world.seal, setting=setting, recipe=recipe)

    yield trial("revoked-since-the-stamp", revoked_at - DAY)
    yield trial("superseded-since-the-stamp", revoked_at - DAY, reason="superseded")
    yield trial("invalid-since-after-the-stamp", revoked_at - DAY, invalid_since=revoked_at - HOUR)
    yield trial("revoked-when-stamped", revoked_at)
    yield trial("stamped-after-revocation", revoked_at + DAY)
    yield trial("invalid-since-before-the-stamp", revoked_at - DAY, invalid_since=NOW - 20 * DAY)
    yield trial("invalid-since-after-revocation", revoked_at + DAY, invalid_since=NOW - 2 * DAY)
    stamped = cms.Recipe(unsigned=world.stamped(NOW - 20 * DAY))
    ca = Entry(serial=world.issuing.serial, at=revoked_at, reason="keyCompromise")
    setting = world.setting().instead(yearly("root", world.root, NOW, ca, this=NOW - HOUR))
    yield Trial(name="ca-revoked-since-the-stamp", by=world.seal, setting=setting, recipe=stamped)
    since = known("issuing", world.issuing, NOW - 19 * DAY)
    setting = world.setting().instead(since)
    yield Trial(name="list-after-the-stamp-overdue", by=world.seal, setting=setting, recipe=stamped)
    before = known("issuing", world.issuing, NOW - 21 * DAY)
    setting = world.setting().instead(before)
    yield Trial(
        name="list-before-the-stamp-overdue", by=world.seal, setting=setting, recipe=stamped
    )


def _registered(world: World) -> Iterator[Trial]:
    """A signer who is revoked in the register too, with a stamp of before."""
    at = NOW - 10 * DAY
    entry = Entry(serial=world.seal.serial, at=at, reason="superseded")
    usual = world.setting(NOW, entry)
    stale = usual.instead(known("stamping", world.stamping, NOW - 5 * DAY))
    revoked = replace(row(world.seal, "seal"), state="revoked", revoked_at=at)
    for name, setting, stamped_at in (
        ("registered-as-revoked-since-the-stamp", usual, at - DAY),
        ("registered-as-revoked-stamp-not-known", stale, at - DAY),
        ("registered-as-revoked-stamp-too-late", stale, at + DAY),
    ):
        recipe = cms.Recipe(unsigned=world.stamped(stamped_at))
        registered = rows(revoked)
        yield Trial(name=name, by=world.seal, setting=setting, recipe=recipe, registered=registered)


def _expired(world: World) -> Iterator[Trial]:
    """A list that came after a certificate's end need not tell of it (RFC 5280 3.3)."""
    ends = NOW - 30 * DAY
    by = world.issued("Văn phòng Chính phủ", replace(SUBSCRIBER, ends=ends))
    recipe = cms.Recipe(unsigned=world.stamped(ends - DAY))
    entry = Entry(serial=by.serial, at=ends - 2 * DAY, reason="keyCompromise")
    for name, listed in (
        ("list-after-the-end", _listed(world)),
        ("list-keeps-expired", _listed(world, extra=(keeps_expired_since(ends - 300 * DAY),))),
        ("list-keeps-later-expired", _listed(world, extra=(keeps_expired_since(ends + DAY),))),
        ("list-after-the-end-revokes", _listed(world, entry)),
    ):
        setting = world.setting().instead(listed)
        yield Trial(name=name, by=by, setting=setting, recipe=recipe)
