"""`lienthong verify FILE`: says what a file's signatures are worth, offline, and by what."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from services.signing import hexstring
from services.signing.again import Repeated, repeat
from services.signing.bundle import unpack
from services.signing.evidence import Incomplete
from shared.events.types import Indication

EXITS: dict[Indication, int] = {"TOTAL-PASSED": 0, "TOTAL-FAILED": 1, "INDETERMINATE": 3}
UNUSABLE = 4
"""Exit code: the evidence is not whole, or a file cannot be read."""
DIFFERENT = 5
"""Exit code: the verdict is not the one that was stored."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (2: wrong use)."""
    given = _parser().parse_args(arguments)
    hexstring.install()
    try:
        evidence, kept = unpack(given.evidence)
        again = repeat(evidence, kept, given.file.read_bytes(), at=given.at)
    except (Incomplete, OSError) as error:
        print(f"lienthong: {error}", file=sys.stderr)  # noqa: T201 (a command)
        return UNUSABLE
    _tell(again)
    if again.differs:
        return DIFFERENT
    return EXITS[again.verdict.indication]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lienthong", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser(
        "verify",
        help="verify a file again with the evidence of its verdict",
        epilog="Exit code: 0 TOTAL-PASSED, 1 TOTAL-FAILED, 3 INDETERMINATE; 2 wrong use, 4 the"
        " evidence is not whole, 5 another verdict than the stored one.",
    )
    verify.add_argument("file", type=Path, metavar="FILE", help="the file that was judged")
    verify.add_argument(
        "--evidence",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder or ZIP of GET /v1/documents/{id}/validation?form=bundle",
    )
    verify.add_argument(
        "--at",
        type=_moment,
        metavar="TIME",
        help="judge at this moment (ISO 8601 with zone) instead of the stored one",
    )
    return parser


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("name the zone too: 2026-11-26T08:30:00+07:00")
    return moment.astimezone(UTC)


def _tell(again: Repeated) -> None:
    verdict, finding = again.verdict, again.finding
    sub = f" {verdict.sub_indication}" if verdict.sub_indication else ""
    lines = [
        f"{verdict.indication}: {verdict.validation}{sub} {verdict.reason or ''}".rstrip(),
        f"  at {finding.checked_at}, {finding.size} bytes, policy {finding.policy}",
    ]
    if verdict.rule:
        rule = again.policy.rules()[verdict.rule]
        lines += [f"  {verdict.rule}: {verdict.detail}", f"  {rule.says} ({rule.source})"]
    for place, one in enumerate(finding.signatures, start=1):
        sub = f" {one.sub_indication}" if one.sub_indication else ""
        lines.append(f"  signature {place}: {one.indication}{sub}, certificate {one.certificate}")
        lines.extend(f"    not revoked by {by.source} {by.material}" for by in one.checked)
    lines.extend(f"  differs from what was stored: {name}" for name in again.differs)
    print("\n".join(lines))  # noqa: T201 (a command)


if __name__ == "__main__":
    sys.exit(main())
