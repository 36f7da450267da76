"""`python -m infra.audit`: what `make audit` runs; 0: all holds, 1: something is wrong."""

import asyncio
import sys
import time

from infra.audit.finding import Books
from infra.audit.site import CannotAudit
from infra.audit.walk import audit
from infra.stack.folder import Folder

_SHOWN = 20
_COUNTED = [
    "lanes",
    "entries",
    "receipts",
    "statuses",
    "dispatches",
    "verdicts",
    "signatures",
    "certificates",
    "files",
    "bytes",
    "orphans",
]


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def tell(books: Books, seconds: float) -> int:
    """Print one line, then what is wrong, the first position first; return the exit status."""
    counts = " ".join(f"{name}={books.counted[name]}" for name in _COUNTED)
    print(f"AUDIT {counts} findings={len(books.findings)} seconds={seconds:.1f}")
    for number, finding in enumerate(books.findings[:_SHOWN]):
        mark = "first" if number == 0 else "     "
        print(f"{mark} × {finding.where}: {finding.what}")
    if len(books.findings) > _SHOWN:
        print(f"      and {len(books.findings) - _SHOWN} more")
    return 1 if books.findings else 0


def main() -> int:
    """Audit the stack that LIENTHONG_RUN names."""
    began = time.monotonic()
    try:
        books = asyncio.run(audit(Folder.here(), _say))
    except CannotAudit as silent:
        print(f"cannot audit: {silent}", file=sys.stderr)
        return 1
    return tell(books, time.monotonic() - began)


if __name__ == "__main__":
    raise SystemExit(main())
