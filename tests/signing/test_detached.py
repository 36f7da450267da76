"""Annexes of any kind with a detached seal: judged, kept with their seal, repeated offline."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from infra.demo.inspect import Trust, detached_faults_of
from infra.pki.sign import sign_detached
from services.signing.bundle import pack
from services.signing.cli import main
from services.signing.evidence import named
from services.signing.store import materials
from shared.db import Connection
from tests.fixtures.eventually import eventually
from tests.fixtures.papers import OTHER, SENDER, Papers, Sheet
from tests.signing.desk import Desk
from tests.signing.test_evidence import known

TEXT = "Mã,Tên\r\nH14,Cao Bằng\r\n".encode()
CASES: dict[str, tuple[Callable[[Papers], Sheet], str, str | None]] = {
    "good": (lambda p: p.sealed(p.table, p.seal()), "TOTAL-PASSED", None),
    "a text": (lambda p: p.sealed(TEXT, p.seal()), "TOTAL-PASSED", None),
    "altered": (
        lambda p: Sheet(p.table + b"\0", "ANNEX", sign_detached(p.table, p.seal())),
        "TOTAL-FAILED", "SIG-4222"),
    "another agency's seal": (lambda p: p.sealed(b"a" * 50, p.seal(OTHER)), "TOTAL-FAILED",
                              "SIG-4031"),
    "the leader's signature": (lambda p: p.sealed(b"b" * 50, p.leader()), "TOTAL-FAILED",
                               "SIG-4226"),
    "no CMS": (lambda _: Sheet(b"c" * 50, "ANNEX", b"0\x03\x02\x01\x05"), "TOTAL-FAILED",
               "SIG-4151"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_an_annex_is_judged_by_its_detached_seal(desk: Desk, name: str) -> None:
    make, indication, reason = CASES[name]
    sheet = await asyncio.to_thread(make, desk.papers)
    [seen] = await desk.examine(sheet)
    assert (seen.indication, seen.reason) == (indication, reason)


async def test_a_letter_goes_with_annexes_of_both_kinds(desk: Desk) -> None:
    table = await asyncio.to_thread(desk.papers.sealed, desk.papers.table, desk.papers.seal())
    seen = await desk.examine(desk.papers.good_main, desk.papers.good_annex, table)
    assert [one.indication for one in seen] == ["TOTAL-PASSED"] * 3


async def _evidence(desk: Desk, dispatch: UUID) -> tuple[bytes, dict[str, bytes]]:
    async def read(conn: Connection) -> tuple[bytes, dict[str, bytes]]:
        evidence = await conn.fetchval(
            "select evidence from verdicts where dispatch_id = $1", dispatch
        )
        return evidence, await materials.find(conn, named(orjson.loads(evidence)).digests())

    return await desk.db.as_worker(read)


async def test_the_verdict_is_repeated_from_evidence_that_holds_the_seal(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = await asyncio.to_thread(desk.papers.sealed, desk.papers.table, desk.papers.seal())
    assert sheet.signature is not None
    dispatch = await desk.send(sheet)
    await desk.verdicts(dispatch)
    evidence, kept = await _evidence(desk, dispatch)
    digest = hashlib.sha256(sheet.signature).hexdigest()
    assert orjson.loads(evidence)["material"]["signature"] == digest
    assert kept[digest] == sheet.signature
    file, bundle = tmp_path / "a.xlsx", tmp_path / "evidence.zip"
    file.write_bytes(sheet.content)
    bundle.write_bytes(pack(evidence, kept))
    assert main(["verify", str(file), "--evidence", str(bundle)]) == 0
    other = await asyncio.to_thread(sign_detached, sheet.content, desk.papers.seal(OTHER))
    bundle.write_bytes(pack(evidence, {**kept, digest: other}))
    assert main(["verify", str(file), "--evidence", str(bundle)]) == 4
    bundle.write_bytes(pack(_resealed(evidence, other), {**kept, _sha256(other): other}))
    assert main(["verify", str(file), "--evidence", str(bundle)]) == 5
    assert "differs from what was stored" in capsys.readouterr().out


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _resealed(evidence: bytes, other: bytes) -> bytes:
    content = orjson.loads(evidence)
    content["material"]["signature"] = _sha256(other)
    return orjson.dumps(content)


async def test_a_seal_that_is_not_there_holds_the_annex(own_desk: Desk) -> None:
    sheet = await asyncio.to_thread(
        own_desk.papers.sealed, own_desk.papers.table, own_desk.papers.seal()
    )
    assert sheet.signature is not None
    await own_desk.send(Sheet(sheet.content, "ANNEX"))
    dispatch = await own_desk.take_in(sheet)
    await eventually(lambda: _held(own_desk, dispatch), "it is held")
    assert (await own_desk.seen(dispatch))[0].reason == "SIG-5032"
    path = own_desk.blobs.path(_sha256(sheet.signature))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sheet.signature[:-1])
    await own_desk.execute("update examinations set next_try_at = clock_timestamp()")
    await eventually(lambda: own_desk.blobs.corrupt() or None, "the bad seal is reported")
    path.write_bytes(sheet.signature)
    await own_desk.execute("update examinations set next_try_at = clock_timestamp()")
    assert (await own_desk.verdicts(dispatch))[0].indication == "TOTAL-PASSED"


async def _held(desk: Desk, dispatch: UUID) -> bool:
    return (await desk.seen(dispatch))[0].indication == "INDETERMINATE"


def test_a_careful_recipient_verifies_the_seal_itself(papers: Papers) -> None:
    given, folder = known(papers), papers.office.folder
    lists = tuple(one.der for one in given.lists)
    trust = Trust(folder / "root.pem", (folder / "issuing.pem").read_bytes(), lists)
    seal = sign_detached(papers.table, papers.seal())
    assert detached_faults_of(papers.table, seal, SENDER, trust) is None
    assert detached_faults_of(papers.table + b"\0", seal, SENDER, trust) is not None
    assert "belongs to G22" in str(detached_faults_of(papers.table, seal, OTHER, trust))
    assert detached_faults_of(papers.table, b"", SENDER, trust) is not None
