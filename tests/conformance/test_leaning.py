"""Which signatures are sound because of a time stamp alone: what ends with the trust in it."""

from tests.conformance.cases.stamps import stamps
from tests.conformance.judging import examined, material
from tests.conformance.world import World


def test_a_signature_leans_on_a_stamp_that_it_needs():
    seen: dict[bool, int] = {True: 0, False: 0}
    for case in stamps(World()):
        found, verdict = examined(case, material(case))
        needed = case.name.rpartition(".")[0].endswith("-needed")
        if verdict.indication != "TOTAL-PASSED" or not needed:
            continue
        wanted = not case.name.rpartition(".")[0].endswith("-not-needed")
        assert {one.leans for one in found.signatures} == {wanted}, case.name
        seen[wanted] += 1
    assert min(seen.values()) > 3
