"""Pointers into what was sent."""

from shared.faults import pointer


def test_pointers_escape_what_rfc_6901_says():
    assert pointer("a/b", 0, "~c") == "/a~1b/0/~0c"
