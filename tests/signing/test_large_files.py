"""Files as large as the exchange takes: hashed in blocks, or refused in words before they are read.

The workers here hold 200 MiB: files are larger, as the largest is as large as a worker of signing.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.pki.sign import sign_detached
from services.signing.finding import TOO_HEAVY
from services.signing.forks import Forks
from services.signing.pool import Limits, Look, Present, Worker
from services.signing.validation.given import ALTERED
from shared.sizes import PDF_BYTES
from tests.fixtures.papers import Papers
from tests.signing.test_evidence import known

LARGE = 300 << 20
SMALL = Limits(memory=200 << 20)


@dataclass(slots=True)
class Ground:
    """A worker with little memory, and large files that take no room on the disk."""

    worker: Worker
    papers: Papers
    present: Present
    folder: Path

    def sparse(self, size: int, *, begins: bytes = b"") -> tuple[Path, str]:
        """Return a file of zeros behind its first bytes, and its digest."""
        path = self.folder / "large"
        with path.open("w+b") as file:
            file.write(begins)
            file.truncate(size)
            file.seek(0)
            return path, hashlib.file_digest(file, "sha256").hexdigest()

    async def look(self, path: Path, sha256: str, detached: bytes | None = None) -> Look:
        """Have the worker look at a file."""
        return await self.worker.look(path, sha256, self.present, detached=detached)

    def most_megabytes(self) -> int:
        """Return how much memory the worker has used at most."""
        status = Path(f"/proc/{self.worker.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) >> 10


@pytest.fixture
async def ground(papers: Papers, tmp_path: Path) -> AsyncIterator[Ground]:
    """Such a worker."""
    present = Present(known(papers), datetime.now(UTC))
    async with Forks.open() as forks:
        yield Ground(Worker(SMALL, forks), papers, present, tmp_path)


@pytest.mark.parametrize("digest", ["sha256", "sha512"])
async def test_an_annex_larger_than_a_worker_is_judged_by_its_detached_seal(
    ground: Ground, digest: str
) -> None:
    path, sha256 = await asyncio.to_thread(ground.sparse, LARGE)
    seal = await asyncio.to_thread(sign_detached, bytes(LARGE), ground.papers.seal(), digest=digest)
    seen = await ground.look(path, sha256, seal)
    assert seen.answer, (seen.end, seen.detail)
    assert seen.answer.finding, seen.answer
    assert (seen.answer.finding.outcome, seen.answer.finding.size) == ("sound", LARGE)
    assert ground.most_megabytes() < 150
    with path.open("r+b") as file:
        file.seek(LARGE - 1)
        file.write(b"\1")
    altered = await ground.look(path, sha256, seal)
    assert altered.altered, "the store has spoiled it: no word of its seal"
    other = await asyncio.to_thread(lambda: hashlib.sha256(path.read_bytes()).hexdigest())
    refused = await ground.look(path, other, seal)
    assert refused.answer
    assert refused.answer.finding
    assert refused.answer.finding.rule == "signature.digest"


async def test_a_file_whose_seal_is_none_is_compared_with_its_digest_too(ground: Ground) -> None:
    path, sha256 = await asyncio.to_thread(ground.sparse, 1 << 20)
    seen = await ground.look(path, sha256, b"0\x03\x02\x01\x05")
    assert seen.answer
    assert seen.answer.finding
    assert seen.answer.finding.rule == "format.cms"
    assert (await ground.look(path, "0" * 64, b"0\x03\x02\x01\x05")).cause == ALTERED


async def test_a_pdf_beyond_the_limit_is_refused_by_a_verdict_of_its_own(ground: Ground) -> None:
    path, sha256 = await asyncio.to_thread(ground.sparse, PDF_BYTES + 1, begins=b"%PDF-1.7\n")
    seen = await ground.look(path, sha256)
    assert seen.answer
    found = seen.answer.finding
    assert found
    assert (found.outcome, found.rule, found.reason) == ("bad", "limits.heavy", TOO_HEAVY)
    assert found.detail == f"a PDF of {PDF_BYTES + 1} bytes: at most {PDF_BYTES}"
    assert (await ground.look(path, "0" * 64)).cause == ALTERED


async def test_a_pdf_within_the_limit_fits_into_a_worker(papers: Papers, tmp_path: Path) -> None:
    """Not too large, but no PDF either: it is read whole, and leaves half of the memory free."""
    async with Forks.open() as forks:
        whole = Worker(Limits(), forks)
        ground = Ground(whole, papers, Present(known(papers), datetime.now(UTC)), tmp_path)
        path, sha256 = await asyncio.to_thread(ground.sparse, PDF_BYTES, begins=b"%PDF-1.7\n")
        seen = await ground.look(path, sha256)
    assert seen.answer
    assert seen.answer.finding
    assert seen.answer.finding.rule == "format.pdf"
