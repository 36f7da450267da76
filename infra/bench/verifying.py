"""`python -m infra.bench.verifying`: verifies papers as signing's workers do, and nothing else."""

import asyncio
import json
import logging
import sys
import time
from io import BytesIO
from itertools import cycle
from pathlib import Path

from services.signing import hexstring
from services.signing.trust import Trust
from services.signing.verify import verify


def main() -> None:
    """Read what to verify from standard input; print count, seconds, seconds of CPU."""
    logging.disable(logging.CRITICAL)
    hexstring.install()
    given = json.load(sys.stdin)
    trust = Trust(
        root=bytes.fromhex(given["root"]),
        intermediates=(bytes.fromhex(given["issuing"]),),
        lists={name: bytes.fromhex(der) for name, der in given["lists"].items()},
    )
    papers = [Path(path).read_bytes() for path in given["papers"]]
    with asyncio.Runner() as runner:
        runner.run(_sound(papers[0], trust))  # loads what is loaded at first use
        count, began, used = 0, time.perf_counter(), time.process_time()
        for paper in cycle(papers):
            runner.run(_sound(paper, trust))
            count += 1
            if time.perf_counter() - began > given["seconds"]:
                break
        passed, spent = time.perf_counter() - began, time.process_time() - used
    print(count, passed, spent)


async def _sound(paper: bytes, trust: Trust) -> None:
    found = await verify(BytesIO(paper), trust)
    if found.outcome != "sound":
        raise ValueError(f"a paper of the bench is {found.outcome}: {found.reason}")


if __name__ == "__main__":
    main()
