"""`python -m infra.contracts.spectral`: what the rules of Spectral find in the OpenAPI document."""

import json
import sys
from pathlib import Path

from infra.contracts import node_packages
from infra.contracts.openapi import MERGED
from infra.stack.trouble import Trouble

RULES = node_packages.HERE / "spectral.yaml"
_HAS_FINDINGS = 1


def findings(document: Path = MERGED) -> list[str]:
    """Return a line for each thing that a rule finds, whatever its severity."""
    tool = node_packages.script("@stoplight", "spectral-cli", "dist", "index.js")
    words = ("lint", "--ruleset", RULES, "--format", "json", "--quiet", "--fail-severity", "hint")
    done = node_packages.run(tool, *words, document)
    if done.returncode not in {0, _HAS_FINDINGS}:
        raise Trouble(f"Spectral: {done.stderr.strip()[-500:]}", "see its words")
    rows = json.loads(done.stdout)
    return [f"{row['code']}: {'/'.join(map(str, row['path']))}: {row['message']}" for row in rows]


if __name__ == "__main__":
    found = findings()
    print("\n".join(found))
    sys.exit(1 if found else 0)
