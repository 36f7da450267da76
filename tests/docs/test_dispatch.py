"""Dispatch: recipients and files are frozen, turns are given, signing is told; all or nothing."""

import asyncio
from uuid import RFC_4122, UUID

import pytest

from services.docs.agency import seeded_id
from services.docs.dispatch import submission_id
from services.docs.document import Named, Selection, Urgency
from services.docs.routing import MOST_SELECTIONS, Found
from services.docs.store import deliveries
from shared.db import Connection
from shared.errors import Problem
from shared.events import DocumentDispatched
from shared.ids import DocumentId, uuid7
from tests.docs.country import DISTRICT, OTHER_SENDER, PROVINCE, commune
from tests.docs.exchange import Exchange


async def test_names_and_selections_are_merged_and_frozen(exchange: Exchange):
    document = await exchange.draft(Named(PROVINCE), Selection("commune", PROVINCE))
    sent = await exchange.dispatch(document)
    await exchange.close_agency(commune(2))
    found = await exchange.progress(sent)
    assert found.dispatch.recipients == 6
    assert found.by_level["commune"]["queued"] == 5
    assert found.by_level["province"]["queued"] == 1


async def test_a_selection_without_a_level_takes_all_below(exchange: Exchange):
    sent = await exchange.dispatch(await exchange.draft(Selection(None, PROVINCE)))
    assert (await exchange.row(sent)).recipients == 6


async def test_a_selection_that_comes_again_is_looked_up_once(exchange: Exchange):
    choices = [Selection("commune", PROVINCE), Named(DISTRICT), Selection("commune", PROVINCE)]

    async def look(conn: Connection) -> tuple[list[Found], list[object]]:
        queries: list[object] = []
        with conn.query_logger(queries.append):
            return await deliveries.addressees(conn, choices), queries

    found, queries = await exchange.db.as_worker(look)
    assert [len(one or ()) for one in found] == [5, 1, 5]
    assert len(queries) == 3, "the named, the root of the selection, and what is below it"


async def test_more_selections_than_are_looked_up_are_refused(exchange: Exchange):
    fits = await exchange.draft(*(Selection("commune", DISTRICT),) * MOST_SELECTIONS)
    too_many = await exchange.draft(*(Selection("commune", None),) * (MOST_SELECTIONS + 1))
    assert (await exchange.row(await exchange.dispatch(fits))).recipients == 5
    with pytest.raises(Problem) as caught:
        await exchange.dispatch(too_many)
    assert caught.value.code == "REQ-4221"
    [fault] = caught.value.faults
    assert fault.pointer == "/recipients/50/select"
    assert fault.detail == "Tối đa 50 phép chọn (select); ở đây có 51."
    assert fault.detail_en == "At most 50 selections (select); here are 51."


async def test_old_codes_and_other_forms_name_the_same_agency(exchange: Exchange):
    document = await exchange.draft(Named("000.00.00.H14"), Named(PROVINCE))
    with pytest.raises(Problem) as caught:
        await exchange.dispatch(document)
    assert caught.value.code == "DSP-4224"


async def test_recipients_of_the_request_replace_those_of_the_draft(exchange: Exchange):
    document = await exchange.draft(Named(PROVINCE))
    sent = await exchange.dispatch(document, Named(DISTRICT), Named(commune(1)))
    assert set((await exchange.progress(sent)).by_level) == {"district", "commune"}


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ((), "DSP-4225"),
        (("H99",), "DSP-4222"),
        (("H14.03.001", "H14.03.001"), "DSP-4224"),
        (("H14.03.005",), "DSP-4221"),
        (("H14.03.004",), "DSP-4223"),
    ],
)
async def test_a_refused_dispatch_leaves_nothing_behind(
    exchange: Exchange, codes: tuple[str, ...], code: str
):
    await exchange.close_agency(commune(5), commune(1))
    await exchange.suspend(commune(4))
    document = await exchange.draft(*(Named(one) for one in codes))
    with pytest.raises(Problem) as caught:
        await exchange.dispatch(document)
    assert caught.value.code == code
    assert await exchange.told(DocumentDispatched) == []
    assert await exchange.count("dispatches") == await exchange.count("deliveries") == 0


async def test_a_suspended_agency_of_a_selection_is_named_in_a_warning(exchange: Exchange):
    await exchange.suspend(commune(4))
    sent = await exchange.dispatch(await exchange.draft(Selection("commune", DISTRICT)))
    row = await exchange.row(sent)
    assert row.recipients == 4
    assert [(one["code"], one["agencies"]) for one in row.warnings] == [("DSP-2022", [commune(4)])]


async def test_files_must_be_complete(exchange: Exchange):
    unsent = await exchange.draft(Named(PROVINCE), stored=False)
    without_main = await exchange.draft(Named(PROVINCE), files=("ANNEX",))
    for document, pointer in ((unsent, "/attachments/0"), (without_main, "/attachments")):
        with pytest.raises(Problem) as caught:
            await exchange.dispatch(document)
        assert caught.value.code == "DSP-4227"
        assert [one.pointer for one in caught.value.faults] == [pointer]


async def test_another_senders_document_does_not_exist(exchange: Exchange):
    document = await exchange.draft(Named(PROVINCE))
    for other in (document, DocumentId(uuid7())):
        with pytest.raises(Problem) as caught:
            await exchange.dispatch(other, sender=OTHER_SENDER)
        assert caught.value.code == "REQ-4041"


async def test_the_same_number_issuer_and_date_is_accepted_with_a_warning(exchange: Exchange):
    first = await exchange.send(PROVINCE, number="7816")
    await exchange.send(PROVINCE, number="7816", sender=OTHER_SENDER)
    second = await exchange.send(DISTRICT, number="7816")
    assert (await exchange.row(first)).warnings == ()
    [warning] = (await exchange.row(second)).warnings
    assert (warning["code"], warning["dispatch_id"]) == ("DSP-2021", str(first))


async def test_signing_is_told_of_the_frozen_files(exchange: Exchange):
    sent = await exchange.send(PROVINCE, files=("MAIN", "ANNEX"), urgency=Urgency.EXPRESS)
    [told] = await exchange.told(DocumentDispatched)
    assert (told.dispatch_id, told.lane) == (sent, "urgent")
    assert [one.role for one in told.files] == ["MAIN", "ANNEX"]


async def test_turns_count_per_sender_and_lane_under_contention(exchange: Exchange):
    documents = [await exchange.draft(Named(PROVINCE)) for _ in range(12)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(exchange.dispatch(one)) for one in documents]
    turns = [(await exchange.row(task.result())).turn for task in tasks]
    assert sorted(turn or 0 for turn in turns) == list(range(1, 13))
    urgent = await exchange.send(PROVINCE, urgency=Urgency.URGENT)
    assert (await exchange.row(urgent)).turn == 1


def test_a_submission_has_one_id_for_ever():
    def submitted(key: str) -> UUID:
        agency = seeded_id("G22")
        return submission_id(client_id="sys-g22", agency=agency, path="/v1/x", key=key)

    assert submitted("k") == submitted("k") != submitted("l")
    assert (submitted("k").version, submitted("k").variant) == (8, RFC_4122)


async def test_an_id_that_was_used_long_ago_makes_a_new_dispatch(exchange: Exchange):
    first = await exchange.send(PROVINCE)
    document = await exchange.draft(Named(PROVINCE))
    second = await exchange.dispatch(document, dispatch_id=first)
    assert second != first
    assert (await exchange.row(second)).document_id == document
