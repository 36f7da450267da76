"""A name is no text: pyHanko takes those that are spelled alike for one, readers of PDFs do not.

Runs in a worker process only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from pyhanko.pdf_utils.generic import NameObject, TextStringObject

_SLASH = "/"


def _name_is(name: NameObject, other: object) -> bool:
    return str.__eq__(name, other) is True and not isinstance(other, TextStringObject)


def _name_is_not(name: NameObject, other: object) -> bool:
    return not _name_is(name, other)


def _text_is(text: TextStringObject, other: object) -> bool:
    """Say whether a text is another; what is written in our code with a slash is a name."""
    if str.__eq__(text, other) is not True or isinstance(other, NameObject):
        return False
    return isinstance(other, TextStringObject) or not text.startswith(_SLASH)


def _text_is_not(text: TextStringObject, other: object) -> bool:
    return not _text_is(text, other)


def install() -> None:
    """Have pyHanko's values compared so in this process."""
    for kind, is_one, is_not in (
        (NameObject, _name_is, _name_is_not),
        (TextStringObject, _text_is, _text_is_not),
    ):
        setattr(kind, "__eq__", is_one)  # noqa: B010 (both are theirs)
        setattr(kind, "__ne__", is_not)  # noqa: B010
