"""Routing: every recipient exactly once, and every fault named at its place."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.docs.document import Named, RecipientChoice, Selection
from services.docs.routing import MOST_RECIPIENTS, Addressee, Found, resolve
from shared.errors import Problem
from shared.ids import AgencyId

SENDER = AgencyId(UUID(int=0))


def agency(number: int, *, state: str = "active", successors: tuple[str, ...] = ()) -> Addressee:
    """Return the agency with this number; 0 is the sender."""
    return Addressee(AgencyId(UUID(int=number)), f"H14.{number:05}", "commune", state, successors)


def refusal(choices: list[RecipientChoice], found: list[Found]) -> Problem:
    """Return the problem with which this is refused."""
    with pytest.raises(Problem) as caught:
        resolve(choices, found, sender=SENDER)
    return caught.value


NUMBERS = st.integers(0, 30)
SELECTIONS = st.lists(st.frozensets(NUMBERS), max_size=4)


@given(st.sets(NUMBERS), SELECTIONS)
def test_every_recipient_is_there_exactly_once(named: set[int], selections: list[frozenset[int]]):
    choices = [
        *(Named(f"H14.{n:05}") for n in named),
        *(Selection("commune", None),) * len(selections),
    ]
    found: list[Found] = [*((agency(n),) for n in named)]
    found += [tuple(agency(n) for n in one) for one in selections]
    wanted = named | (set[int]().union(*selections) - {0})
    if not wanted:
        assert refusal(choices, found).code == "DSP-4225"
        return
    routing = resolve(choices, found, sender=SENDER)
    assert sorted(one.id.int for one in routing.recipients) == sorted(wanted)


def test_a_selection_drops_the_sender_but_naming_it_does_not():
    assert refusal([Selection("commune", None)], [(agency(0),)]).code == "DSP-4225"
    assert len(resolve([Named("H14")], [(agency(0),)], sender=SENDER).recipients) == 1


def test_a_selection_leaves_out_the_suspended_and_says_so():
    both = (agency(1), agency(2, state="suspended"))
    routing = resolve([Selection("commune", None)], [both], sender=SENDER)
    assert [one.id.int for one in routing.recipients] == [1]
    assert [one.id.int for one in routing.suspended] == [2]


def test_two_codes_of_one_agency_are_the_same_code_twice():
    problem = refusal([Named("H14.00001"), Named("000.01")], [(agency(1),), (agency(1),)])
    assert problem.code == "DSP-4224"
    assert [fault.pointer for fault in problem.faults] == ["/recipients/1/agency"]
    assert "/recipients/0" in problem.faults[0].detail


def test_a_closed_agency_is_refused_with_its_successors():
    closed = agency(1, state="closed", successors=("H14.71", "H14.72"))
    problem = refusal([Named("H14.00002"), Named("H14.00001")], [(agency(2),), (closed,)])
    assert (problem.code, problem.type.status) == ("DSP-4221", 422)
    assert problem.extra["successors"] == ["H14.71", "H14.72"]
    assert problem.faults[0].detail == "H14.00001 đã chấm dứt hoạt động; kế thừa: H14.71, H14.72."


def test_all_faults_are_listed_at_once():
    problem = refusal(
        [Named("X"), Named("H14.00002"), Selection(None, "Y")],
        [None, (agency(2, state="suspended"),), None],
    )
    assert [(fault.pointer, fault.detail_en) for fault in problem.faults] == [
        ("/recipients/0/agency", "No agency has the code X."),
        ("/recipients/1/agency", "H14.00002 is suspended."),
        ("/recipients/2/select/under", "No agency has the code Y."),
    ]


def test_more_than_5000_are_refused_and_5000_are_not():
    many = tuple(agency(n) for n in range(1, MOST_RECIPIENTS + 2))
    problem = refusal([Selection("commune", None)], [many])
    assert (problem.code, problem.extra["count"]) == ("DSP-4226", MOST_RECIPIENTS + 1)
    routing = resolve([Selection("commune", None)], [many[1:]], sender=SENDER)
    assert len(routing.recipients) == MOST_RECIPIENTS
