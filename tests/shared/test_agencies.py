"""The projection of directory and clients: newest wins, any form of code, lost events polled."""

from datetime import UTC, date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from shared import agencies, following
from shared.db import Database
from shared.events import AgencyChanged, ClientChanged
from shared.ids import AgencyId
from shared.internal import Internal
from shared.kafka import KafkaAccess
from tests.fixtures.eventually import eventually
from tests.shared.conftest import Running


def agency(number: int, code: str, **changes: Any) -> AgencyChanged:  # noqa: ANN401
    state: dict[str, Any] = {
        "agency_id": UUID(int=number),
        "code": code,
        "code_qcvn102": None,
        "level": "commune",
        "parent_id": None,
        "state": "active",
        "valid_from": date(2020, 1, 1),
        "valid_to": None,
        "version": number,
    }
    return AgencyChanged.model_validate(state | changes)


def client(client_id: str, **changes: Any) -> ClientChanged:  # noqa: ANN401
    state: dict[str, Any] = {
        "client_id": client_id,
        "state": "active",
        "agencies": (),
        "scopes": (),
        "not_before": datetime(2025, 1, 1, tzinfo=UTC),
        "version": 1,
    }
    return ClientChanged.model_validate(state | changes)


async def apply(db: Database, *events: AgencyChanged) -> None:
    for event in events:
        await db.as_worker(partial(agencies.apply_agency, event=event))


async def test_an_older_state_changes_nothing(db: Database):
    await apply(db, agency(1, "H14", version=5), agency(1, "OLD", version=4))
    await apply(db, agency(1, "SAME", version=5))
    found = await db.as_worker(partial(agencies.by_ids, ids=[AgencyId(UUID(int=1))]))
    assert found[AgencyId(UUID(int=1))].code == "H14"
    assert await db.as_worker(agencies.directory_version) == 5
    for version, scopes in ((2, ("a",)), (1, ("b",)), (2, ("c",))):
        event = client("sys", version=version, scopes=scopes)
        await db.as_worker(partial(agencies.apply_client, event=event))
    known = await db.as_worker(partial(agencies.client, client_id="sys"))
    assert known is not None
    assert (known.scopes, known.version) == (frozenset({"a"}), 2)


async def test_an_agency_is_found_by_any_form_of_its_code(db: Database):
    await apply(
        db,
        agency(1, "H14.1", code_qcvn102="000.00.01.H14", old_codes=("T1", "X")),
        agency(2, "X"),
    )
    asked = ["H14.1", "000.00.01.H14", "T1", "X", "unknown"]
    found = await db.as_worker(partial(agencies.find, codes=asked))
    assert {code: known.id.int for code, known in found.items()} == {
        "H14.1": 1,
        "000.00.01.H14": 1,
        "T1": 1,
        "X": 2,  # a present code wins over an old one of another agency
    }


async def test_closed_agencies_are_followed_to_their_last_successor(db: Database):
    last, middle, first, other = (AgencyId(UUID(int=n)) for n in (1, 2, 3, 4))
    await apply(
        db,
        agency(1, "A"),
        agency(2, "B", state="closed", successors=(last,)),
        agency(3, "C", state="closed", successors=(middle, other)),
        agency(4, "D", state="closed", successors=(first,)),  # a circle ends
        agency(5, "E", state="suspended", successors=(last,)),
    )
    found = await db.as_worker(partial(agencies.closed_into, ids=[last]))
    assert set(found) == {middle, first, other}


async def test_clients_are_polled_and_readiness_waits_for_them(
    db: Database, internal: Internal, running: Running
):
    (check,) = [following.checks(db, service="docs", internal=internal)["clients"]]
    assert await check() == "behind gateway"
    nowhere = KafkaAccess("127.0.0.1:1", "docs", "unused")
    _consumer, poll = following.follow(db, nowhere, service="docs", internal=internal)

    async def known() -> bool:
        return await db.as_worker(agencies.clients_version) == 5

    async with running(poll):
        await eventually(known, "the gateway's clients in the projection")
    assert await check() is None
    hub = await db.as_worker(partial(agencies.client, client_id="hub"))
    assert hub is not None
    assert hub.agencies == {"H14", "G22"}


async def test_a_client_whose_event_was_lost_is_found_by_the_poll(
    db: Database, internal: Internal, running: Running
):
    newest = client("sys-new", version=1000)  # its event came, those before it did not
    await db.as_worker(partial(agencies.apply_client, event=newest))
    nowhere = KafkaAccess("127.0.0.1:1", "docs", "unused")
    _consumer, poll = following.follow(db, nowhere, service="docs", internal=internal)

    async def known() -> bool:
        return await db.as_worker(partial(agencies.client, client_id="hub")) is not None

    async with running(poll):
        await eventually(known, "the client whose event was lost")
