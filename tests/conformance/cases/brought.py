"""Revocation data in the signature itself: EN 319 122-1 6.3 o-r, RFC 5652 10.2.1, RFC 5940 2."""

from collections.abc import Iterator
from dataclasses import replace

from tests.conformance import cms
from tests.conformance.cms import Recipe, attribute, other_revocation
from tests.conformance.der import explicit, integer, sequence
from tests.conformance.pki import SUBSCRIBER
from tests.conformance.revocations import AnswerPlan, Entry, answer
from tests.conformance.trial import DETACHED, Trial
from tests.conformance.world import DAY, HOUR, ISSUING, NOW, World, known, yearly

_SCVP = "1.3.6.1.5.5.7.16.4"
_MANY_STAMPS, _MANY = 16, 64
_JUNK = sequence(integer(1))


def brought(world: World) -> Iterator[Trial]:
    """Yield trials of signatures that bring what is known of certificates in `crls`."""
    yield from _good(world)
    yield from _bad(world)
    yield from _too_much(world)


def _good(world: World) -> Iterator[Trial]:
    usual = world.setting()
    alone = usual.without("issuing")
    told = other_revocation(answer(world.seal, world.issuing, _plan()))
    listed = known("issuing", world.issuing, NOW).der
    above = yearly("root", world.root, NOW).der
    entry = Entry(serial=world.seal.serial, at=NOW - DAY, reason="keyCompromise")
    revokes = known("issuing", world.issuing, NOW, entry).der
    answered = AnswerPlan(
        this=NOW - HOUR, next=NOW + 23 * HOUR, status="revoked", revoked_at=NOW - DAY
    )
    gone = other_revocation(answer(world.seal, world.issuing, answered))
    other = known("issuing", world.made("CA la", None, ISSUING), NOW).der
    for name, setting, recipe in (
        ("brings-a-list", alone, Recipe(revocations=(listed,))),
        ("brings-an-answer", alone, Recipe(revocations=(told,), version=5)),
        (
            "brings-a-list-and-an-answer",
            alone.without("root"),
            Recipe(revocations=(above, told), version=5),
        ),
        ("brings-a-list-that-revokes", usual, Recipe(revocations=(revokes,))),
        ("brings-an-answer-that-revokes", usual, Recipe(revocations=(gone,), version=5)),
        ("brings-a-list-of-another", alone, Recipe(revocations=(other,))),
    ):
        yield Trial(name=name, by=world.seal, setting=setting, recipe=recipe)
    yield _for_the_stamp(world)


def _plan() -> AnswerPlan:
    return AnswerPlan(this=NOW - HOUR, next=NOW + 23 * HOUR)


def _for_the_stamp(world: World) -> Trial:
    """A signature that needs its stamp, whose authority's list stands beside it."""
    ends = NOW - 10 * DAY
    by = world.issued("Văn phòng Chính phủ", replace(SUBSCRIBER, ends=ends))
    held = (known("issuing", world.issuing, ends - DAY).der, known("", world.stamping, NOW).der)
    recipe = Recipe(revocations=held, unsigned=world.stamped(ends - 2 * DAY))
    setting = world.setting().without("issuing", "stamping")
    return Trial(name="brings-the-stamps-list", by=by, setting=setting, recipe=recipe)


def _bad(world: World) -> Iterator[Trial]:
    listed = known("issuing", world.issuing, NOW).der
    response = answer(world.seal, world.issuing, _plan())
    told = other_revocation(response)
    for name, recipe in (
        ("brings-a-list-of-junk", Recipe(revocations=(_JUNK,))),
        ("brings-an-answer-of-junk", Recipe(revocations=(other_revocation(_JUNK),), version=5)),
        (
            "brings-another-kind",
            Recipe(revocations=(other_revocation(response, _SCVP),), version=5),
        ),
        ("brings-a-bare-answer", Recipe(revocations=(response,))),
        ("brings-a-tag-that-is-none", Recipe(revocations=(b"\xa2" + told[1:],))),
        ("brings-an-answer-version-1", Recipe(revocations=(told,))),
        ("brings-a-list-version-5", Recipe(revocations=(listed,), version=5)),
    ):
        yield Trial(name=name, by=world.seal, setting=world.setting(), recipe=recipe)


def _too_much(world: World) -> Iterator[Trial]:
    """A megabyte holds a quarter of a million empty stamps, each of which would be told of."""
    junk = tuple(sequence(integer(number)) for number in range(_MANY + 1))
    plans = [cms.StampPlan(at=NOW - DAY, serial=number) for number in range(_MANY_STAMPS + 1)]
    stamps = cms.stamped(*((world.tsa, plan) for plan in plans[1:]))
    usual = world.setting()
    yield Trial(
        name="cms-with-16-stamps",
        by=world.seal,
        setting=usual,
        recipe=Recipe(unsigned=stamps),
        forms=DETACHED,
    )
    empty = attribute(cms.STAMP, *junk[: _MANY_STAMPS + 1])
    values = attribute(cms.REVOCATION_VALUES, sequence(explicit(0, sequence(*junk))))
    for name, recipe in (
        ("cms-with-17-stamps", Recipe(unsigned=lambda _value: [empty])),
        ("cms-with-65-lists", Recipe(revocations=junk)),
        ("cms-with-65-lists-as-values", Recipe(unsigned=lambda _value: [values])),
        ("cms-with-66-certificates", Recipe(bag=junk)),
    ):
        yield Trial(name=name, by=world.seal, setting=usual, recipe=recipe)
