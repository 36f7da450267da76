"""What counts as evidence that a fault was inflicted, and as an error that a client has met."""

import email.utils
import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from tests.proof.checker import Counts
from tests.proof.faults.clocks import is_off
from tests.proof.faults.disks import none_saved
from tests.proof.faults.fault import Broken, NotReached
from tests.proof.faults.kills import at_any_moment
from tests.proof.faults.processes import traced
from tests.proof.faults.storage import flip, mend, refused_as_corrupt
from tests.proof.harness import Harness
from tests.proof.loads import Load
from tests.proof.records import Records
from tests.proof.roll.__main__ import met_by_readers, unacknowledged
from tests.proof.session import Session

_NOW, _DAY = 1_790_000_000.0, 86_400


def test_a_clock_that_did_not_jump_is_seen():
    shown = email.utils.formatdate(_NOW + _DAY, usegmt=True)
    assert is_off(shown, _NOW, 1)
    assert not is_off(shown, _NOW, -1)
    assert not is_off(email.utils.formatdate(_NOW, usegmt=True), _NOW, 1)


def test_a_changed_file_is_refused_for_that_and_never_served():
    assert refused_as_corrupt(503, b'{"code": "DOC-5031"}')
    assert not refused_as_corrupt(503, b'{"code": "REQ-5031"}')
    with pytest.raises(Broken):
        refused_as_corrupt(200, b"%PDF")


def test_what_a_broken_off_run_has_flipped_is_flipped_back_unless_it_is_whole(tmp_path: Path):
    harness, files = Harness(tmp_path, tmp_path), list[Path]()
    for content in (b"one", b"two"):
        name = hashlib.sha256(content).hexdigest()
        files.append(tmp_path / "blobs" / name[:2] / name[2:4] / name)
        files[-1].parent.mkdir(parents=True)
        files[-1].write_bytes(content)
        flip(harness, files[-1])
        assert files[-1].read_bytes() != content
    files[1].write_bytes(b"two")  # as when its sender hands it in once more
    for _ in range(2):
        mend(harness)
        assert [file.read_bytes() for file in files] == [b"one", b"two"]


def test_no_recovery_is_promised_for_what_is_on_no_documents_way():
    bounds = {fault.name: fault.bound for fault in at_any_moment(together=False)}
    assert bounds["SIGKILL of docs"] == 5
    assert bounds["SIGKILL of jaeger"] == bounds["SIGKILL of provisioner"] == 0


def test_refusals_that_readers_met_are_errors_seen_by_a_client(tmp_path: Path):
    met = [
        {"e": "trouble", "kind": "sse", "why": "a stream was answered 503"},
        {"e": "refused", "why": "404"},
        {"e": "entry"},
    ]
    (tmp_path / "seen.jsonl").write_text("".join(json.dumps(one) + "\n" for one in met))
    assert met_by_readers(tmp_path) == {"sse: a stream was answered 503": 1, "received: 404": 1}


def test_documents_that_were_not_acknowledged_are_errors_seen_by_a_client():
    assert unacknowledged(Counts(docs=10, acked=8)).total() == 2
    assert not unacknowledged(Counts(docs=10, acked=10))


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a load of which nothing has come yet."""
    return Load(Records(tmp_path))


async def _unsaving(session: Session) -> None:
    await none_saved(session, 0.6)


async def test_a_document_begun_after_the_first_refusal_must_not_be_acknowledged(load: Load):
    before = time.monotonic()
    good = [
        (0.01, load.takes),
        (0.02, load.refuses),
        (0.4, lambda: load.takes(begun=before)),
        (0.4, lambda: load.takes(path="/v1/documents/1/dispatches")),
    ]
    await load.within(_unsaving, *good)
    with pytest.raises(Broken, match="could not be saved"):
        await load.within(_unsaving, *good, (0.4, load.takes))


async def test_a_disk_that_refuses_nothing_was_not_broken(
    load: Load, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tests.proof.faults.disks._PATIENCE", 0.1)
    with pytest.raises(NotReached, match="refused"):
        await load.within(_unsaving, (0.02, load.takes))


def test_a_process_is_traced_when_each_of_its_threads_is():
    nobody = 0
    assert traced(os.getpid(), nobody)
    assert not traced(os.getpid(), os.getppid())
