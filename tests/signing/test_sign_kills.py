"""Killed at every boundary: one signature is released, with the bytes of the first try."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from uuid import UUID

import pytest

from infra.failpoints import failpoints
from infra.stack.folder import TREE
from tests.fixtures.papers import SENDER
from tests.signing.desk import AGENCIES
from tests.signing.dying_signer import Order
from tests.signing.signer import Signer

BEFORE = ("signing.sign.key_unlocked", "signing.sign.file_prepared")
"""Nothing is written yet that a redo is bound to."""
AFTER = (
    "signing.sign.intent_written",
    "signing.sign.key_used",
    "signing.sign.file_signed",
    "signing.sign.release_written",
    "signing.sign.released",
)


def files(signer: Signer) -> set[str]:
    """Return the digests of all files in the store."""
    root = signer.desk.blobs.path("0" * 64).parents[2]
    return {path.name for path in root.rglob("*") if path.is_file() and "begun" not in path.parts}


async def die(signer: Signer, signature: UUID, point: str) -> None:
    """Have another process activate the signature and kill itself at a point."""
    order = Order(
        databases=signer.desk.databases,
        pki=str(signer.desk.authorities.folder),
        blobs=str(signer.desk.blobs.path("0" * 64).parents[2]),
        signature=str(signature),
        agency=str(AGENCIES[SENDER]),
    )
    script = str(Path(__file__).with_name("dying_signer.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        script,
        order.text(),
        cwd=TREE,
        env={**os.environ, "FAILPOINT": point, "PYTHONPATH": str(TREE)},
    )
    assert await process.wait() == -signal.SIGKILL


def test_every_point_of_signing_is_tested() -> None:
    points = {name for name, _ in failpoints() if name.startswith("signing.sign.")}
    assert points == {*BEFORE, *AFTER}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("point", [*BEFORE, *AFTER])
async def test_one_signature_is_released_wherever_it_dies(signer: Signer, point: str) -> None:
    signature = await signer.asked(signer.desk.papers.letter.pdf)
    before = files(signer)
    await die(signer, signature, point)
    left = files(signer) - before
    answer = await signer.activate(signature)
    assert answer.status_code == 200, answer.text
    sha256 = answer.json()["signed"]["sha256"]
    (made,) = await signer.told(signature)
    assert made["signed_sha256"] == sha256
    released = await signer.desk.db.as_worker(
        lambda conn: conn.fetch(
            "select 1 from key_uses where signature_id = $1 and outcome = 'released'", signature
        )
    )
    assert len(released) == 1
    new = files(signer) - before - left
    if point in AFTER:
        # The prepared file was there; the redo made the signed one, or found it made.
        signed_before = AFTER.index(point) >= AFTER.index("signing.sign.file_signed")
        assert (len(left), new) == ((2, set()) if signed_before else (1, {sha256}))
        assert sha256 in left or not signed_before
    else:
        assert len(new) == 2
