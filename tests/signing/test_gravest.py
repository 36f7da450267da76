"""Of several signatures that do not pass the gravest decides, and is told."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import permutations
from uuid import UUID

import pytest

from services.signing.certificate import Registered
from services.signing.finding import (
    ALTERED,
    OTHER_AGENCY,
    REVOCATION_UNKNOWN,
    REVOKED,
    SEAL_MISSING,
    UNTRUSTED,
)
from services.signing.report.content import content
from services.signing.report.etsi import report
from services.signing.validation.indication import Objection, decisive
from services.signing.verdict import UNBOUND, judge
from shared.ids import AgencyId
from tests.signing.reported import (
    AGENCY,
    DIGEST,
    HELD,
    LEADER,
    POLICY,
    SEAL,
    SOUND,
    evidence,
    finding,
)

FALSE = Objection("HASH_FAILURE", "signature.digest", ALTERED, "")
FORGED = Objection("SIG_CRYPTO_FAILURE", "signature.value", ALTERED, "")
STRANGE = Objection("NO_CERTIFICATE_CHAIN_FOUND", "chain.listed", UNTRUSTED, "")
GONE = Objection("REVOKED_NO_POE", "revocation.revoked", REVOKED, "")
WAITS = Objection("TRY_LATER", "revocation.known", REVOCATION_UNKNOWN, "")
STRANGER = AgencyId(UUID(int=1))
HOLDS = frozenset({REVOCATION_UNKNOWN})
FORGED_SEAL = replace(
    SOUND,
    field="CoQuan",
    certificate=SEAL,
    indication="TOTAL-FAILED",
    sub_indication="SIG_CRYPTO_FAILURE",
    rule="signature.value",
    problem=ALTERED,
    detail="not made by this certificate's key",
    checked=(),
)


@pytest.mark.parametrize("objections", list(permutations([FALSE, STRANGE, WAITS])))
def test_the_gravest_decides_in_whatever_order(objections: tuple[Objection, ...]) -> None:
    assert decisive(objections, held=HOLDS) is FALSE
    milder = [one for one in objections if one is not FALSE]
    assert decisive(milder, held=HOLDS) is STRANGE


@pytest.mark.parametrize(
    "pair", [(FALSE, FORGED), (FORGED, FALSE), (STRANGE, GONE), (GONE, STRANGE)]
)
def test_among_equals_the_first_decides(pair: tuple[Objection, Objection]) -> None:
    assert decisive(pair, held=HOLDS) is pair[0]


def test_a_policy_that_holds_nothing_tells_the_first_of_those() -> None:
    assert decisive([WAITS, STRANGE], held=()) is WAITS
    assert decisive([], held=HOLDS) is None


def test_a_report_tells_the_forgery_and_not_the_revocation_that_is_unknown() -> None:
    stored = evidence(HELD, FORGED_SEAL)
    assert (stored["verdict"]["indication"], stored["verdict"]["reason"]) == (
        "TOTAL-FAILED",
        ALTERED,
    )
    said = content(stored, POLICY, sha256=DIGEST, withdrawn=None)
    assert (said.outcome, said.headline) == ("failed", "KHÔNG ĐẠT")
    assert said.objection is not None
    assert (said.objection.rule, said.objection.whole) == ("signature.value", False)
    told = report(stored, POLICY, withdrawn=None)["ValidationReport"]["SignatureValidationReport"]
    status = [one["SignatureValidationStatus"] for one in told]
    assert [one["MainIndication"].rpartition(":")[2] for one in status] == [
        "indeterminate",
        "total-failed",
    ]


def _rows(leader: AgencyId | None, seal: AgencyId | None) -> Mapping[str, Registered]:
    return {
        LEADER: Registered(LEADER, "leader", leader, "issuing", "good", 0),
        SEAL: Registered(SEAL, "seal", seal, "issuing", "good", 0),
    }


def test_nobody_waits_for_the_directory_where_another_signature_is_refused() -> None:
    both = finding(SOUND, replace(SOUND, field="CoQuan", certificate=SEAL))
    said = judge(both, _rows(None, STRANGER), POLICY, role="MAIN", sender=AGENCY)
    assert (said.indication, said.reason) == ("TOTAL-FAILED", OTHER_AGENCY)
    alone = judge(finding(SOUND), _rows(None, None), POLICY, role="MAIN", sender=AGENCY)
    assert alone.reason == SEAL_MISSING
    assert judge(both, _rows(None, AGENCY), POLICY, role="MAIN", sender=AGENCY) == UNBOUND
