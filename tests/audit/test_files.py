"""Stored files: whole, block by block, in their place; reading needs no service."""

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from infra.audit.files import BLOCK, check_file, foreign, place_of
from infra.audit.finding import Books, Finding

CONTENT = bytes(BLOCK) + b"the second block"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BLOCKS = hashlib.sha256(CONTENT[:BLOCK]).digest() + hashlib.sha256(CONTENT[BLOCK:]).digest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = place_of(tmp_path, SHA256)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return tmp_path


def check(root: Path, **attachment: object) -> list[Finding]:
    row = {"sha256": SHA256, "size": len(CONTENT), "blocks": BLOCKS, "id": UUID(int=1)}
    there = [{"sha256": SHA256}] if place_of(root, SHA256).exists() else []
    case: dict[str, list[dict[str, Any]]] = {
        "attachment": [{**row, **attachment}],
        "seal": [],
        "prepared": [],
        "signed": [],
        "source": [],
        "there": there,
    }
    return list(check_file((SHA256,), case, Books({}), root))


def test_a_sound_file_is_sound(root: Path) -> None:
    assert check(root) == []
    assert list(foreign(root)) == []


@pytest.mark.parametrize("place", [0, BLOCK, len(CONTENT) - 1])
def test_a_flipped_bit_is_found_with_its_block(root: Path, place: int) -> None:
    changed = bytearray(CONTENT)
    changed[place] ^= 1
    place_of(root, SHA256).write_bytes(changed)
    first = check(root)[0]
    assert first.where == f"file {SHA256}"
    assert f"first bad block is {place // BLOCK}" in first.what


def test_a_file_that_is_cut_or_lost_is_found(root: Path) -> None:
    place_of(root, SHA256).write_bytes(CONTENT[:BLOCK])
    assert any(f"has {BLOCK} bytes" in one.what for one in check(root))
    place_of(root, SHA256).unlink()
    assert check(root)[0].what == "is missing; 1 rows name it"


def test_what_is_said_of_a_file_is_checked(root: Path) -> None:
    assert "bytes, not 1" in check(root, size=1)[0].what
    assert "other digests of its blocks" in check(root, blocks=bytes(64))[0].what


def test_foreign_files_are_named(root: Path) -> None:
    (root / "begun").mkdir()
    (root / "begun" / "half").write_bytes(b"1")
    (root / "00").mkdir()
    (root / "00" / ("ab" * 32)).write_bytes(b"2")
    (root / "note.txt").write_bytes(b"3")
    link = place_of(root, "c" * 64)
    link.parent.mkdir(parents=True)
    link.symlink_to(place_of(root, SHA256))
    said = {one.where: one.what for one in foreign(root)}
    assert said == {
        "file note.txt": "is no file of a digest",
        f"file 00/{'ab' * 32}": "is no file of a digest",
        f"file {'c' * 64}": "is a link, not a file",
    }
