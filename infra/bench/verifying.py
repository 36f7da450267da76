"""`python -m infra.bench.verifying`: verifies papers as signing's workers do, and nothing else."""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

from infra.pki.trusted import material
from services.signing import hexstring
from services.signing.validation.pades import validate_pdf
from services.signing.validation.trust import Trust


def main() -> None:
    """Read what to verify from standard input; print count, seconds, seconds of CPU."""
    logging.disable(logging.CRITICAL)
    hexstring.install()
    given = json.load(sys.stdin)
    lists = [(name, bytes.fromhex(der)) for name, der in given["lists"].items()]
    root, issuing = bytes.fromhex(given["root"]), bytes.fromhex(given["issuing"])
    trust = Trust(material(root, issuing, lists))
    papers = [Path(path).read_bytes() for path in given["papers"]]
    _sound(papers[0], trust)  # loads what is loaded at first use
    count, began, used = 0, time.perf_counter(), time.process_time()
    for paper in cycle(papers):
        _sound(paper, trust)
        count += 1
        if time.perf_counter() - began > given["seconds"]:
            break
    print(count, time.perf_counter() - began, time.process_time() - used)


def _sound(paper: bytes, trust: Trust) -> None:
    found = validate_pdf(paper, trust, datetime.now(UTC))
    if found.outcome != "sound":
        raise ValueError(f"a paper of the bench is {found.outcome}: {found.reason}")


if __name__ == "__main__":
    main()
