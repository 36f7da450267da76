"""Time-stamping units: retired ones, and those of which a list is wanting (RFC 3161 4)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from tests.conformance import cms
from tests.conformance.cms import Recipe, StampPlan
from tests.conformance.pki import STAMPER, SUBSCRIBER, Holder
from tests.conformance.revocations import Entry
from tests.conformance.trial import Trial
from tests.conformance.world import (
    DAY,
    ISSUING,
    NOW,
    SIGNERS,
    Setting,
    World,
    authority,
    known,
)

MADE = NOW - 12 * DAY
_AFTER, _BEFORE = NOW - 5 * DAY, NOW - 15 * DAY


def retired(world: World) -> Iterator[tuple[str, Setting]]:
    """Yield what is known of the unit that made a stamp at MADE."""
    table: list[tuple[str, str | None, datetime, datetime | None]] = [
        ("stamp-of-retired-unit", "superseded", _AFTER, None),
        ("stamp-of-retired-unit-that-ceased", "cessationOfOperation", _AFTER, None),
        ("stamp-of-retired-unit-that-moved", "affiliationChanged", _AFTER, None),
        ("stamp-of-retired-unit-unspecified", "unspecified", _AFTER, None),
        ("stamp-of-unit-revoked-without-reason", None, _AFTER, None),
        ("stamp-of-unit-compromised", "keyCompromise", _AFTER, None),
        ("stamp-of-unit-withdrawn", "privilegeWithdrawn", _AFTER, None),
        ("stamp-of-unit-on-hold", "certificateHold", _AFTER, None),
        ("stamp-of-unit-retired-before", "superseded", _BEFORE, None),
        ("stamp-of-unit-invalid-before", "superseded", _AFTER, _BEFORE),
    ]
    for name, reason, at, invalid in table:
        entry = Entry(serial=world.tsa.serial, at=at, reason=reason, invalid_since=invalid)
        told = known("stamping", world.stamping, NOW, entry)
        yield name, world.setting().instead(told)


@dataclass(frozen=True, slots=True)
class _Two:
    """An early stamp, of which a list is wanting, and a late one that is good."""

    early: tuple[Holder, StampPlan]
    late: tuple[Holder, StampPlan]
    setting: Setting

    @property
    def both(self) -> Recipe:
        return Recipe(unsigned=cms.stamped(self.early, self.late))

    @property
    def alone(self) -> Recipe:
        return Recipe(unsigned=cms.stamped(self.early))

    @property
    def vain(self) -> Recipe:
        """Return what has a stamp that would not help, whatever becomes known of its unit."""
        tsa, plan = self.early
        return Recipe(unsigned=cms.stamped((tsa, replace(plan, at=NOW - 3 * DAY)), self.late))


def waiting(world: World) -> Iterator[Trial]:
    """Yield signatures that an early stamp may yet save from what a late one came too late for."""
    two = _two(world)
    between = NOW - 10 * DAY
    ended = world.issued("Văn phòng Chính phủ", replace(SUBSCRIBER, ends=between))
    listed = two.setting.instead(known("issuing", world.issuing, between - DAY))
    yield Trial(name="waiting-stamp-before-the-end", by=ended, setting=listed, recipe=two.both)
    yield Trial(name="vain-stamp-after-the-end", by=ended, setting=listed, recipe=two.vain)
    entry = Entry(serial=world.seal.serial, at=between, reason="keyCompromise")
    for name, reason in (("revocation", "keyCompromise"), ("suspension", "certificateHold")):
        told = known("issuing", world.issuing, NOW, replace(entry, reason=reason))
        setting = two.setting.instead(told)
        yield Trial(
            name=f"waiting-stamp-before-{name}", by=world.seal, setting=setting, recipe=two.both
        )
        yield Trial(
            name=f"vain-stamp-after-{name}", by=world.seal, setting=setting, recipe=two.vain
        )
    leaves = two.setting.trusting(authority("issuing", world.issuing, *SIGNERS, until=between))
    for name, recipe in (
        ("waiting-stamp-before-trust-ends", two.both),
        ("waiting-stamp-alone-before-trust-ends", two.alone),
        ("vain-stamp-after-trust-ends", two.vain),
    ):
        yield Trial(name=name, by=world.seal, setting=leaves, recipe=recipe)


def _two(world: World) -> _Two:
    other = world.made("CA dau thoi gian thu hai", world.root, ISSUING)
    late = world.made("Dau thoi gian thu hai", other, STAMPER)
    setting = world.setting().trusting(authority("stamping-2", other, "timestamp"))
    stale = known("stamping", world.stamping, NOW - 20 * DAY)
    return _Two(
        (world.tsa, StampPlan(at=MADE)),
        (late, StampPlan(at=NOW - 2 * DAY, serial=2)),
        setting.instead(stale).knowing(known("stamping-2", other, NOW)),
    )
