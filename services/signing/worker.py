"""A worker process: looks at one file or list after another, locked up, and tells what it found."""

import gc
import hashlib
import logging
import os
import sys
from typing import BinaryIO

from services.signing import hexstring, sandbox
from services.signing.finding import UNSIGNED, Finding
from services.signing.pipe import (
    ALTERED,
    ANSWERS,
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
from services.signing.validation.cades import validate_detached
from services.signing.validation.pades import validate_pdf
from services.signing.validation.revocation import Unusable
from services.signing.validation.trust import Trust


def main() -> None:
    """Serve requests on standard input until it closes."""
    # pyHanko logs subjects of certificates: personal names have no place in our logs.
    logging.disable(logging.CRITICAL)
    replies = _take_over_output()
    requests = sys.stdin.buffer
    hexstring.install()
    # What is loaded now stays for ever: the collection after each file need not look through it.
    gc.collect()
    gc.freeze()
    sandbox.enter(memory=int(sys.argv[1]))
    send(replies, READY)
    trust: Trust | None = None
    while (message := receive(requests)) is not None:
        request = REQUESTS.validate_json(message)
        if request.material is not None:
            trust = Trust(request.material)
        if trust is None:
            raise SystemExit("a job came before any material")
        job = request.job
        answer = _read(job, trust) if isinstance(job, Reading) else _look(job, trust)
        send(replies, ANSWERS.dump_json(answer))
        if answer.failure == "memory":
            raise SystemExit(0)  # a fresh process has a fresh heap
        gc.collect()


def _take_over_output() -> BinaryIO:
    """Keep the pipe for answers to ourselves: what a library prints goes to standard error."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _look(job: Job, trust: Trust) -> Answer:
    sandbox.allow_cpu(job.cpu_seconds)
    try:
        with open(job.path, "rb") as file:  # noqa: PTH123 (one call less before the limits)
            content = file.read()
    except OSError as error:
        return Answer(None, "store", type(error).__name__)
    except MemoryError:
        return Answer(None, "memory", "MemoryError")
    if hashlib.sha256(content).hexdigest() != job.sha256:
        return Answer(None, "store", ALTERED)
    try:
        finding = _judge(content, job, trust)
        return Answer(finding, prepared=_prepare(content, job, finding))
    except MemoryError:
        return Answer(None, "memory", "MemoryError")
    except Exception as error:  # noqa: BLE001 (a hostile file may raise anything: all are verdicts)
        return Answer(None, "parser", type(error).__name__)


def _judge(content: bytes, job: Job, trust: Trust) -> Finding:
    if job.detached is not None:
        return validate_detached(content, job.detached, trust, job.at)
    return validate_pdf(content, trust, job.at)


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


def _prepare(content: bytes, job: Job, finding: Finding) -> Prepared | None:
    """Make room for a signature in a file whose signatures are sound, or which has none."""
    if job.prepare is None or (finding.outcome != "sound" and finding.reason != UNSIGNED):
        return None
    return prepare(content, job.prepare)


if __name__ == "__main__":
    main()
