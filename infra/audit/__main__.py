"""`python -m infra.audit [--tamper N]`: `make audit`; 0: all holds, 1: something is wrong."""

import argparse
import asyncio
import sys
import time

from infra.audit.finding import Books
from infra.audit.site import CannotAudit
from infra.audit.tamper import stage
from infra.audit.tamper.run import NotQuiet, Score
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
    "words_lost",
    "unfollowed",
]


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def tell(books: Books, seconds: float) -> int:
    """Print what was looked at, then what is wrong, the first first; return the exit status."""
    counts = " ".join(f"{name}={books.counted[name]}" for name in _COUNTED)
    print(f"AUDIT {counts} findings={len(books.findings)} seconds={seconds:.1f}")
    pairs = (books.counted[name] for name in ("intents", "made", "orphan"))
    print("KEYS intents={} signatures={} orphan={}".format(*pairs))
    for number, finding in enumerate(books.findings[:_SHOWN]):
        mark = "first" if number == 0 else "     "
        print(f"{mark} × {finding.where}: {finding.what}")
    if len(books.findings) > _SHOWN:
        print(f"      and {len(books.findings) - _SHOWN} more")
    return 1 if books.findings else 0


def main() -> int:
    """Audit the stack that LIENTHONG_RUN names, or tamper with one and audit that."""
    parser = argparse.ArgumentParser(prog="python -m infra.audit")
    parser.add_argument("--tamper", type=int, default=0, metavar="N", help="random changes")
    parser.add_argument("--seed", type=int, default=1, help="which random changes")
    asked = parser.parse_args()
    began = time.monotonic()
    try:
        if asked.tamper:
            return _tell_score(stage.run(asked.tamper, asked.seed, _say), asked.tamper)
        books = asyncio.run(audit(Folder.here(), _say))
    except (CannotAudit, NotQuiet) as silent:
        print(f"cannot audit: {silent}", file=sys.stderr)
        return 1
    return tell(books, time.monotonic() - began)


def _tell_score(score: Score, wanted: int) -> int:
    for line in score.lines():
        print(line)
    return 0 if wanted == score.made.total() == score.found.total() else 1


if __name__ == "__main__":
    raise SystemExit(main())
