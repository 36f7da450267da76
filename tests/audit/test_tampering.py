"""On the running stack one change of every class is found, and the first bad position is named."""

import random
from pathlib import Path

import asyncpg
import pytest

from infra.audit import store_tamper
from infra.audit.tamper.catalogue import TABLES, Table
from infra.audit.tamper.files import FILE_KINDS, FileChange
from infra.audit.tamper.lanes import LANE_KINDS, CutTail, LaneChange
from infra.audit.tamper.rows import Delete, Insert, NothingToDo, RowChange, Swap, Update
from infra.audit.walk import audit
from infra.stack.folder import Folder
from tests.audit.conftest import Ground

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]
_TABLES = {table.title: table for table in TABLES}


def table(title: str) -> Table:
    return _TABLES[title]


ROWS: dict[str, RowChange] = {
    "a recipient": Update(table("docs.deliveries"), "recipient_id"),
    "an entry": Update(table("notify.entries"), "content"),
    "entries exchanged": Swap(table("notify.entries"), "content"),
    "a lane's head": Update(table("docs.mailbox_heads"), "sequence"),
    "a receipt": Update(table("notify.receipts"), "receipt"),
    "receipts exchanged": Swap(table("docs.receipts"), "receipt"),
    "a lost receipt": Delete(table("docs.receipts")),
    "what waits": Delete(table("notify.waiting")),
    "a status": Update(table("docs.statuses"), "reported_at"),
    "words of a status": Update(table("notify.statuses"), "client_id"),
    "a lost status": Delete(table("notify.statuses")),
    "a subject": Update(table("docs.documents"), "subject"),
    "a turn": Update(table("docs.dispatches"), "turn"),
    "a reason": Update(table("docs.dispatches"), "reason"),
    "a name of a file": Update(table("docs.attachments"), "name"),
    "blocks of a file": Update(table("docs.attachments"), "blocks"),
    "a detached seal": Update(table("docs.attachments"), "signature_sha256"),
    "a seal that was judged by": Update(table("signing.examinations"), "signature_sha256"),
    "what was told": Delete(table("docs.dispatch_changes")),
    "a verdict at docs": Update(table("docs.verdicts"), "evidence_sha256"),
    "a verdict at signing": Update(table("signing.verdicts"), "evidence"),
    "what a verdict rests on": Delete(table("signing.verdict_certificates")),
    "an examination": Update(table("signing.examinations"), "frozen"),
    "an intent": Update(table("signing.signature_intents"), "attributes"),
    "a signature": Update(table("signing.signatures"), "signed_sha256"),
    "a use of a key": Delete(table("signing.key_uses")),
    "whose certificate": Update(table("signing.certificates"), "agency_id"),
    "a foreign verdict": Insert(table("signing.verdicts")),
    "a piece of evidence": Update(table("signing.materials"), "content"),
    "its kind": Update(table("signing.materials"), "kind"),
    "a lost piece": Delete(table("signing.materials")),
    "a foreign piece": Insert(table("signing.materials")),
    "whom to trust": Update(table("signing.trust_changes"), "change"),
    "when it was decided": Update(table("signing.trust_changes"), "decided_at"),
    "a lost decision": Delete(table("signing.trust_changes")),
    "a foreign decision": Insert(table("signing.trust_changes")),
}


@pytest.mark.parametrize("name", ROWS)
async def test_a_changed_row_is_found(ground: Ground, name: str) -> None:
    change = ROWS[name]
    await _found(ground, change.table.service, change)


@pytest.mark.parametrize(
    ("service", "change"), LANE_KINDS, ids=lambda one: getattr(one, "kind", one)
)
async def test_a_changed_lane_is_found(ground: Ground, service: str, change: LaneChange) -> None:
    await _found(ground, service, change)


async def _found(ground: Ground, service: str, change: RowChange | LaneChange) -> None:
    """Apply a change to some row that it can change; the audit finds it."""
    connection = ground.site.connections[service]
    for seed in range(500):  # few rows may have what is changed, and the others cost nothing
        undo = connection.transaction()
        await undo.start()
        try:
            made = await change.apply(connection, random.Random(seed))  # noqa: S311
            findings = await ground.found()
        except (NothingToDo, asyncpg.IntegrityConstraintViolationError):
            continue  # another row: this one the database itself protects
        finally:
            await undo.rollback()
        assert findings, made.what
        return
    pytest.fail(f"no row for {change.kind}")


@pytest.mark.parametrize("change", FILE_KINDS, ids=lambda one: one.kind)
async def test_a_changed_file_is_found(ground: Ground, change: FileChange) -> None:
    with change.applied(ground.site.blobs, random.Random(1)) as made:  # noqa: S311
        findings = await ground.found()
    name = made.what.split()[0].rpartition("/")[2]
    assert [one for one in findings if name in one.where], findings
    assert await ground.found() == []


async def test_the_first_bad_position_is_named(ground: Ground) -> None:
    connection = ground.site.connections["notify"]
    undo = connection.transaction()
    await undo.start()
    try:
        made = await CutTail("notify", heads=True).apply(connection, random.Random(3))  # noqa: S311
        findings = await ground.found()
    finally:
        await undo.rollback()
    kept = int(made.what.split("ends at ")[1].split()[0])
    assert findings[0].where.startswith("mailbox ")
    assert findings[0].where.endswith(f" {kept + 1}")
    assert findings[0].what == "is not at notify"


async def test_what_proves_nothing_is_a_column_and_says_why(ground: Ground) -> None:
    for one in TABLES:
        columns = await store_tamper.columns(ground.site.connections[one.service], one)
        identity = {"id", "position"}
        assert one.not_evidence.keys() <= {*columns, *identity}, one.title
        assert all(one.not_evidence.values())
        assert set(one.key) <= set(columns), one.title


async def test_a_stack_with_documents_is_well(documents: Path) -> None:
    books = await audit(Folder(documents), print, patience=40)
    assert [one for one in books.findings if not _planted(one.where)] == []
    assert books.counted["receipts"] > 0
    assert books.counted["signatures"] > 0


def _planted(where: str) -> bool:
    """Files are lost, and put back, by the doctor's tests beside these."""
    return where.startswith("file ")
