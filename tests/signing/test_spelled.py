"""A name is no text to the judge, however both are spelled."""
# pyHanko is typed in part only:
# pyright: reportUnknownMemberType=false

import pytest
from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject, TextStringObject, pdf_name

from services.signing.validation import spelled

NAME, TEXT = pdf_name("/OFF"), TextStringObject("/OFF")


@pytest.fixture(autouse=True)
def installed() -> None:
    spelled.install()


def test_a_name_is_no_text():
    assert NAME != TEXT
    assert TEXT != NAME
    assert not NAME == TEXT  # noqa: SIM201 (both operators are theirs)
    assert not TEXT == NAME  # noqa: SIM201
    assert ArrayObject([NAME]) != ArrayObject([TEXT])
    assert DictionaryObject({NAME: TEXT}) != DictionaryObject({NAME: NAME})


def test_what_our_code_asks_for_by_a_slash_is_a_name():
    assert NAME == "/OFF"
    assert NAME in {"/OFF", "/ON"}
    assert TEXT != "/OFF"
    assert TEXT not in {"/OFF", "/ON"}
    assert [TEXT] != ["/OFF"]


def test_names_and_texts_are_still_themselves():
    assert pdf_name("/OFF") == NAME
    assert hash(pdf_name("/OFF")) == hash(NAME)
    assert TextStringObject("/OFF") == TEXT
    assert TextStringObject("a") == "a"
    assert DictionaryObject({NAME: NAME})["/OFF"] == NAME
