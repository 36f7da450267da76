"""With much stored, lists read what they show: 20,000 documents to 8 recipients, 5,000 agencies."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import asyncpg
import pytest

from services.docs.agency import seeded_id
from services.docs.document import Document, DocumentState, Urgency
from services.docs.store import agencies, documents, listing
from services.docs.store.listing import Wanted
from shared.db import Connection, Database
from shared.ids import DeliveryId
from tests.docs.country import OTHER_SENDER, PROVINCE, SENDER, commune
from tests.docs.exchange import Exchange
from tests.fixtures.database import opened
from tests.fixtures.stack import Backing

T = TypeVar("T")

AGENCIES, DOCUMENTS, COPIES, OPEN, DRAFTS = 5_000, 20_000, 8, 40, 3
"""All copies are handled to the end, but those of the last documents, which nobody took in."""
PAGE = 51


async def _fill(conn: "asyncpg.Connection[asyncpg.Record]") -> None:
    communes = [seeded_id(commune(n)) for n in range(1, COPIES + 1)]
    await conn.execute(
        """insert into agencies (id, code, name, folded, level, state, valid_from, version)
        select gen_random_uuid(), 'X' || n, 'Xã ' || n, 'xa ' || n || ' x' || n, 'commune',
            'active', date '2025-07-01', 100 + n from generate_series(1, $1::integer) as n""",
        AGENCIES,
    )
    for sender, state, count in (
        (SENDER, "dispatched", DOCUMENTS),
        (SENDER, "draft", DRAFTS),
        (OTHER_SENDER, "dispatched", DOCUMENTS // 10),
        (PROVINCE, "dispatched", DOCUMENTS // 10),
    ):
        await _fill_documents(conn, seeded_id(sender), state=state, count=count)
    await conn.execute(
        """insert into dispatches (id, document_id, document_code, sender_id, sender_code, lane,
            urgency, turn, state, recipients, files)
        select md5('dispatch ' || n)::uuid, md5($1::uuid || 'dispatched' || n)::uuid, n::text, $1,
            'G22', case when n % 4 = 0 then 'urgent' else 'normal' end,
            case when n % 4 = 0 then 'urgent' else 'normal' end, n, 'cleared', $3, '[]'
        from generate_series(1, $2::integer) as n""",
        seeded_id(SENDER),
        DOCUMENTS,
        COPIES,
    )
    await _fill_deliveries(conn, communes)


async def _fill_documents(
    conn: "asyncpg.Connection[asyncpg.Record]", sender: UUID, *, state: str, count: int
) -> None:
    await conn.execute(
        """insert into documents (id, sender_id, state, number, notation, type, subject,
            promulgated_on, urgency, classification, client_id)
        select md5($1::uuid || $2 || n)::uuid, $1, $2, n::text, 'VPCP-TTĐT', 'cong_van',
            'V/v', date '2026-01-01', case when n % 4 = 0 then 'urgent' else 'normal' end, 'none',
            'sys' from generate_series(1, $3::integer) as n""",
        sender,
        state,
        count,
    )


async def _fill_deliveries(
    conn: "asyncpg.Connection[asyncpg.Record]", communes: Sequence[UUID]
) -> None:
    await conn.execute(
        """insert into deliveries (id, dispatch_id, document_id, sender_id, recipient_id,
            recipient_code, level, lane, sequence, previous_hash, hash, entry, accepted_at,
            cleared_at, status, status_step)
        select md5('delivery ' || n || ' ' || c)::uuid, md5('dispatch ' || n)::uuid,
            md5($1::uuid || 'dispatched' || n)::uuid, $1, ($3::uuid[])[c], c::text, 'commune',
            case when n % 4 = 0 then 'urgent' else 'normal' end, n, 'a', 'a', 'a',
            timestamptz '2026-01-01' + n * interval '10 minutes',
            timestamptz '2026-01-01' + n * interval '10 minutes',
            case when n <= $2::integer - $4::integer then '06' else '' end,
            case when n <= $2::integer - $4::integer then 5 else 0 end
        from generate_series(1, $2::integer) as n,
            generate_series(1, array_length($3::uuid[], 1)) as c""",
        seeded_id(SENDER),
        DOCUMENTS,
        communes,
        OPEN,
    )


@pytest.fixture(scope="module")
async def full(backing: Backing) -> AsyncGenerator[Database]:
    """A database that has much behind it, with statistics as autovacuum makes them."""
    async with (
        backing.fresh_database("docs") as databases,
        opened(databases, "docs", backing) as db,
    ):
        await Exchange(db).fill(communes=COPIES)
        owner = await asyncpg.connect(databases.owner)  # without the limits of requests
        try:
            await _fill(owner)
            await owner.execute("analyze")
        finally:
            await owner.close()
        yield db


async def reading(
    conn: Connection, table: str, ask: Callable[[], Awaitable[Sequence[T]]]
) -> tuple[Sequence[T], int, int]:
    """Return what `ask` returns, and how many rows of a table it read: end to end, by index."""
    query = """select seq_tup_read, coalesce(idx_tup_fetch, 0) as fetched
        from pg_stat_xact_user_tables where relname = $1"""
    before = await conn.fetchrow(query, table)  # counters of earlier transactions linger
    found = await ask()
    after = await conn.fetchrow(query, table)
    assert before is not None
    assert after is not None
    return found, after[0] - before[0], after[1] - before[1]


OUT = Wanted("out")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (OUT, PAGE),
        (Wanted("out", missing="03"), PAGE),
        (Wanted("out", missing="03", older_than=timedelta(hours=4)), PAGE),
        (Wanted("out", status="02"), 0),
        (Wanted("out", status="06"), PAGE),
        (Wanted("out", transport="in_transit"), PAGE),
        (Wanted("out", transport="failed"), 0),
        (Wanted("out", urgency=Urgency.URGENT), PAGE),
        (Wanted("out", level="commune"), PAGE),
        (Wanted("out", others=[seeded_id(commune(1))]), PAGE),
        (Wanted("in"), PAGE),
        (Wanted("in", missing="03"), OPEN),
        (Wanted("in", status="02"), 0),
        (Wanted("in", others=[seeded_id(SENDER)]), PAGE),
    ],
)
async def test_a_list_reads_about_what_it_shows(full: Database, wanted: Wanted, found: int):
    party = seeded_id(SENDER if wanted.direction == "out" else commune(1))

    rows, whole, by_index = await full.as_caller(
        [party],
        lambda conn: reading(
            conn,
            "deliveries",
            lambda: listing.page(conn, wanted, parties=[party], before=None, limit=PAGE),
        ),
    )
    assert len(rows) == found
    assert whole == 0, "the table was read from end to end"
    assert by_index <= 60 * PAGE


async def test_a_page_far_back_costs_what_the_first_does(full: Database):
    party = seeded_id(SENDER)
    back = listing.Place(datetime(2026, 3, 1, tzinfo=UTC), DeliveryId(UUID(int=0)))
    rows, whole, by_index = await full.as_caller(
        [party],
        lambda conn: reading(
            conn,
            "deliveries",
            lambda: listing.page(conn, OUT, parties=[party], before=back, limit=PAGE),
        ),
    )
    assert (len(rows), whole) == (PAGE, 0)
    assert by_index <= 2 * PAGE


@pytest.mark.parametrize(
    ("state", "senders", "found"),
    [
        (None, [SENDER], PAGE),
        (None, [OTHER_SENDER, PROVINCE], PAGE),
        (DocumentState.DISPATCHED, [SENDER, OTHER_SENDER], PAGE),
        (DocumentState.DRAFT, [SENDER], DRAFTS),
        (DocumentState.DRAFT, [SENDER, OTHER_SENDER], DRAFTS),
    ],
)
async def test_a_list_of_documents_reads_about_what_it_shows(
    full: Database, state: DocumentState | None, senders: Sequence[str], found: int
):
    wanted, parties = documents.Wanted(state), [seeded_id(code) for code in senders]

    async def page(conn: Connection) -> Sequence[Document]:
        return await documents.page(
            conn, wanted, senders=parties, before=None, limit=PAGE, named=False
        )

    rows, whole, by_index = await full.as_caller(
        parties, lambda conn: reading(conn, "documents", lambda: page(conn))
    )
    assert (len(rows), whole) == (found, 0)
    assert by_index <= 2 * PAGE


async def test_a_search_for_words_goes_over_the_index(full: Database):
    wanted = agencies.Wanted(q="4999 XÃ")
    found, whole, by_index = await full.as_caller(
        (),
        lambda conn: reading(
            conn, "agencies", lambda: agencies.page(conn, wanted, after="", limit=PAGE)
        ),
    )
    assert [one.code for one in found] == ["X4999"]
    assert (whole, by_index) == (0, 1)
