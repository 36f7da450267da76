"""Until when signers are proved to have signed: where every signature has a time stamp."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from services.signing.certificate import Registered, State
from services.signing.finding import (
    REVOCATION_UNKNOWN,
    Finding,
    ListUsed,
    Signature,
    TimeStamp,
    Unit,
)
from services.signing.validation.material import digest
from services.signing.validation.policy import NEWEST, load
from services.signing.verdict import (
    Proof,
    heeded,
    judge,
    needed,
    outdated,
    proofs,
    proved,
    unless_revoked,
    used,
)
from shared.ids import AgencyId

POLICY = load(NEWEST.read_bytes())

_ONE, _TWO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


BY_ONE, BY_TWO = frozenset(("tsa of 1",)), frozenset(("tsa of 2",))


def signature(certificate: str, *stamps: datetime | None) -> Signature:
    """Return a sound signature with stamps; None: one that proves nothing."""
    return Signature(
        field="",
        certificate=certificate,
        chain=(),
        algorithm="ecdsa",
        digest="sha256",
        key="ec secp256r1",
        claimed_at=None,
        stamps=tuple(
            TimeStamp(at.isoformat(), "", (f"tsa of {at.month}",)) if at else TimeStamp(None, "")
            for at in stamps
        ),
        coverage="ENTIRE_FILE",
        changed_after="NONE",
        trusted_for=("seal",),
        fits=("seal",),
        indication="TOTAL-PASSED",
        sub_indication=None,
        rule=None,
        problem=None,
        detail="",
        checked=(),
    )


def finding(*signatures: Signature) -> Finding:
    """Return a sound finding."""
    return Finding(
        outcome="sound",
        indication="TOTAL-PASSED",
        sub_indication=None,
        rule=None,
        reason=None,
        detail="",
        signatures=signatures,
        lists=(),
        policy="",
        policy_sha256="",
        checked_at="",
        size=0,
        libraries={},
    )


@pytest.mark.parametrize(
    ("signatures", "expected"),
    [
        ((), {}),
        ((signature("a"),), {}),
        ((signature("a", None),), {}),
        ((signature("a", _TWO, _ONE),), {"a": Proof(_ONE, BY_ONE)}),
        ((signature("a", None, _ONE),), {"a": Proof(_ONE, BY_ONE)}),
        ((signature("a", _ONE), signature("b")), {"a": Proof(_ONE, BY_ONE)}),
        ((signature("a", _ONE), signature("a", _TWO)), {"a": Proof(_TWO, BY_ONE | BY_TWO)}),
        ((signature("a", _ONE), signature("a")), {}),
        ((signature("a"), signature("a", _ONE)), {}),
    ],
)
def test_a_signer_is_proved_when_every_signature_is(
    signatures: tuple[Signature, ...], expected: dict[str, Proof]
) -> None:
    assert proved(finding(*signatures)) == expected


@pytest.mark.parametrize(
    ("state", "revoked_at", "stands"),
    [
        ("good", None, True),
        ("revoked", _TWO, True),
        ("suspended", _TWO, True),
        ("revoked", _ONE, False),
        ("revoked", None, False),
    ],
)
def test_what_is_proved_to_be_older_than_a_revocation_stands_and_nothing_else(
    state: State, revoked_at: datetime | None, *, stands: bool
) -> None:
    agency = AgencyId(uuid4())
    rows = {"a": Registered("a", "seal", agency, "issuing", state, 0, revoked_at)}
    stamped, plain = finding(signature("a", _ONE)), finding(signature("a"))
    verdict = judge(stamped, rows, POLICY, role="ANNEX", sender=agency)
    assert verdict.indication == ("TOTAL-PASSED" if stands else "TOTAL-FAILED")
    unproved = judge(plain, rows, POLICY, role="ANNEX", sender=agency)
    assert (unproved.indication == "TOTAL-PASSED") == (state == "good")
    shown = [unless_revoked(one, rows) for one in (stamped, plain)]
    assert shown == [verdict, unproved], "the same for a file that is only shown"


@pytest.mark.parametrize(("listed", "old"), [({}, False), ({"ca": 7}, False), ({"ca": 6}, True)])
def test_a_state_is_newer_than_lists_that_there_are(listed: dict[str, int], *, old: bool) -> None:
    """An ended authority has none: its certificates' rows say what is to be known."""
    lists = tuple(ListUsed(name, number, "", "", None) for name, number in listed.items())
    row = Registered("a", "seal", AgencyId(UUID(int=1)), "ca", "revoked", 7)
    assert outdated(replace(finding(signature("a")), lists=lists), {"a": row}) == old


def test_a_time_stamp_is_needed_where_a_signature_leans_on_it() -> None:
    plain, leaning = signature("a", _ONE), replace(signature("b", _TWO, _ONE), leans=True)
    assert needed(finding(plain)) == {"a"}
    assert used(finding(plain)) == ["a", "tsa of 1"]
    assert needed(finding(plain, leaning)) == {"a", "b", "tsa of 1"}


def test_an_authority_of_time_stamps_bars_only_what_leans_on_it() -> None:
    sender = AgencyId(UUID(int=1))
    rows = {
        "a": Registered("a", "seal", sender, "ca", "good", 0),
        "tsa of 1": Registered("tsa of 1", "authority", None, "root", "revoked", 0, _TWO),
    }
    one = signature("a", _ONE)
    assert (
        judge(finding(one), rows, POLICY, role="ANNEX", sender=sender).indication == "TOTAL-PASSED"
    )
    said = judge(finding(replace(one, leans=True)), rows, POLICY, role="ANNEX", sender=sender)
    assert said.indication == "TOTAL-FAILED"


@pytest.mark.parametrize(
    ("state", "stands"), [("good", True), ("suspended", False), ("revoked", False)]
)
def test_a_stamp_of_an_authority_that_ended_since_the_look_spares_nothing(
    state: State, *, stands: bool
) -> None:
    """What it had proved is withdrawn before this verdict is there, and not once more."""
    sender = AgencyId(UUID(int=1))
    rows = {
        "a": Registered("a", "seal", sender, "ca", "revoked", 0, _TWO),
        "tsa of 1": Registered("tsa of 1", "authority", None, "root", state, 0, _TWO),
    }
    verdict = judge(finding(signature("a", _ONE)), rows, POLICY, role="ANNEX", sender=sender)
    assert verdict.indication == ("TOTAL-PASSED" if stands else "TOTAL-FAILED")
    assert unless_revoked(finding(signature("a", _ONE)), rows) == verdict


def waiting(certificate: str, *stamps: datetime | None) -> Signature:
    """Return a signature of which it is not known what it is worth."""
    one = signature(certificate, *stamps)
    return replace(one, indication="INDETERMINATE", problem=REVOCATION_UNKNOWN)


@pytest.mark.parametrize(
    ("signatures", "held"),
    [
        ((waiting("a", None),), True),
        ((waiting("a"),), False),
        ((waiting("a", None), signature("a")), False),
        ((waiting("a", None), signature("a", _TWO)), False),
        ((waiting("a", None), signature("a", _ONE)), True),
        ((waiting("b", None), signature("a")), False),
        ((replace(waiting("b", None), chain=("a",)),), False),
    ],
)
def test_what_a_stamp_may_yet_prove_waits_and_nothing_else(
    signatures: tuple[Signature, ...], *, held: bool
) -> None:
    sender = AgencyId(UUID(int=1))
    rows = {
        "a": Registered("a", "seal", sender, "ca", "revoked", 0, _TWO),
        "b": Registered("b", "seal", sender, "ca", "good", 0),
    }
    found = replace(finding(*signatures), outcome="unknown", reason=REVOCATION_UNKNOWN)
    verdict = judge(found, rows, POLICY, role="ANNEX", sender=sender)
    assert verdict.indication == ("INDETERMINATE" if held else "TOTAL-FAILED")


_LATE = datetime(2026, 3, 1, tzinfo=UTC)
SENDING = AgencyId(UUID(int=1))


def unit(since: datetime | None, *, retired: bool = False, state: State = "revoked") -> Registered:
    """Return the row of the unit that stamps at `_ONE`."""
    revoked_at = since if state != "good" else None
    return Registered("tsa of 1", "timestamp", None, "tsa", state, 0, revoked_at, retired)


@pytest.mark.parametrize(
    ("row", "stands"),
    [
        (unit(None, state="good"), True),
        (unit(_TWO, retired=True), True),
        (unit(_ONE, retired=True), False),
        (unit(_TWO), False),
        (unit(_ONE), False),
        (unit(_TWO, state="suspended"), False),
    ],
)
def test_a_revoked_unit_bars_what_leans_on_it_unless_it_was_retired_later(
    row: Registered, *, stands: bool
) -> None:
    rows = {"a": Registered("a", "seal", SENDING, "ca", "good", 0), row.sha256: row}
    one = finding(replace(signature("a", _ONE), leans=True))
    said = judge(one, rows, POLICY, role="ANNEX", sender=SENDING)
    assert said.indication == ("TOTAL-PASSED" if stands else "TOTAL-FAILED")
    plain = judge(finding(signature("a", _ONE)), rows, POLICY, role="ANNEX", sender=SENDING)
    assert plain.indication == "TOTAL-PASSED", "what does not lean on it stays"


@pytest.mark.parametrize(
    ("by", "stands"),
    [
        (unit(None, state="good"), True),
        (unit(_LATE, retired=True), True),
        (unit(_ONE, retired=True), False),
        (unit(_LATE), False),
        (Registered("tsa of 1", "authority", None, "root", "revoked", 0, _LATE), False),
    ],
)
def test_what_a_revoked_unit_proves_spares_no_signer_unless_it_was_retired_later(
    by: Registered, *, stands: bool
) -> None:
    seal = Registered("a", "seal", SENDING, "ca", "revoked", 0, _TWO)
    rows = {"a": seal, by.sha256: by}
    said = judge(finding(signature("a", _ONE)), rows, POLICY, role="ANNEX", sender=SENDING)
    assert said.indication == ("TOTAL-PASSED" if stands else "TOTAL-FAILED")


def test_a_unit_is_proved_by_its_last_stamp_that_a_signature_leans_on() -> None:
    one, other = signature("a", _ONE), signature("b", _ONE.replace(day=9))
    rows = {"tsa of 1": unit(None, state="good")}
    leaning = finding(replace(one, leans=True), replace(other, leans=True))
    assert proofs(leaning, rows)["tsa of 1"] == Proof(_ONE.replace(day=9), frozenset())
    partly = finding(replace(one, leans=True), other)
    assert proofs(partly, rows)["tsa of 1"] == Proof(_ONE, frozenset())
    authority = Registered("tsa of 1", "authority", None, "root", "good", 0)
    assert "tsa of 1" not in proofs(leaning, {"tsa of 1": authority})
    assert "tsa of 1" not in proofs(leaning, {})


def test_a_unit_has_no_say_where_its_revocation_was_weighed() -> None:
    der = b"a unit"
    row = replace(unit(_TWO), sha256=digest(der))
    seal = Registered("a", "seal", SENDING, "ca", "good", 0)
    rows = {"a": seal, row.sha256: row}
    assert heeded(rows, [Unit(der, revoked=False)]) == rows
    assert heeded(rows, [Unit(der, revoked=True)]) == {"a": seal}
    assert heeded({row.sha256: replace(row, kind="authority")}, [Unit(der, revoked=True)])
