"""Signed papers, made before the load and kept in the run folder: leader's signature and seal."""
# pyHanko is typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import datetime as dt
import multiprocessing
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from io import BytesIO
from pathlib import Path

from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from infra.bench.cases import SIZES, Size
from infra.letter.render import render_letter
from infra.letter.sample import sample_letter
from infra.pki.sign import Proof, sign_main

NOTATION = "BENCH"
_PROCESSES = 2
_DAY = dt.date(2026, 11, 25)


def made(
    run: Path,
    senders: Sequence[str],
    *,
    each: dict[Size, int],
    say: Callable[[str], None],
) -> dict[Size, dict[str, list[bytes]]]:
    """Return signed papers by size and sender; those that are missing are made in processes.

    Every paper is another file. They are good for the PKI of this folder only.
    """
    wanted: dict[Path, tuple[str, Size, int]] = {
        _path(run, sender, size, number): (sender, size, number)
        for size, count in each.items()
        for sender in senders
        for number in range(count)
    }
    missing = [(path, *what) for path, what in wanted.items() if not _fresh(run, path, what[0])]
    if missing:
        say(f"signing {len(missing)} papers …")
        _make(run, missing, say)
    papers: dict[Size, dict[str, list[bytes]]] = {}
    for path, (sender, size, _) in wanted.items():
        papers.setdefault(size, {}).setdefault(sender, []).append(path.read_bytes())
    return papers


def paths(run: Path, size: Size) -> list[Path]:
    """Return the papers of a size that were made."""
    return sorted((run / "papers").glob(f"*.{size}.*.pdf"))


def _path(run: Path, sender: str, size: Size, number: int) -> Path:
    return run / "papers" / f"{sender}.{size}.{number}.pdf"


def _fresh(run: Path, path: Path, sender: str) -> bool:
    """Say whether a paper is there and younger than its signer's certificate."""
    certificate = run / "pki" / f"{sender}.seal.p12"
    return path.exists() and path.stat().st_mtime > certificate.stat().st_mtime


def _make(
    run: Path, missing: Sequence[tuple[Path, str, Size, int]], say: Callable[[str], None]
) -> None:
    (run / "papers").mkdir(exist_ok=True)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_PROCESSES, mp_context=spawn) as pool:
        tasks = [pool.submit(make, run, *one) for one in missing]
        for done, task in enumerate(as_completed(tasks), 1):
            task.result()
            if done % 25 == 0:
                say(f"signed {done} of {len(missing)} papers")


def make(
    run: Path, path: Path, sender: str, size: Size, number: int, *, proof: Proof | None = None
) -> None:
    """Write one signed paper. Takes 0.1 s of CPU; runs pyHanko's own event loop."""
    code = f"{number}/{NOTATION}-{size}"
    text = sample_letter(code=code, signer="Lê Minh An", promulgated_on=_DAY)
    letter = render_letter(text)
    pdf = _with_noise(letter.pdf, SIZES[size], seed=f"{sender}/{code}")
    half = path.with_suffix(".half")
    half.write_bytes(sign_main(pdf, run, sender, place=letter.place, proof=proof))
    half.replace(path)


def _with_noise(pdf: bytes, count: int, *, seed: str) -> bytes:
    """Add a stream that cannot be compressed, as a scanned page is one."""
    if not count:
        return pdf
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    noise = random.Random(seed).randbytes(count)  # noqa: S311 (bytes to carry, not to guess)
    writer.add_object(StreamObject(stream_data=noise))
    output = BytesIO()
    writer.write(output)
    return output.getvalue()
