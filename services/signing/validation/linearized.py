"""What a file says of its length when it is laid out to be shown from its beginning (Annex F).

Readers that find it true take the tables behind the first object for those of the file. Whoever
appends could make it true later. Runs in a worker process only.
"""

import re

from services.signing.validation.syntax import OBJECT, WHITE, Odd, parse

_BEFORE = re.compile(rb"%%PDF-\d\.\d[ \t]*+[\r\n](?:%(W)b|%%[^\r\n]*)*+" % {b"W": WHITE})
"""The header in a line of its own (ISO 32000-2 7.5.2), white space and comments."""
_END = b"endobj"


def check_linearized(content: bytes, signed: int) -> None:
    """Check that a length which a file states is shorter than its first `signed` bytes. Raises Odd.

    An update is never what makes it true then; a file that was signed as it was laid out is none
    that we have seen.
    """
    before = _BEFORE.match(content)
    head = OBJECT.match(content, before.end()) if before else None
    if head is None:
        raise Odd("a file that does not begin with its version and an object")
    try:
        said, _ = parse(content, head.end())
    except Odd:
        first = content[head.end() : content.find(_END, head.end())]
        if b"Linearized" in first or b"#" in first:
            raise
        return
    if isinstance(said, dict) and b"Linearized" in said:
        length = said.get(b"L")
        if type(length) is not int or length >= signed:
            raise Odd("a file that says it is longer than what was signed first")
