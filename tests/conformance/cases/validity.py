"""Certificates before, in and after their validity: RFC 5280 6.1.3 (a)(2), EN 319 102-1 5.2.6."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.conformance import cms, pdf
from tests.conformance.case import Case
from tests.conformance.pki import SUBSCRIBER
from tests.conformance.trial import Trial, cases
from tests.conformance.world import CA_BEGINS, DAY, HOUR, ISSUING, NOW, World, known

_MINUTE = timedelta(minutes=1)


def validity(world: World) -> Iterator[Case]:
    """Yield the cases of this dimension."""
    yield from cases("validity", _signers(world))
    yield from cases("validity", _authorities(world))
    yield from cases("validity", _stamped(world))


def _signers(world: World) -> Iterator[Trial]:
    usual = world.setting()
    periods = (
        ("begins-now", NOW, NOW + 365 * DAY),
        ("ends-now", NOW - 365 * DAY, NOW),
        ("one-hour-long", NOW - HOUR / 2, NOW + HOUR / 2),
        ("ends-in-2060", NOW - DAY, datetime(2060, 1, 1, tzinfo=UTC)),
        ("never-ends", NOW - DAY, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("began-in-1999", datetime(1999, 1, 1, tzinfo=UTC), NOW + DAY),
        ("ended-a-minute-ago", NOW - 365 * DAY, NOW - _MINUTE),
        ("ended-a-year-ago", NOW - 700 * DAY, NOW - 365 * DAY),
        ("begins-in-a-minute", NOW + _MINUTE, NOW + 365 * DAY),
        ("begins-in-a-year", NOW + 365 * DAY, NOW + 700 * DAY),
        ("ends-before-it-begins", NOW + DAY, NOW - DAY),
    )
    for name, begins, ends in periods:
        by = world.issued("Văn phòng Chính phủ", replace(SUBSCRIBER, begins=begins, ends=ends))
        yield Trial(name=name, by=by, setting=usual)
    old = replace(SUBSCRIBER, begins=NOW - 700 * DAY, ends=NOW - 365 * DAY)
    by = world.issued("Văn phòng Chính phủ", old)
    claimed = NOW - 400 * DAY
    yield Trial(
        name="ended-and-claims-an-earlier-time",
        by=by,
        setting=usual,
        recipe=cms.Recipe(attributes=lambda held: {**held, "t": cms.time_attribute(claimed)}),
        forms=("detached",),
    )
    yield Trial(
        name="ended-and-claims-an-earlier-time",
        by=by,
        setting=usual,
        place=_claiming(claimed),
        forms=("pdf",),
    )


def _authorities(world: World) -> Iterator[Trial]:
    for name, begins, ends in (
        ("ca-ends-tomorrow", CA_BEGINS, NOW + DAY),
        ("ca-began-yesterday", NOW - DAY, NOW + 900 * DAY),
        ("ca-ended-yesterday", CA_BEGINS, NOW - DAY),
        ("ca-begins-tomorrow", NOW + DAY, NOW + 900 * DAY),
    ):
        branch = world.branch(ca=replace(ISSUING, begins=begins, ends=ends))
        yield Trial(name=name, by=branch.seal, setting=branch.setting)


def _stamped(world: World) -> Iterator[Trial]:
    """A time stamp says when; the lists are of a time between it and the certificate's end."""
    begins, ends = NOW - 365 * DAY, NOW - 30 * DAY
    by = world.issued("Văn phòng Chính phủ", replace(SUBSCRIBER, begins=begins, ends=ends))
    between = world.setting().instead(known("issuing", world.issuing, ends - DAY))
    for name, at in (
        ("ended-since-the-stamp", ends - 2 * DAY),
        ("stamped-after-the-end", ends + DAY),
        ("stamped-before-the-begin", begins - DAY),
    ):
        recipe = cms.Recipe(unsigned=world.stamped(at))
        yield Trial(name=name, by=by, setting=between, recipe=recipe)
    ca = replace(ISSUING, ends=NOW - 10 * DAY)
    branch = world.branch(ca=ca)
    lists = known("branch", branch.ca, NOW - 11 * DAY)
    yield Trial(
        name="ca-ended-since-the-stamp",
        by=branch.seal,
        setting=branch.setting.instead(lists),
        recipe=cms.Recipe(unsigned=world.stamped(NOW - 12 * DAY)),
    )


def _claiming(at: datetime) -> pdf.Place:
    return pdf.Place(claimed=f"D:{at:%Y%m%d%H%M%S}Z")
