"""OCSP responses in the place of revocation lists, and beside them (RFC 6960)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.conformance.pki import OCSP_SIGNING, SUBSCRIBER, Usage, list_at, unknown
from tests.conformance.revocations import AnswerPlan, Entry, answer, no_check, scope, try_later
from tests.conformance.trial import Trial
from tests.conformance.world import DAY, HOUR, ISSUING, NOW, World, known, next_serial

_RESPONDER = replace(
    SUBSCRIBER,
    usage=("digital_signature",),
    extended=(OCSP_SIGNING,),
    extra=(no_check(),),
)
_PLAN = AnswerPlan(this=NOW - HOUR, next=NOW + 23 * HOUR)


def answers(world: World) -> Iterator[Trial]:
    """Yield trials whose signer's status is told by OCSP."""
    yield from _by_issuer(world)
    yield from _by_delegate(world)
    yield from _by_unexamined_delegate(world)
    yield from _beside_lists(world)


def _told(world: World, **changes: Any) -> bytes:  # noqa: ANN401
    return answer(world.seal, world.issuing, replace(_PLAN, **changes))


def _by_issuer(world: World) -> Iterator[Trial]:
    alone = world.setting().without("issuing")
    other = world.made("CA la", None, ISSUING)
    revoked = {"status": "revoked", "revoked_at": NOW - DAY}
    good = _told(world)
    table: list[tuple[str, bytes]] = [
        ("ocsp-good", good),
        ("ocsp-good-unknown-extension", _told(world, extra=(unknown(critical=False),))),
        ("ocsp-of-this-moment-without-end", _told(world, this=NOW, next=None)),
        ("ocsp-revoked", _told(world, **revoked, reason="keyCompromise")),
        ("ocsp-revoked-without-reason", _told(world, **revoked)),
        ("ocsp-on-hold", _told(world, **revoked, reason="certificateHold")),
        ("ocsp-unknown", _told(world, status="unknown")),
        ("ocsp-about-another", _told(world, serial=next_serial())),
        ("ocsp-of-another-issuer", _told(world, issuer_key=other.key)),
        ("ocsp-signed-by-another", _told(world, signed_by=other.key)),
        ("ocsp-altered", good[:-1] + bytes([good[-1] ^ 1])),
        ("ocsp-critical-unknown", _told(world, extra=(unknown(critical=True),))),
        ("ocsp-overdue", _told(world, this=NOW - 2 * DAY, next=NOW - DAY)),
        ("ocsp-too-old", _told(world, this=NOW - 50 * HOUR, next=NOW + DAY)),
        ("ocsp-without-end", _told(world, this=NOW - HOUR, next=None)),
        ("ocsp-of-tomorrow", _told(world, this=NOW + DAY, next=NOW + 2 * DAY)),
        ("ocsp-try-later", try_later()),
    ]
    for name, told in table:
        yield Trial(name=name, by=world.seal, setting=alone.answered(told))


def _by_delegate(world: World) -> Iterator[Trial]:
    alone = world.setting().without("issuing")
    stranger = world.made("CA la", None, ISSUING)
    ended = replace(_RESPONDER, begins=NOW - 90 * DAY, ends=NOW - DAY)
    for name, delegate in (
        ("ocsp-by-delegate", world.issued("OCSP", _RESPONDER)),
        ("ocsp-by-delegate-of-no-use", world.issued("OCSP", replace(_RESPONDER, extended=None))),
        ("ocsp-by-a-subscriber", world.leader),
        ("ocsp-by-delegate-of-another", world.made("OCSP", stranger, _RESPONDER)),
        ("ocsp-by-delegate-of-root", world.made("OCSP", world.root, _RESPONDER)),
        ("ocsp-by-delegate-that-ended", world.issued("OCSP", ended)),
        ("ocsp-by-self-made-delegate", world.made("OCSP", None, _RESPONDER)),
    ):
        told = _told(world, responder=delegate)
        yield Trial(name=name, by=world.seal, setting=alone.answered(told))
    early = _told(world, responder=world.issued("OCSP", ended), produced=NOW - 2 * DAY)
    yield Trial(name="ocsp-dated-back", by=world.seal, setting=alone.answered(early))
    strange = replace(_RESPONDER, extra=(no_check(), unknown(critical=True)))
    told = _told(world, responder=world.issued("OCSP", strange))
    yield Trial(name="ocsp-by-a-strange-delegate", by=world.seal, setting=alone.answered(told))
    revoked = world.issued("OCSP", replace(_RESPONDER, extra=()))
    entry = Entry(serial=revoked.serial, at=NOW - 90 * HOUR, reason="keyCompromise")
    old = alone.knowing(known("issuing", world.issuing, NOW - 60 * HOUR, entry))
    told = _told(world, responder=revoked)
    yield Trial(name="ocsp-by-a-revoked-delegate", by=world.seal, setting=old.answered(told))


def _by_unexamined_delegate(world: World) -> Iterator[Trial]:
    """A responder without id-pkix-ocsp-nocheck: one of its issuer's lists has to speak for it."""
    alone = world.setting().without("issuing")
    address = "http://crl.example/may-tra-loi"
    plain = replace(_RESPONDER, extra=(list_at(address),))
    delegate = world.issued("OCSP", plain)
    own = (scope(address=address),)  # it speaks of the responder and not of the signer
    fresh = known("issuing", world.issuing, NOW, extra=own)
    old = known("issuing", world.issuing, NOW - 3 * DAY, extra=own)
    ended = world.issued("OCSP", replace(plain, ends=NOW - DAY))
    spoke = {"this": NOW - 30 * HOUR, "produced": NOW - 29 * HOUR}
    for name, by, lists, changes in (
        ("ocsp-by-unexamined-delegate", delegate, (), {}),
        ("ocsp-by-delegate-that-a-list-clears", delegate, (fresh,), {}),
        ("ocsp-by-delegate-that-an-old-list-clears", delegate, (old,), {}),
        ("ocsp-by-delegate-that-a-list-came-too-late-for", ended, (fresh,), spoke),
    ):
        told = _told(world, responder=by, **changes)
        yield Trial(name=name, by=world.seal, setting=alone.knowing(*lists).answered(told))
    usages: tuple[tuple[str, Usage], ...] = (
        ("ocsp-by-delegate-for-commitments", "content_commitment"),
        ("ocsp-by-delegate-for-encipherment", "key_encipherment"),
    )
    for name, usage in usages:
        by = world.issued("OCSP", replace(_RESPONDER, usage=(usage,)))
        told = alone.answered(_told(world, responder=by))
        yield Trial(name=name, by=world.seal, setting=told)
    critical = replace(_RESPONDER, extra=(replace(no_check(), critical=True),))
    told = _told(world, responder=world.issued("OCSP", critical))
    yield Trial(name="ocsp-by-delegate-critically", by=world.seal, setting=alone.answered(told))


def _beside_lists(world: World) -> Iterator[Trial]:
    usual = world.setting()
    entry = Entry(serial=world.seal.serial, at=NOW - DAY, reason="keyCompromise")
    listed = known("issuing", world.issuing, NOW, entry)
    newer = {"this": NOW - HOUR / 2}
    older = {"this": NOW - 5 * HOUR}
    revoked = {"status": "revoked", "revoked_at": NOW - DAY, "reason": "keyCompromise"}
    overdue = known("issuing", world.issuing, NOW - 3 * DAY)
    good = _told(world, **newer)
    table = (
        ("list-overdue-ocsp-good", usual.instead(overdue).answered(good)),
        ("list-good-ocsp-unknown", usual.answered(_told(world, status="unknown"))),
        ("list-good-ocsp-altered", usual.answered(good[:-1] + bytes([good[-1] ^ 1]))),
        ("list-good-newer-ocsp-revoked", usual.answered(_told(world, **newer, **revoked))),
        ("newer-list-revoked-ocsp-good", usual.instead(listed).answered(_told(world, **older))),
    )
    for name, setting in table:
        yield Trial(name=name, by=world.seal, setting=setting)
    root = answer(world.issuing, world.root, _PLAN)
    told = usual.without("root", "issuing").answered(root, _told(world))
    yield Trial(name="ocsp-for-ca-and-signer", by=world.seal, setting=told)
    bad = replace(_PLAN, status="revoked", revoked_at=NOW - DAY, reason="cACompromise")
    told = usual.without("root").answered(answer(world.issuing, world.root, bad))
    yield Trial(name="ocsp-revokes-the-ca", by=world.seal, setting=told)
