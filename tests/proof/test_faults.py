"""What counts as evidence that a fault was inflicted, and as an error that a client has met."""

import asyncio
import email.utils
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.proof.checker import Counts
from tests.proof.faults.brokers import still_accepts
from tests.proof.faults.clocks import is_off
from tests.proof.faults.disks import none_saved
from tests.proof.faults.fault import Broken, NotReached
from tests.proof.faults.kills import at_any_moment
from tests.proof.faults.processes import traced
from tests.proof.faults.storage import flip, mend, refused_as_corrupt
from tests.proof.harness import Harness
from tests.proof.history import Outcome
from tests.proof.orders import order
from tests.proof.records import Records
from tests.proof.roll.__main__ import met_by_readers, unacknowledged
from tests.proof.session import Session

_NOW, _DAY = 1_790_000_000.0, 86_400
_IN_EACH = (0.1, 0.2, 0.6, 0.7, 1.1, 1.2)
"""Moments, two in each stretch of half a second."""


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


@dataclass
class _Load:
    """A session whose documents are acknowledged, or refused, as a test says."""

    records: Records
    troubles: Counter[str] = field(default_factory=Counter[str])

    @property
    def workload(self) -> SimpleNamespace:
        return SimpleNamespace(records=self.records)

    async def until_accepted(self, _n: int) -> None:
        await asyncio.sleep(0.01)

    async def hand_in_for(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def takes(self, *, begun: float | None = None, path: str = "") -> None:
        """Acknowledge a document, begun now."""
        records, now = self.records, time.monotonic()
        new = order(
            records.number(), sender="A", to=["B"], size=1, urgency="normal", secret=records.secret
        )
        records.orders[new.number] = replace(new, begun=begun or now, path=path)
        records.end(new, Outcome("ok", now))

    def refuses(self) -> None:
        self.troubles["503"] += 1

    async def within(
        self,
        asked: Callable[[Session], Awaitable[None]],
        *happens: tuple[float, Callable[[], None]],
    ) -> None:
        """Ask something of the session, while at such moments such things happen."""
        loop = asyncio.get_running_loop()
        later = [loop.call_later(at, what) for at, what in happens]
        try:
            await asked(cast("Session", self))
        finally:
            for one in later:
                one.cancel()


@pytest.fixture
def load(tmp_path: Path) -> _Load:
    """Return a load of which nothing has come yet."""
    return _Load(Records(tmp_path))


async def _outage(session: Session) -> None:
    await still_accepts(session, 1.75)


@pytest.fixture
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge three stretches of an outage, and leave the rest of it."""
    monkeypatch.setattr("tests.proof.faults.brokers._STRETCH", 0.5)


@pytest.mark.usefixtures("short_stretches")
async def test_documents_have_to_be_accepted_in_each_stretch_of_an_outage(load: _Load):
    await load.within(_outage, *((at, load.takes) for at in _IN_EACH))
    with pytest.raises(Broken, match="fewer than 2 documents"):
        await load.within(_outage, *((at, load.takes) for at in _IN_EACH if at != 0.7))


@pytest.mark.usefixtures("short_stretches")
async def test_what_was_under_way_when_an_outage_began_is_no_sign_that_it_accepts(load: _Load):
    takes = partial(load.takes, begun=time.monotonic())
    with pytest.raises(Broken):
        await load.within(_outage, *((at, takes) for at in _IN_EACH))


async def _unsaving(session: Session) -> None:
    await none_saved(session, 0.6)


async def test_a_document_begun_after_the_first_refusal_must_not_be_acknowledged(load: _Load):
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
    load: _Load, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tests.proof.faults.disks._PATIENCE", 0.1)
    with pytest.raises(NotReached, match="refused"):
        await load.within(_unsaving, (0.02, load.takes))


def test_a_process_is_traced_when_each_of_its_threads_is():
    nobody = 0
    assert traced(os.getpid(), nobody)
    assert not traced(os.getpid(), os.getppid())
