"""`python -m infra.contracts`: whether a running stack keeps what the documents promise."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.contracts import fuzz, openapi, spectral
from infra.contracts.asyncapi import asyncapi_findings
from infra.contracts.examples import lacking
from infra.contracts.tour.guide import Astray, Guide, guided
from infra.contracts.tour.whole import tour
from infra.pki import registry
from infra.stack.folder import TREE, Folder
from infra.stack.trouble import Trouble

EXAMPLES = 8
"""Good and bad requests per operation."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was counted; `line` is the last that is printed."""

    openapi_findings: int
    asyncapi_findings: int
    operations: int
    with_examples: int
    schemathesis_5xx: int
    undocumented: int

    def line(self) -> str:
        """Return the counts in one line."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return "CONTRACTS " + " ".join(f"{name}={value}" for name, value in fields.items())

    def good(self) -> bool:
        """Say whether every count is as it has to be."""
        faults = self.openapi_findings + self.asyncapi_findings
        asked = self.schemathesis_5xx + self.undocumented
        return faults + asked == 0 and self.operations == self.with_examples > 0


def _named(document: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method in methods:
            yield f"{method.upper()} {path}"


async def _subjects(guide: Guide) -> dict[str, fuzz.Subject]:
    """Return for each operation of the tour whose token it takes, and what it is about."""
    tokens = {
        name: await guide.systems[name].token()
        for name in {exchange.by for exchange in guide.exchanges if exchange.by is not None}
    }
    # A certificate of somebody else at rest: what is generated may revoke it for good.
    leaders = [row.sha256 for row in registry.read(guide.run / "pki") if row.kind == "leader"]
    places = {**guide.ids, "sha256": leaders[-2], "code": guide.ids["agency"], "ca": "issuing"}
    return {
        operation: fuzz.Subject(tokens.get(exchanges[0].by or ""), places)
        for operation, exchanges in guide.seen().items()
    }


def _say(what: str, findings: list[str]) -> int:
    print(f"{what}: {len(findings)}", file=sys.stderr, flush=True)
    for line in findings:
        print(f"  {line}", file=sys.stderr)
    return len(findings)


async def _ask(document: Mapping[str, Any], *, examples: int) -> fuzz.Findings:
    async with guided(Folder.here().path) as guide:
        await tour(guide)
        subjects, gateway = await _subjects(guide), guide.gateway
    missing = [f"{name}: no step of the tour asks it" for name in _named(document)]
    print(f"schemathesis asks {len(subjects)} operations …", file=sys.stderr, flush=True)
    began = time.monotonic()
    found = await asyncio.to_thread(fuzz.fuzz, document, gateway, subjects, examples=examples)
    found.undocumented += [line for line in missing if line.partition(":")[0] not in subjects]
    statuses = ", ".join(f"{status}×{n}" for status, n in sorted(found.statuses.items()))
    print(f"  in {time.monotonic() - began:.0f} s: {statuses}", file=sys.stderr, flush=True)
    return found


def _check(*, examples: int) -> Outcome:
    document = json.loads(openapi.MERGED.read_text(encoding="utf-8"))
    stale = [] if openapi.MERGED.read_text(encoding="utf-8") == openapi.merged() else ["stale"]
    names = list(_named(document))
    bare = lacking(document)
    _say("operations without an example", sorted(bare))
    found = asyncio.run(_ask(document, examples=examples))
    return Outcome(
        openapi_findings=_say("Spectral, OpenAPI", [*stale, *spectral.findings()]),
        asyncapi_findings=_say("the parser, AsyncAPI", asyncapi_findings()),
        operations=len(names),
        with_examples=len(names) - len(bare),
        schemathesis_5xx=_say("answers of 5xx", found.server_errors),
        undocumented=_say("answers that no document names", found.undocumented),
    )


def _stack(word: str) -> None:
    command = [sys.executable, "-m", "infra.stack", word]
    done = subprocess.run(command, cwd=TREE, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Trouble(f"the stack does not come {word}", "see its words above")


def main() -> int:
    """Check everything; the exit status is 0 only when every count is right."""
    parser = argparse.ArgumentParser(prog="python -m infra.contracts", description=__doc__)
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="per operation and mode")
    asked = parser.parse_args()
    # Its own stack by default: generated requests leave systems and agencies behind.
    os.environ.setdefault("LIENTHONG_RUN", str(TREE / ".run-contracts"))
    try:
        _stack("up")
        outcome = _check(examples=asked.examples)
        if os.environ.get("KEEP", "") in ("", "0"):
            _stack("down")
    except (Trouble, Astray) as trouble:
        print(trouble, file=sys.stderr)
        return 1
    print(outcome.line(), flush=True)
    return 0 if outcome.good() else 1


if __name__ == "__main__":
    sys.exit(main())
