"""A worker process: looks at one file or list after another, locked up, and tells what it found."""

import gc
import os
import socket
from io import FileIO

from services.signing import sandbox
from services.signing.finding import UNSIGNED, Finding
from services.signing.pipe import (
    ANSWERS,
    MARK,
    READY,
    REQUESTS,
    Answer,
    Job,
    Prepared,
    Reading,
    receive,
    send,
)
from services.signing.prepare import prepare
from services.signing.reading import read
from services.signing.validation.file import describe
from services.signing.validation.given import Spoiled, Stored
from services.signing.validation.informed import Informed
from services.signing.validation.material import Material
from services.signing.validation.revocation import Unusable
from services.signing.validation.trust import Trust

_MATERIAL_CPU_SECONDS = 60
"""For reading all that is trusted; lists may have a million entries."""


def work(connection: int, *, memory: int, parent: int) -> None:
    """Lock this process up and serve requests on a socket until the other end has gone.

    Raises NoSandbox when the process cannot be locked up: then no file may be looked at.
    """
    channel = socket.socket(fileno=connection)
    sandbox.enter(memory=memory, parent=parent)
    requests, replies = os.fdopen(os.dup(connection), "rb"), os.fdopen(os.dup(connection), "wb")
    send(replies, READY)
    trust: Trust | None = None
    while True:
        # One byte, before anything is read ahead: whatever reads past it loses the descriptor.
        _, files, _, _ = socket.recv_fds(channel, len(MARK), 1)
        message = receive(requests)
        if message is None:
            return
        request = REQUESTS.validate_json(message)
        if request.material is not None:
            trust, answer = _load(request.material)
        else:
            answer = _answered(request.job, files, trust)
        send(replies, ANSWERS.dump_json(answer))
        if answer.failure in {"memory", "material"}:
            return  # a fresh process has a fresh heap
        gc.collect()


def _load(material: Material) -> tuple[Trust | None, Answer]:
    sandbox.allow_cpu(_MATERIAL_CPU_SECONDS)
    try:
        return Trust(material), Answer(None)
    except Exception as error:  # noqa: BLE001 (whatever it is, no file is to blame)
        return None, Answer(None, "material", type(error).__name__)


def _answered(job: Job | Reading | None, files: list[int], trust: Trust | None) -> Answer:
    if job is None or trust is None:
        raise ValueError("a job came before any material, or none came")
    return _read(job, trust) if isinstance(job, Reading) else _look(job, files, trust)


def _look(job: Job, files: list[int], trust: Trust) -> Answer:
    sandbox.allow_cpu(job.cpu_seconds)
    try:
        with FileIO(files[0]) as opened:
            file = Stored(opened, job.sha256)
            known = Informed(trust, job.answers) if job.answers else trust
            said = describe(file, job.detached, known, job.at)
            file.check()
            prepared = _prepare(file, job, said.finding)
        return Answer(said.finding, prepared=prepared, units=said.units)
    except Spoiled as error:
        return Answer(None, "store", str(error))
    except MemoryError:
        return Answer(None, "memory", "MemoryError")
    except Exception as error:  # noqa: BLE001 (a hostile file may raise anything: all are verdicts)
        return Answer(None, "parser", type(error).__name__)


def _read(job: Reading, trust: Trust) -> Answer:
    sandbox.allow_cpu(job.cpu_seconds)
    try:
        return Answer(None, facts=read(job, trust))
    except Unusable as error:
        return Answer(None, "unfit", str(error))
    except MemoryError:
        return Answer(None, "memory", "MemoryError")
    except Exception as error:  # noqa: BLE001 (hostile bytes may raise anything)
        return Answer(None, "parser", type(error).__name__)


def _prepare(file: Stored, job: Job, finding: Finding) -> Prepared | None:
    """Make room for a signature in a file whose signatures are sound, or which has none."""
    if job.prepare is None or (finding.outcome != "sound" and finding.reason != UNSIGNED):
        return None
    return prepare(file.content(), job.prepare)
