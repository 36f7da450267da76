"""The same file judged at different moments, with all that ever became known at hand."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from tests.conformance import cms
from tests.conformance.case import Case
from tests.conformance.pki import SUBSCRIBER, Holder
from tests.conformance.revocations import Entry, keeps_expired_since
from tests.conformance.trial import Trial, cases
from tests.conformance.world import (
    DAY,
    HOUR,
    SIGNERS,
    Setting,
    World,
    authority,
    known,
    yearly,
)

_SIGNED = datetime(2026, 12, 1, 9, tzinfo=UTC)
_HELD = datetime(2027, 2, 1, tzinfo=UTC)
_RELEASED = datetime(2027, 3, 1, tzinfo=UTC)
_REVOKED = datetime(2027, 6, 1, tzinfo=UTC)
_BEGINS = datetime(2026, 11, 1, tzinfo=UTC)
_ENDS = datetime(2027, 12, 31, tzinfo=UTC)

_MOMENTS = {
    "before-it-begins": _BEGINS - DAY,
    "when-signed": _SIGNED,
    "while-held": _HELD + 3 * DAY,
    "when-released": _RELEASED + 3 * DAY,
    "a-day-before-revocation": _REVOKED - DAY,
    "after-revocation": _REVOKED + 3 * DAY,
    "after-its-end": _ENDS + 3 * DAY,
    "years-later": datetime(2033, 5, 5, tzinfo=UTC),
}


def moment(world: World) -> Iterator[Case]:
    """Yield the cases of this dimension: each file is made once and judged often."""
    profile = replace(SUBSCRIBER, begins=_BEGINS, ends=_ENDS)
    by = world.issued("Văn phòng Chính phủ", profile)
    stamped = cms.Recipe(unsigned=world.stamped(_SIGNED + HOUR))
    plain = _history(world)
    revoked = _history(world, by)
    for name, recipe, setting in (
        ("plain", cms.PLAIN, plain),
        ("revoked", cms.PLAIN, revoked),
        ("stamped", stamped, plain),
        ("stamped-revoked", stamped, revoked),
    ):
        trial = Trial(name=name, by=by, setting=setting, recipe=recipe)
        for one in cases("moment", (trial,)):
            yield from _often(one, stamped=recipe is stamped)
    yield from _trust_ends(world)


def _often(case: Case, *, stamped: bool) -> Iterator[Case]:
    kind = case.name.split(".")[1]
    for name, at in _MOMENTS.items():
        # A stamp of a later day would tell a judge of the past of his future.
        if stamped and at < _SIGNED + 2 * HOUR:
            continue
        # Held after the stamp: the standard has no clause for it.
        if kind == "stamped-revoked" and name == "while-held":
            continue
        yield replace(case, name=f"moment.{kind}-{name}.{case.form}", at=at)


def _history(world: World, revoked: Holder | None = None) -> Setting:
    """Return the lists of all moments: newer ones exist, and must not be seen too early."""
    setting = replace(world.setting(), lists=())
    for at in _MOMENTS.values():
        entries: tuple[Entry, ...] = ()
        if revoked and at >= _REVOKED:
            entries = (Entry(serial=revoked.serial, at=_REVOKED, reason="keyCompromise"),)
        elif revoked and _HELD <= at < _RELEASED:
            entries = (Entry(serial=revoked.serial, at=_HELD, reason="certificateHold"),)
        extra = (keeps_expired_since(_BEGINS),) if at.year > _ENDS.year + 1 else ()
        setting = setting.knowing(
            yearly("root", world.root, at),
            known("issuing", world.issuing, at, *entries, extra=extra),
            known("stamping", world.stamping, at),
        )
    return setting


def _trust_ends(world: World) -> Iterator[Case]:
    """A CA leaves the trust list in March 2027."""
    ends = datetime(2027, 3, 1, tzinfo=UTC)
    entry = authority("issuing", world.issuing, *SIGNERS, until=ends)
    for name, at, stamp_at in (
        ("before-trust-ends", ends - DAY, None),
        ("after-trust-ends", ends + DAY, None),
        ("stamped-before-trust-ends", ends + DAY, ends - 2 * DAY),
        ("stamped-after-trust-ends", ends + 3 * DAY, ends + 2 * DAY),
    ):
        recipe = cms.Recipe(unsigned=world.stamped(stamp_at)) if stamp_at else cms.PLAIN
        setting = world.setting(at).trusting(entry)
        yield from cases(
            "moment", (Trial(name=name, by=world.seal, setting=setting, recipe=recipe, at=at),)
        )
