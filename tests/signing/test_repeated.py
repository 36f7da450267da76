"""Every verdict that follows from a file is repeated; of one that does not, it is said why."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.signing import again
from services.signing.again import Repeated, repeat
from services.signing.bundle import pack
from services.signing.cli import main
from services.signing.evidence import Incomplete, Subject, pieces, written
from services.signing.finding import STORE_TROUBLE, TOO_HEAVY, UNREADABLE
from services.signing.validation.material import digest
from services.signing.verdict import UNBOUND, Verdict, given_up, unread
from tests.fixtures.papers import Papers
from tests.signing.test_evidence import AGENCY, judged, kept, known

FAILED = unread(UNREADABLE, "ZeroDivisionError, 3 times", final=True)
HEAVY = unread(TOO_HEAVY, "wall clock, 3 times", final=True)
KILLED = unread(TOO_HEAVY, "no worker came through: exit -9", final=False)
LOST = unread(STORE_TROUBLE, "FileNotFoundError", final=False)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the libraries fail on every file."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(again, "validate", fail)


def unbound(papers: Papers, verdict: Verdict, waited: str | None) -> Repeated:
    """Repeat what was said while the directory did not know whose a good letter's signers are."""
    content, given = papers.good_main.content, known(papers)
    stored = orjson.loads(judged(content, given))
    for one in stored["registered"]:
        one["agency_id"] = None
    stored |= {"verdict": asdict(verdict), "waited": waited}
    return repeat(orjson.dumps(stored), kept(given), content)


def test_what_waits_for_the_directory_is_repeated(papers: Papers) -> None:
    assert unbound(papers, UNBOUND, None).differs == ()


def test_what_waited_for_the_directory_in_vain_is_repeated(papers: Papers) -> None:
    ended = given_up(UNBOUND, "1 day, 0:00:01")
    assert unbound(papers, ended, "1 day, 0:00:01").differs == ()
    assert unbound(papers, ended, None).differs == ("verdict.indication", "verdict.detail")


def unread_one(papers: Papers, verdict: Verdict | Mapping[str, Any]) -> tuple[bytes, bytes, Any]:
    """Return a file, the evidence of a look that came to no finding, and its pieces."""
    content, given = papers.good_main.content, known(papers)
    subject = Subject(UUID(int=1), UUID(int=2), "1/VP", AGENCY, digest(content), "MAIN")
    evidence, _ = written(subject, FAILED, None, {}, given)
    stored = orjson.loads(evidence)
    stored["verdict"] = dict(verdict) if isinstance(verdict, Mapping) else asdict(verdict)
    held = {one.sha256: one.content for one in pieces(given, None)}
    return content, orjson.dumps(stored), held


@pytest.mark.usefixtures("failing")
@pytest.mark.parametrize(
    ("verdict", "differs"),
    [
        (FAILED, ()),
        (unread(UNREADABLE, "ZeroDivisionError", final=False), ()),
        (unread(UNREADABLE, "KeyError, 3 times", final=True), ("verdict.detail",)),
    ],
)
def test_what_a_parser_failed_on_is_given_to_it_again(
    papers: Papers, verdict: Verdict, differs: tuple[str, ...]
) -> None:
    content, evidence, held = unread_one(papers, verdict)
    assert repeat(evidence, held, content).differs == differs


def test_what_no_parser_fails_on_any_more_is_told(papers: Papers) -> None:
    content, evidence, held = unread_one(papers, FAILED)
    with pytest.raises(Incomplete, match="read the file now"):
        repeat(evidence, held, content)


def verify(papers: Papers, folder: Path, verdict: Verdict | Mapping[str, Any]) -> int:
    """Run `lienthong verify` on a file and the evidence of a verdict without a finding."""
    content, evidence, held = unread_one(papers, verdict)
    paper, bundle = folder / "paper.pdf", folder / "evidence.zip"
    paper.write_bytes(content)
    bundle.write_bytes(pack(evidence, held))
    return main(["verify", str(paper), "--evidence", str(bundle)])


@pytest.mark.usefixtures("failing")
def test_a_parser_s_failure_ends_as_the_verdict_that_was_stored(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(papers, tmp_path, FAILED) == 1
    told = capsys.readouterr().out
    assert told.startswith("TOTAL-FAILED: TOTAL-FAILED FORMAT_FAILURE SIG-4151")
    assert "format.pdf: ZeroDivisionError, 3 times" in told


@pytest.mark.parametrize(
    ("verdict", "why"),
    [
        (HEAVY, "a worker met its limits"),
        (KILLED, "or was killed"),
        (LOST, "could not be read from the store"),
        (given_up(LOST, "1 day"), "could not be read from the store"),
    ],
)
def test_what_a_machine_decided_is_named_as_not_repeatable(
    papers: Papers,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    verdict: Verdict,
    why: str,
) -> None:
    assert verify(papers, tmp_path, verdict) == 6
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "it cannot be repeated" in captured.err
    assert why in captured.err
    assert f"{verdict.indication} {verdict.reason} ({verdict.detail})" in captured.err


@pytest.mark.parametrize(
    "changed", [{"indication": "TOTAL-PASSED"}, {"reason": None}, {"sub_indication": None}]
)
def test_a_verdict_to_which_no_failed_look_leads_is_not_taken_for_one(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, Any]
) -> None:
    assert verify(papers, tmp_path, asdict(HEAVY) | changed) == 4
    assert "no failed look leads to this verdict" in capsys.readouterr().err
