"""A file is of the kind that its first bytes say; nothing that runs is of any."""

import pytest

from services.docs.kinds import HEAD, OTHERS, PDF, Kind, may_be, of_name, of_type

_ODF = b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument."
GOOD: dict[str, bytes] = {
    ".pdf": b"%PDF-1.7\n",
    ".docx": b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml",
    ".xlsx": b"PK\x03\x04" + bytes(26) + b"_rels/.rels",
    ".pptx": b"PK\x03\x04" + bytes(26) + b"docProps/app.xml",
    ".odt": _ODF + b"textPK",
    ".ods": _ODF + b"spreadsheetPK",
    ".odp": _ODF + b"presentationPK",
    ".csv": "Mã,Tên\r\n1,Xã Đức Long\r\n".encode(),
    ".txt": b"\xef\xbb\xbf" + "Biên bản".encode(),
    ".xml": b'<?xml version="1.0" encoding="UTF-8"?>\n<a/>',
    ".json": b' {"a": 1}',
    ".zip": b"PK\x03\x04\x14\0",
    ".png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    ".jpg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    ".tif": b"II*\0\x08\0\0\0",
    ".dwg": b"AC1032\0\0",
    ".dxf": b"  0\r\nSECTION\r\n",
}
PROGRAMS: dict[str, bytes] = {
    "Windows": b"MZ\x90\0\x03\0\0\0",
    "Linux": b"\x7fELF\x02\x01\x01",
    "macOS": b"\xcf\xfa\xed\xfe\x07\0\0\x01",
    "script": b"#!/bin/sh\nrm -rf /\n",
    "OLE": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "Java": b"\xca\xfe\xba\xbe\0\0\0\x34",
}


def test_every_kind_has_its_case():
    assert set(GOOD) == {one.endings[0] for one in (PDF, *OTHERS)}
    assert all(of_type(one.media_type) is one for one in (PDF, *OTHERS))


@pytest.mark.parametrize("ending", GOOD)
def test_a_good_beginning_is_of_its_kind(ending: str):
    kind = of_name(f"Phụ lục{ending.upper()}")
    assert kind is not None
    assert may_be(kind, GOOD[ending])


@pytest.mark.parametrize("what", PROGRAMS)
@pytest.mark.parametrize("kind", [PDF, *OTHERS], ids=lambda one: one.endings[0])
def test_a_program_is_of_no_kind(kind: Kind, what: str):
    assert not may_be(kind, PROGRAMS[what])


@pytest.mark.parametrize(
    ("ending", "claims"),
    [
        (".odt", ".ods"),
        (".docx", ".ods"),
        (".ods", ".xlsx"),
        (".pdf", ".txt"),
        (".pdf", ".xml"),
        (".png", ".csv"),
        (".zip", ".txt"),
        (".csv", ".xml"),
        (".tif", ".png"),
        (".json", ".pdf"),
    ],
)
def test_what_claims_to_be_another_kind_is_refused(ending: str, claims: str):
    kind = of_name(f"a{claims}")
    assert kind is not None
    assert not may_be(kind, GOOD[ending])


@pytest.mark.parametrize(
    ("ending", "head"),
    [
        (".txt", b"{\\rtf1\\ansi"),
        (".txt", b"%!PS-Adobe-3.0"),
        (".csv", "Mã".encode("utf-16")),
        (".csv", "Xã Đức Long".encode("cp1258", errors="replace") + b"\xd2\xe0"),
        (".xml", b"<!DOCTYPE html><script>"),
        (".xml", b"\xef\xbb\xbf\n<HTML>"),
        (".json", b"alert(1)"),
        (".txt", b"a\0b"),
    ],
)
def test_a_text_is_plain_utf8(ending: str, head: bytes):
    kind = of_name(f"a{ending}")
    assert kind is not None
    assert not may_be(kind, head)


def test_a_character_that_is_cut_is_no_fault():
    kind = of_name("a.txt")
    assert kind is not None
    text = ("a" * (HEAD - 1) + "ế").encode()
    assert may_be(kind, text[:HEAD])


@pytest.mark.parametrize("name", ["a.exe", "a.doc", "a.docm", "a.html", "a.svg", "a", "a.xlsx.js"])
def test_other_names_are_of_no_kind(name: str):
    assert of_name(name) is None
