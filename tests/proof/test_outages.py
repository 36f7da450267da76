"""What is seen of senders while Kafka or PostgreSQL is away, or a disk is slow."""

import asyncio
import time
from functools import partial
from pathlib import Path

import pytest

from tests.proof.client import Try
from tests.proof.faults.disks import none_signed
from tests.proof.faults.fault import Broken, NotReached
from tests.proof.faults.outages import accepts_none, still_accepts
from tests.proof.faults.syscalls import none_sooner
from tests.proof.loads import Load
from tests.proof.records import Records
from tests.proof.session import Session

_IN_EACH = (0.1, 0.2, 0.6, 0.7, 1.1, 1.2)
"""Moments, two in each stretch of half a second."""
_BUSY = b'{"code": "REQ-4091"}'


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a load of which nothing has come yet."""
    return Load(Records(tmp_path))


async def _outage(session: Session) -> None:
    await still_accepts(session, 1.75)


@pytest.fixture
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge three stretches of an outage, and leave the rest of it."""
    monkeypatch.setattr("tests.proof.faults.outages._STRETCH", 0.5)


@pytest.mark.usefixtures("short_stretches")
async def test_documents_have_to_be_accepted_in_each_stretch_of_an_outage(load: Load):
    await load.within(_outage, *((at, load.takes) for at in _IN_EACH))
    with pytest.raises(Broken, match="fewer than 2 documents"):
        await load.within(_outage, *((at, load.takes) for at in _IN_EACH if at != 0.7))


@pytest.mark.usefixtures("short_stretches")
async def test_what_was_under_way_when_an_outage_began_is_no_sign_that_it_accepts(load: Load):
    takes = partial(load.takes, begun=time.monotonic())
    with pytest.raises(Broken):
        await load.within(_outage, *((at, takes) for at in _IN_EACH))


@pytest.mark.usefixtures("short_stretches")
@pytest.mark.parametrize("status", [0, 400, 429, 500, 503])
async def test_a_dispatch_that_was_not_accepted_without_kafka_is_told(load: Load, status: int):
    happens = [(at, load.takes) for at in _IN_EACH]
    with pytest.raises(Broken, match="1 of 2 tries of a dispatch were not accepted"):
        await load.within(
            _outage,
            *happens,
            (0.3, partial(load.meets, 201)),
            (0.4, partial(load.meets, status, waits=True)),
        )


@pytest.mark.usefixtures("short_stretches")
async def test_who_sends_twice_at_once_and_who_reads_is_not_judged_without_kafka(load: Load):
    happens = [(at, load.takes) for at in _IN_EACH]
    path = "/v1/documents/1"
    others = [
        partial(load.meets, 409, body=_BUSY),
        partial(load.meets, 201, request=f"POST {path}/dispatches"),
        partial(load.meets, 503, request=f"POST {path}/attachments"),
        partial(load.meets, 503, request=f"GET {path}"),
    ]
    await load.within(_outage, *happens, *((0.3, one) for one in others))
    refused = partial(load.meets, 503, request=f"POST {path}/dispatches")
    with pytest.raises(Broken):
        await load.within(_outage, *happens, (0.3, refused))


@pytest.mark.usefixtures("short_stretches")
async def test_a_dispatch_that_is_under_way_when_kafka_returns_is_waited_for(load: Load):
    happens = [(at, load.takes) for at in _IN_EACH]
    late: list[Try] = []

    def begins() -> None:
        late.append(load.door.tried("POST /v1/documents?dispatch=true"))

    def ends() -> None:
        late[0].answered(500, {})

    with pytest.raises(Broken, match="true: 500"):
        await load.within(_outage, *happens, (1.6, begins), (1.9, ends))


async def _away(session: Session) -> None:
    await accepts_none(session, 0.3)


async def test_without_postgresql_each_answer_is_503_and_says_when(load: Load):
    refuses = partial(load.meets, 503, waits=True)
    happens = [(0.1, refuses), (0.1, refuses)]
    token = partial(load.meets, 503, waits=True, request="POST /oauth/token")
    read = partial(load.meets, 200, request="GET /pki/root/crl")
    await load.within(_away, *happens, (0.1, token), (0.1, read), (0.1, partial(load.meets, 0)))
    for wrong in (
        partial(load.meets, 503),
        partial(load.meets, 500),
        partial(load.meets, 503, request="POST /oauth/token"),
        partial(load.meets, 201, request="POST /v1/documents"),
        partial(load.meets, 502, request="GET /v1/inbox"),
    ):
        with pytest.raises(Broken, match="no 503 that says when"):
            await load.within(_away, *happens, (0.1, wrong))


async def test_without_postgresql_nothing_is_acknowledged_and_this_is_seen(load: Load):
    refuses = partial(load.meets, 503, waits=True)
    with pytest.raises(Broken, match="1 dispatches were acknowledged"):
        await load.within(_away, (0.1, refuses), (0.1, refuses), (0.1, partial(load.meets, 201)))
    with pytest.raises(Broken, match="1 dispatches were answered"):
        await load.within(_away, (0.1, refuses))


async def _slow(session: Session) -> None:
    await none_sooner(session, 0.5, 0.2)


def _taken(load: Load, seconds: float) -> None:
    load.takes(begun=time.monotonic() - seconds)


async def test_what_is_acknowledged_before_a_slow_disk_has_saved_it_is_told(
    load: Load, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tests.proof.faults.syscalls.PATIENCE", 0.1)
    slowly, soon = partial(_taken, load, 0.21), partial(_taken, load, 0.1)
    early = partial(_taken, load, 3.0)
    await load.within(_slow, (0.3, slowly), (0.4, slowly), (0.1, early))
    with pytest.raises(Broken, match="1 of 3 documents were acknowledged before"):
        await load.within(_slow, (0.3, slowly), (0.4, slowly), (0.4, soon))
    with pytest.raises(NotReached):
        await load.within(_slow, (0.3, slowly))


async def test_a_document_is_not_signed_while_its_file_cannot_be_saved():
    async with asyncio.TaskGroup() as group:
        signing = group.create_task(asyncio.sleep(0.3))
        await none_signed(signing, lambda: True, 0.1)
        with pytest.raises(Broken, match="signed file was not saved"):
            await none_signed(signing, lambda: True, 10)
