"""`POST /v1/validations` gives a verdict before the gateway gives up, or says when to come."""

import os
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from infra.bench.poison import blanks
from services.gateway.forward import ANSWER_SECONDS
from services.signing import shown as showing
from services.signing.pool import Limits, Worker
from services.signing.shown import judge
from services.signing.turns import Turns
from services.signing.validation.pades import validate_pdf
from services.signing.validation.trust import Trust
from shared.ids import AgencyId
from tests.fixtures.papers import SENDER, Papers
from tests.signing.desk import AGENCIES
from tests.signing.signer import Signer
from tests.signing.test_evidence import known
from tests.signing.test_validations import chunks, shown

_END = b"\nstartxref\n9\n%%EOF"
_MIB = 1 << 20
ENDLESS = {
    "blank where the table should be": b"%PDF-1.7\n" + bytes(8 * _MIB) + _END,
    "lines before startxref": b"%PDF-1.7\n" + b"x" * 2048 + b"\n" * (32 * _MIB) + _END[1:],
    "zeros behind the end": b"%PDF-1.7\n" + _END + bytes(8 * _MIB),
    "one line": b"%PDF-1.7\n" + b"x" * (8 * _MIB),
}


def test_what_may_be_waited_for_is_less_than_the_gateway_waits() -> None:
    assert showing.TURN_SECONDS + showing.LOOK_SECONDS + 5 <= ANSWER_SECONDS


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_end_that_leads_nowhere_is_refused_at_once(papers: Papers, kind: str) -> None:
    trust, began = Trust(known(papers)), time.process_time()
    found = validate_pdf(ENDLESS[kind], trust, datetime.now(UTC))
    assert time.process_time() - began < 1.0
    assert (found.sub_indication, found.rule) == ("FORMAT_FAILURE", "format.pdf")


def test_an_end_as_pdfs_have_it_is_read(papers: Papers) -> None:
    content, trust = papers.good_main.content, Trust(known(papers))
    assert len(content) > 16 << 10  # shorter ones are not looked at before
    at = datetime.now(UTC)
    assert validate_pdf(content, trust, at).outcome == "sound"
    linearised = papers.letter.pdf.replace(b"startxref", b" \r\n" * 100 + b"startxref")
    assert validate_pdf(linearised, trust, at).detail == "no signature"


async def test_a_worker_that_does_not_answer_is_a_verdict(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = signer.desk.papers.good_main.content
    assert (await shown(signer, content)).json()["indication"] == "TOTAL-PASSED"
    monkeypatch.setattr(showing, "LOOK_SECONDS", 0.5)
    (worker,) = signer.bench.turns.workers
    assert worker.pid
    os.kill(worker.pid, signal.SIGSTOP)
    answer = await shown(signer, content)
    told = answer.json()
    assert (answer.status_code, told["indication"]) == (200, "INDETERMINATE")
    assert (told["sub_indication"], told["reason"]["code"]) == ("TRY_LATER", "SIG-4131")
    assert "try again later" in told["detail"]
    monkeypatch.undo()
    assert (await shown(signer, content)).json()["indication"] == "TOTAL-PASSED"


async def test_a_turn_that_does_not_come_says_when_to_come_again(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "TURN_SECONDS", 0.2)
    turns, content = signer.bench.turns, signer.desk.papers.good_main.content
    async with turns.of(AgencyId(uuid4())):
        answer = await shown(signer, content)
        assert (answer.status_code, answer.json()["code"]) == (429, "REQ-4291")
        assert answer.headers["retry-after"] == "5"
        assert turns.waiting == 0
    monkeypatch.undo()
    assert (await shown(signer, content)).status_code == 200


@pytest.mark.parametrize("limits", [Limits(cpu_seconds=1), Limits(wall_seconds=5.0)])
async def test_a_file_that_overcomes_its_limits_is_not_told_to_come_again(
    signer: Signer, monkeypatch: pytest.MonkeyPatch, limits: Limits
) -> None:
    monkeypatch.setattr(showing, "_BUSY_SECONDS", 1.0)
    async with AsyncExitStack() as opened:
        worker = Worker(replace(limits, wall_seconds_per_mib=0.0), signer.desk.forks)
        opened.push_async_callback(worker.end)
        bench = replace(signer.bench, turns=Turns((worker,)))
        found = await judge(bench, AgencyId(AGENCIES[SENDER]), chunks(blanks(40_000_000)))
    verdict = found.verdict
    assert (verdict.validation, verdict.sub_indication) == ("INDETERMINATE", None)
    assert verdict.reason == "SIG-4131"
    assert "will do so again" in verdict.detail
