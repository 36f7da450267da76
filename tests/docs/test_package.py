"""Names in a package are harmless on any system, whatever the sender called its files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.docs.package import member_name


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("7816.pdf", "files/01-7816.pdf"),
        ("Công văn số 7816.pdf", "files/01-Công văn số 7816.pdf"),
        ("../../etc/passwd", "files/01-_.._etc_passwd"),
        ("C:\\Windows\\a.pdf", "files/01-C__Windows_a.pdf"),
        ("\u202efdp.exe", "files/01-fdp.exe"),
        (" . ", "files/01-file"),
        ("a" * 300 + ".pdf", "files/01-" + "a" * 96 + ".pdf"),
    ],
)
def test_a_name_is_made_harmless(name: str, member: str):
    assert member_name(1, name) == member


@given(st.integers(1, 99), st.text(max_size=400))
def test_a_member_lies_in_its_folder_and_nowhere_else(number: int, name: str):
    member = member_name(number, name)
    folder, _, file = member.partition("/")
    assert folder == "files"
    assert file.startswith(f"{number:02}-")
    assert not set(file) & set('<>:"/\\|?*\0\n\r')
    assert len(file) <= 103
    assert not file.endswith((" ", "."))
