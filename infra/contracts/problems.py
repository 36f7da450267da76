"""`python -m infra.contracts.problems`: docs/problems.md, all refusals, from the one table."""

import sys
import tomllib
from pathlib import Path

_TREE = Path(__file__).parents[2]
PAGE = _TREE / "docs" / "problems.md"
_AREAS = {
    "REQ": "The request itself",
    "AUT": "Identity and rights",
    "AGY": "Agencies",
    "DOC": "Documents and files",
    "DSP": "Dispatches",
    "SIG": "Signatures and certificates",
    "TRU": "The trust list",
    "DLV": "Deliveries and mailboxes",
    "SYS": "The exchange",
}
_HEAD = """# Problems

Every refusal is `application/problem+json` (RFC 9457) with one of these codes, and with a `detail`
that names the case at hand. The digits after the area are the HTTP status and a number within it.
The same texts: `GET /v1/problems/{code}`. Made by `make schemas` from `shared/problems.toml`.
"""


def page() -> str:
    """Return the page's text."""
    table = tomllib.loads((_TREE / "shared" / "problems.toml").read_text(encoding="utf-8"))
    parts = [_HEAD]
    for area, title in _AREAS.items():
        parts += [
            f"\n## {area}: {title}\n\n",
            "| code | status | meaning | what to do |\n|---|---|---|---|\n",
        ]
        for code, row in sorted(table.items()):
            if code.startswith(area):
                parts.append(
                    f"| `{code}` | {row['status']} | {row['title']}<br>{row['title_en']}"
                    f" | {row['hint']}<br>{row['hint_en']} |\n"
                )
    missing = {code[:3] for code in table} - _AREAS.keys()
    if missing:
        raise ValueError(f"areas without a title: {', '.join(sorted(missing))}")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: {PAGE.stat().st_size} bytes", file=sys.stderr)
