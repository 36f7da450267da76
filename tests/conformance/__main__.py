"""`python -m tests.conformance`: every case judged, and compared with the page of expectations.

ONLY=pattern: the cases whose name matches it. REPLAY=1: every verdict repeated from its evidence;
STORED=folder: those that an exchange has stored. PEERS=1: also put to OpenSSL, pdfsig and EU DSS.
"""

import asyncio
import logging
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from infra.audit.site import CannotAudit
from infra.stack.folder import Folder
from infra.stack.trouble import Trouble
from tests.conformance.case import Case, Expected
from tests.conformance.exchange import Tally as StoredTally
from tests.conformance.exchange import replay, standing
from tests.conformance.expected import expected
from tests.conformance.judging import as_judged, judged
from tests.conformance.matrix import matrix
from tests.conformance.peers.compare import ours, peers
from tests.conformance.peers.peer import Missing
from tests.conformance.peers.table import agreement
from tests.conformance.replay import repeater, stored

_WORD_EVERY = 2.0
_SHOWN = 50


@dataclass(slots=True)
class Tally:
    """What came out of the cases."""

    cases: int = 0
    bad_accepted: int = 0
    good_refused: int = 0
    wrong_indication: int = 0
    differences: list[str] = field(default_factory=list[str])

    def count(self, case: Case, told: Expected) -> None:
        """Judge one case and compare."""
        self.cases += 1
        ought = as_judged(told)
        try:
            got = judged(case)
        except Exception as error:  # noqa: BLE001 (whatever escapes is a difference)
            self.good_refused += told.decision == "accept"
            self.wrong_indication += told.decision != "accept"
            self.differences.append(f"{case.name}: {type(error).__name__}: {error} ({told.clause})")
            return
        if got == ought:
            return
        self.bad_accepted += got[0] == "accept"
        self.good_refused += told.decision == "accept"
        self.wrong_indication += "accept" not in (got[0], told.decision)
        self.differences.append(f"{case.name}: {_said(got)}, not {_said(ought)} ({told.clause})")

    def line(self) -> str:
        """Return the result in one line."""
        return (
            f"CONFORMANCE cases={self.cases} bad_accepted={self.bad_accepted}"
            f" good_refused={self.good_refused} wrong_indication={self.wrong_indication}"
        )


def _said(words: tuple[str | None, ...]) -> str:
    return " ".join(word or "–" for word in words)


def _chosen() -> Iterator[Case]:
    wanted = os.environ.get("ONLY", "")
    return (case for case in matrix() if re.search(wanted, case.name))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Judge all cases, put them to peers too (PEERS=1), or repeat verdicts (REPLAY=1, STORED=)."""
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # it tells of each bad file
    if run := os.environ.get("STORED"):
        return _replay_stored(Folder(Path(run).expanduser().resolve()))
    if os.environ.get("REPLAY"):
        return _replay()
    failed = _judge()
    return _compare() or failed if os.environ.get("PEERS") else failed


def _judge() -> int:
    page, tally = expected(), Tally()
    for case in _told(len(page)):
        tally.count(case, page[case.name])
    for difference in tally.differences:
        _say(f"  {difference}")
    _say(tally.line())
    return 1 if tally.differences or not tally.cases else 0


def _compare() -> int:
    try:
        with peers() as others:
            rows = [
                (case.name, case.dimension, ours(*judged(case)), said)
                for case, said in others.all(_told(len(expected())))
            ]
    except Missing as error:
        _say(f"{error}")
        return 1
    _say("  ".join(f"{name} {seconds:.0f} s" for name, seconds in others.seconds.items()))
    found = agreement(rows)
    _say(found.text)
    idle = 0 if os.environ.get("ONLY") else found.idle  # a part of the cases tells nothing of that
    return 1 if found.unexplained or idle else 0


def _replay() -> int:
    replayed, differing = 0, 0
    with repeater() as other:
        for case in _told(len(expected())):
            differences = other.differences(stored(case))
            replayed += 1
            differing += bool(differences)
            if differences:
                _say(f"  {case.name}: {', '.join(differences)}")
    _say(f"CONFORMANCE replayed={replayed} differing={differing}")
    return 1 if differing or not replayed else 0


def _replay_stored(folder: Folder) -> int:
    try:
        tally = asyncio.run(_of(folder))
    except (CannotAudit, Trouble) as silent:
        _say(f"{silent}")
        return 1
    for finding in tally.findings[:_SHOWN]:
        _say(f"  × {finding}")
    if len(tally.findings) > _SHOWN:
        _say(f"    and {len(tally.findings) - _SHOWN} more")
    _say(tally.line())
    return 1 if tally.differing or not tally.replayed else 0


async def _of(folder: Folder) -> StoredTally:
    async with standing(folder) as signing:
        only = os.environ.get("ONLY", "")
        return await replay(
            signing, folder.path / "blobs", lambda word: _say(f"  {word}"), only=only
        )


def _told(total: int) -> Iterator[Case]:
    """Yield the chosen cases, and say every two seconds how far they are."""
    spoke = time.monotonic()
    for number, case in enumerate(_chosen(), start=1):
        yield case
        if time.monotonic() - spoke > _WORD_EVERY:
            _say(f"  {number}/{total} {case.dimension}")
            spoke = time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
