"""`lienthong verify`: offline, its exit code says the verdict, and bad evidence is named."""

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.signing import withdrawal
from services.signing.bundle import pack, unpack
from services.signing.cli import main
from services.signing.validation.describe import SOFTWARE
from services.signing.withdrawal import Cause, Withdrawal
from tests.fixtures.papers import Papers
from tests.signing.elsewhere import make_ca
from tests.signing.test_evidence import FILES, der, judged, kept, known

_LOCKED_UP = (
    "import os, sys; from services.signing import cli, landlock, sandbox;"
    " landlock.version = lambda: 0;"
    " sandbox.enter(memory=1 << 30, parent=os.getppid()); sys.exit(cli.main(sys.argv[1:]))"
)
"""No socket, no other process, and files: what it needs is in the bundle or not at all."""


def laid(papers: Papers, folder: Path, file: str = "good") -> tuple[Path, Path]:
    """Lay a file and the evidence of its verdict into a folder."""
    content, given = FILES[file](papers), known(papers)
    paper, bundle = folder / "paper.pdf", folder / "evidence.zip"
    paper.write_bytes(content)
    bundle.write_bytes(pack(judged(content, given), kept(given)))
    return paper, bundle


@pytest.mark.parametrize(("file", "code"), [("good", 0), ("no seal", 1), ("changed", 1)])
def test_the_exit_code_is_the_verdict(papers: Papers, tmp_path: Path, file: str, code: int) -> None:
    paper, bundle = laid(papers, tmp_path, file)
    assert main(["verify", str(paper), "--evidence", str(bundle)]) == code


def test_another_moment_is_judged(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper, bundle = laid(papers, tmp_path)
    later = ["--at", "2035-01-01T00:00:00+07:00"]
    assert main(["verify", str(paper), "--evidence", str(bundle), *later]) == 1
    told = capsys.readouterr().out
    assert "CRYPTO_CONSTRAINTS_FAILURE_NO_POE" in told
    assert "algorithms.rsa" in told


def test_it_needs_neither_network_nor_database(papers: Papers, tmp_path: Path) -> None:
    paper, bundle = laid(papers, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", _LOCKED_UP, "verify", paper, "--evidence", bundle],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.startswith("TOTAL-PASSED")


def test_a_folder_is_as_good_as_a_zip(papers: Papers, tmp_path: Path) -> None:
    content, given = papers.good_main.content, known(papers)
    (tmp_path / "materials").mkdir()
    for sha256, piece in kept(given).items():
        (tmp_path / "materials" / sha256).write_bytes(piece)
    (tmp_path / "verdict.json").write_bytes(judged(content, given))
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(content)
    assert main(["verify", str(paper), "--evidence", str(tmp_path)]) == 0


def test_a_verdict_that_was_changed_is_told(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, given = FILES["no seal"](papers), known(papers)
    stored = orjson.loads(judged(content, given))
    stored["verdict"] |= {"indication": "TOTAL-PASSED", "reason": None}
    paper, bundle = tmp_path / "paper.pdf", tmp_path / "evidence.zip"
    paper.write_bytes(content)
    bundle.write_bytes(pack(orjson.dumps(stored), kept(given)))
    assert main(["verify", str(paper), "--evidence", str(bundle)]) == 5
    assert "differs from what was stored: verdict.indication" in capsys.readouterr().out


def test_evidence_that_is_not_whole_is_named(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper, bundle = laid(papers, tmp_path)
    for broken in (b"", b"PK\x03\x04", bundle.read_bytes()[:-9]):
        bundle.write_bytes(broken)
        assert main(["verify", str(paper), "--evidence", str(bundle)]) == 4
        assert "evidence.zip" in capsys.readouterr().err
    assert main(["verify", str(paper), "--evidence", str(tmp_path)]) == 4
    assert "verdict.json" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "none.pdf"), "--evidence", str(bundle)]) == 4


def sha256(content: bytes) -> str:
    """Return a digest as the command takes and prints it."""
    return hashlib.sha256(content).hexdigest()


def test_it_says_what_it_trusts_and_by_which_evidence(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper, evidence = laid(papers, tmp_path)
    assert main(["verify", str(paper), "--evidence", str(evidence)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"  trust anchor root {sha256(der(papers.office.root))}" in lines
    assert f"  evidence {sha256(unpack(evidence).evidence)}" in lines
    assert any("roots, register, policy are the evidence's own word" in one for one in lines)


def test_the_roots_of_the_evidence_have_to_be_those_that_are_given(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper, evidence = laid(papers, tmp_path)
    own, strange = tmp_path / "own.cer", tmp_path / "strange.cer"
    own.write_bytes(der(papers.office.root))
    strange.write_bytes(der(make_ca("CA gốc khác")))
    verify = ["verify", str(paper), "--evidence", str(evidence), "--root"]
    assert main([*verify, str(own)]) == 0
    assert main([*verify, str(strange), "--root", str(own)]) == 0
    assert "the register of signers, the policy are" in capsys.readouterr().out
    assert main([*verify, str(strange)]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"rests on root ({sha256(der(papers.office.root))})" in captured.err


def test_the_evidence_has_to_be_the_one_that_was_told(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper, evidence = laid(papers, tmp_path)
    told = sha256(unpack(evidence).evidence)
    verify = ["verify", str(paper), "--evidence", str(evidence), "--sha256"]
    assert main([*verify, told.upper()]) == 0
    assert "own word" not in capsys.readouterr().out
    assert main([*verify, "0" * 64]) == 4
    assert told in capsys.readouterr().err


GONE = Withdrawal(
    UUID(int=5),
    "SIG-4225",
    datetime(2026, 11, 27, 3, tzinfo=UTC),
    Cause("c" * 64, "leader", "issuing", datetime(2026, 11, 27, 2, tzinfo=UTC), "keyCompromise"),
)


@pytest.mark.parametrize("as_folder", [False, True])
def test_what_was_withdrawn_is_told_and_fails(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, as_folder: bool
) -> None:
    paper, bundle = laid(papers, tmp_path)
    held = unpack(bundle)
    gone = withdrawal.written(GONE, evidence_sha256=sha256(held.evidence))
    bundle.write_bytes(pack(held.evidence, held.kept, gone))
    given = tmp_path / "unpacked" if as_folder else bundle
    if as_folder:
        zipfile.ZipFile(bundle).extractall(given)
    told = ["--sha256", sha256(held.evidence)]
    assert main(["verify", str(paper), "--evidence", str(given), *told]) == 1
    now, why, _, before, *_ = capsys.readouterr().out.splitlines()
    assert now == "TOTAL-FAILED: withdrawn SIG-4225, at 2026-11-27T03:00:00+00:00"
    assert why.split(": ") == [
        "  revoked since 2026-11-27T02:00:00+00:00 for keyCompromise",
        f"leader certificate {'c' * 64}",
    ]
    assert before == "TOTAL-PASSED: TOTAL-PASSED"


def test_a_withdrawal_is_of_the_verdict_that_it_names(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper, bundle = laid(papers, tmp_path)
    held = unpack(bundle)
    for broken in (withdrawal.written(GONE, evidence_sha256="0" * 64), b"{}", b"\xff"):
        bundle.write_bytes(pack(held.evidence, held.kept, broken))
        assert main(["verify", str(paper), "--evidence", str(bundle)]) == 4
        assert "the withdrawal is" in capsys.readouterr().err


def test_a_name_in_evidence_cannot_pass_for_another_line(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper, evidence = changed(papers, tmp_path, _name_the_root)
    assert main(["verify", str(paper), "--evidence", str(evidence)]) == 0
    lines = capsys.readouterr().out.splitlines()
    own = sha256(unpack(evidence).evidence)
    assert [one.split()[1] for one in lines if one.startswith("  evidence ")] == [own]


def _name_the_root(stored: dict[str, Any]) -> None:
    (root,) = (one for one in stored["material"]["authorities"] if one["anchor"])
    for one in stored["material"]["lists"]:
        if one["authority"] == root["name"]:
            one["authority"] = f"x\n  evidence {'0' * 64}"
    for one in stored["finding"]["lists"]:
        if one["authority"] == root["name"]:
            one["authority"] = f"x\n  evidence {'0' * 64}"
    root["name"] = f"x\n  evidence {'0' * 64}"


def changed(
    papers: Papers, folder: Path, change: Callable[[dict[str, Any]], None]
) -> tuple[Path, Path]:
    """Lay a file and evidence that somebody has changed."""
    content, given = papers.good_main.content, known(papers)
    stored = orjson.loads(judged(content, given))
    change(stored)
    paper, evidence = folder / "paper.pdf", folder / "evidence.zip"
    paper.write_bytes(content)
    evidence.write_bytes(pack(orjson.dumps(stored), kept(given)))
    return paper, evidence


def test_it_says_which_sources_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"lienthong {SOFTWARE['lienthong']}\n"


@pytest.mark.parametrize(
    "at", ["yesterday", "2035-01-01T00:00:00", "0001-01-01T00:00:00+07:00", "9999-12-31T23:59:59Z"]
)
def test_a_moment_needs_its_zone_and_a_year_of_our_time(at: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", "x.pdf", "--evidence", str(tmp_path), "--at", at])
    assert ended.value.code == 2
