"""Evidence to report on: signatures with known facts, judged as the exchange judges them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from services.signing.certificate import Kind, Registered
from services.signing.evidence import Subject, written
from services.signing.finding import Checked, Finding, ListUsed, Outcome, Signature, TimeStamp
from services.signing.validation.material import Authority, Listed, Material, digest
from services.signing.validation.policy import NEWEST, load
from services.signing.verdict import Verdict, judge
from shared.ids import AgencyId

PAGE = NEWEST.read_bytes()
POLICY = load(PAGE)
AGENCY = AgencyId(UUID(int=22))
JUDGED_AT = "2026-11-26T00:31:02+00:00"
STAMPED_AT = "2026-11-25T20:15:00+00:00"
DIGEST = "5e" * 32
"""Of the evidence that is reported on, as if it had been stored."""
ROOT, ISSUING, LIST = b"goc", b"cap", b"danh sach"
LEADER, SEAL = digest(b"lanh dao"), digest(b"co quan")
SOUND = Signature(
    field="NguoiKy",
    certificate=LEADER,
    chain=(digest(ROOT), digest(ISSUING), LEADER),
    algorithm="rsassa_pkcs1v15",
    digest="sha256",
    key="rsa 3072",
    claimed_at="2026-11-25T19:00:00+00:00",
    stamps=(),
    coverage="ENTIRE_REVISION",
    changed_after="FORM_FILLING",
    trusted_for=("leader", "seal"),
    fits=("leader", "seal"),
    indication="TOTAL-PASSED",
    sub_indication=None,
    rule=None,
    problem=None,
    detail="",
    checked=(
        Checked(LEADER, "crl", digest(LIST), "2026-11-26T00:00:00+00:00", None),
        Checked(digest(ISSUING), "ocsp", digest(b"tra loi"), "2026-11-26T00:10:00+00:00", None),
    ),
)
SEALED = replace(SOUND, field="CoQuan", certificate=SEAL, chain=(*SOUND.chain[:2], SEAL))
STAMPED = replace(SOUND, stamps=(TimeStamp(None, "it is old"), TimeStamp(STAMPED_AT, "")))
REVOKED = replace(
    SOUND,
    indication="INDETERMINATE",
    sub_indication="REVOKED_NO_POE",
    rule="revocation.revoked",
    problem="SIG-4225",
    detail="keyCompromise since 2026-11-20T17:00:00Z",
    checked=(),
)
HELD = replace(
    SOUND,
    indication="INDETERMINATE",
    sub_indication="TRY_LATER",
    rule="revocation.fresh",
    problem="SIG-5031",
    detail="the newest list of issuing is of 2026-11-20T17:00:00Z",
    checked=(),
)


def finding(*signatures: Signature, outcome: Outcome | None = None) -> Finding:
    """Return a finding on these: the gravest that is not sound decides."""
    unsound = (one for one in signatures if one.indication != "TOTAL-PASSED")
    bad = min(unsound, key=_gravity, default=None)
    unknown = bad is not None and bad.problem == "SIG-5031"
    return Finding(
        outcome=outcome or ("unknown" if unknown else "bad" if bad else "sound"),
        indication=bad.indication if bad else "TOTAL-PASSED",
        sub_indication=bad.sub_indication if bad else None,
        rule=bad.rule if bad else None,
        reason=bad.problem if bad else None,
        detail=bad.detail if bad else "",
        signatures=signatures,
        lists=(ListUsed("issuing", 7, digest(LIST), "2026-11-26T00:00:00+00:00", None),),
        policy=POLICY.id,
        policy_sha256=POLICY.sha256,
        checked_at=JUDGED_AT,
        size=113074,
        libraries={"pyHanko": "0.38.0"},
        answers=(digest(b"tra loi"),),
    )


def _gravity(one: Signature) -> tuple[bool, bool]:
    return one.indication != "TOTAL-FAILED", one.problem == "SIG-5031"


def evidence(*signatures: Signature, code: str = "7816/VPCP-TTĐT") -> dict[str, Any]:
    """Return the evidence of a main document with these signatures."""
    found = finding(*signatures)
    kinds: dict[str, Kind] = {LEADER: "leader", SEAL: "seal"}
    rows = {
        sha256: Registered(sha256, kind, AGENCY, "issuing", "good", 0)
        for sha256, kind in kinds.items()
    }
    verdict = judge(found, rows, POLICY, role="MAIN", sender=AGENCY)
    return _stored(verdict, found, rows, code)


def unread(verdict: Verdict) -> dict[str, Any]:
    """Return the evidence of a file with which no worker came to an end."""
    return _stored(verdict, None, {}, "7816/VPCP-TTĐT")


def _stored(
    verdict: Verdict, found: Finding | None, rows: dict[str, Registered], code: str
) -> dict[str, Any]:
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    given = Material(
        policy=PAGE,
        authorities=(
            Authority("root", ROOT, True, begins, None, ("authority",)),
            Authority("issuing", ISSUING, False, begins, None, ("leader", "seal")),
        ),
        lists=(Listed("issuing", LIST),),
        answers=(b"tra loi",),
    )
    subject = Subject(UUID(int=1), UUID(int=2), code, AGENCY, digest(b"tep"), "MAIN")
    return orjson.loads(written(subject, verdict, found, rows, given if found else None)[0])
