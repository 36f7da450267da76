"""`lienthong verify`: what cannot be used, and what fails, is never taken for a verdict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.signing import again, bundle
from services.signing.bundle import MOST_BYTES, Bundle, TooLarge, pack, unpack
from services.signing.cli import main
from services.signing.evidence import SCHEMA, Incomplete
from services.signing.validation.material import LARGEST
from tests.fixtures.papers import Papers
from tests.signing.test_cli import changed, laid


def _bare(stored: dict[str, Any]) -> None:
    stored.clear()
    stored["schema"] = SCHEMA


def _without(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(stored: dict[str, Any]) -> None:
        within = stored
        for name in path[:-1]:
            within = within[name]
        del within[path[-1]]

    return change


def _listing(name: str) -> Callable[[dict[str, Any]], None]:
    def change(stored: dict[str, Any]) -> None:
        stored[name] = [name]

    return change


def _newer(stored: dict[str, Any]) -> None:
    for one in stored["registered"]:
        one["changed_in"] = 1 << 40


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_bare, "has no subject, verdict, finding"),
        (_without("subject"), "has no subject"),
        (_without("subject", "sha256"), "KeyError 'sha256'"),
        (_without("finding", "checked_at"), "KeyError 'checked_at'"),
        (_without("material", "lists"), "names no material"),
        (_newer, "older than its register"),
        (_listing("subject"), "not whole: TypeError"),
        (_listing("verdict"), "cannot be told: AttributeError"),
    ],
)
def test_evidence_with_which_nothing_can_be_judged_is_no_verdict(
    papers: Papers,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any]], None],
    said: str,
) -> None:
    paper, evidence = changed(papers, tmp_path, change)
    assert main(["verify", str(paper), "--evidence", str(evidence)]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err


def test_a_library_that_fails_is_no_verdict(
    papers: Papers,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    paper, evidence = laid(papers, tmp_path)
    monkeypatch.setattr(again, "validate", fail)
    assert main(["verify", str(paper), "--evidence", str(evidence)]) == 4
    assert "a library fails" in capsys.readouterr().err


def test_a_zip_that_cannot_be_read_is_no_verdict(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper, evidence = laid(papers, tmp_path)
    whole = evidence.read_bytes()
    rotted = bytearray(whole)
    rotted[30 + len("verdict.json")] = 0x07  # a block of a kind that there is not (RFC 1951 3.2.3)
    for bad in (bytes(rotted), locked(whole)):
        evidence.write_bytes(bad)
        assert main(["verify", str(paper), "--evidence", str(evidence)]) == 4
        assert "evidence.zip: neither a folder nor a ZIP that" in capsys.readouterr().err


def locked(whole: bytes) -> bytes:
    """Return a ZIP that says of each entry that it has a password (APPNOTE 4.4.4, bit 0)."""
    content = bytearray(whole)
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = whole.find(mark)
        while place >= 0:
            content[place + flags] |= 1
            place = whole.find(mark, place + 1)
    return bytes(content)


def test_what_is_packed_is_unpacked_however_large_its_lists(tmp_path: Path) -> None:
    lists = {f"{number:064x}": bytes(LARGEST) for number in range(6)}
    packed = tmp_path / "evidence.zip"
    packed.write_bytes(pack(b"{}", lists))
    assert unpack(packed) == Bundle(b"{}", lists, None)


def test_neither_is_there_more_than_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_BYTES >= 8 * LARGEST
    pieces = {"a": bytes(99)}
    packed, folder = tmp_path / "evidence.zip", tmp_path / "evidence"
    packed.write_bytes(pack(b"{}", pieces))
    (folder / "materials").mkdir(parents=True)
    (folder / "materials" / "a").write_bytes(bytes(99))
    (folder / "verdict.json").write_bytes(b"{}")
    monkeypatch.setattr(bundle, "MOST_BYTES", 100)
    for path in (packed, folder):
        with pytest.raises(Incomplete, match="more than"):
            unpack(path)
    with pytest.raises(TooLarge, match="more than"):
        pack(b"{}", pieces)
    monkeypatch.setattr(bundle, "MOST_BYTES", 101)
    assert unpack(folder) == unpack(packed) == Bundle(b"{}", pieces, None)
