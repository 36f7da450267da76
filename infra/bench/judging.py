"""`python -m infra.bench.judging`: judgements as a worker makes them, timed, in their own process.

What is measured is CPU time: the ratio is that of one core, whatever else the machine does.
"""

import gc
import json
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import cycle

from pydantic import TypeAdapter

from infra.bench.lines import Json, Paper, begin, papers, serve
from services.signing import hexstring
from services.signing.validation.file import validate
from services.signing.validation.material import Material
from services.signing.validation.trust import Trust

MATERIALS = TypeAdapter(Material)


def main() -> None:
    """Judge papers as standard input says; `cold`: so many with trust that is read anew."""
    logging.disable(logging.CRITICAL)
    hexstring.install()
    told = begin()
    material = MATERIALS.validate_json(json.dumps(told["material"]))
    given = papers(told)
    if told["cold"]:
        json.dump(cold(material, given, told["cold"]), sys.stdout)
    else:
        serve({"judge": Judge(material).whole}, given)


class Judge:
    """Judges as a worker does: warm trust, memory collected after each file."""

    def __init__(self, material: Material) -> None:
        """Read what is trusted."""
        self.trust = Trust(material)
        self.at = datetime.now(UTC)

    def whole(self, paper: Paper) -> None:
        """Judge a file. Raises ValueError when it is not sound."""
        found = validate(paper.content, paper.signature, self.trust, self.at)
        if found.outcome != "sound":
            raise ValueError(f"a paper of the bench is {found.outcome}: {found.detail}")
        del found
        gc.collect()


def _cpu(work: Callable[[Paper], None], paper: Paper) -> float:
    began = time.process_time()
    work(paper)
    return time.process_time() - began


def cold(material: Material, given: list[Paper], count: int) -> Json:
    """Judge each file with trust that was read anew, and again with the chain at hand."""
    read: list[float] = []
    first: list[float] = []
    warm: list[float] = []
    Judge(material).whole(given[0])
    for _, paper in zip(range(count), cycle(given), strict=False):
        began = time.process_time()
        judge = Judge(material)
        read.append(time.process_time() - began)
        first.append(_cpu(judge.whole, paper))
        warm.append(_cpu(judge.whole, paper))
    return {"read": read, "first": first, "warm": warm}


if __name__ == "__main__":
    main()
