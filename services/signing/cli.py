"""`lienthong verify FILE`: says what a file's signatures are worth, offline, and by what."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from services.signing import alone, hexstring
from services.signing.again import Repeated, repeat
from services.signing.bundle import unpack
from services.signing.evidence import Incomplete
from shared.events.types import Indication

EXITS: dict[Indication, int] = {"TOTAL-PASSED": 0, "TOTAL-FAILED": 1, "INDETERMINATE": 3}
UNUSABLE = 4
"""Exit code: evidence, trust list or another file cannot be used."""
DIFFERENT = 5
"""Exit code: the verdict is not the one that was stored."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (2: wrong use)."""
    parser, verify = _parsers()
    given = parser.parse_args(arguments)
    if given.evidence is None and (given.trust is None or given.root is None):
        verify.error("say by what: --evidence DIR, or --trust EXPORT and --root CERTIFICATE")
    if given.evidence is not None and (
        given.trust or given.root or given.crl or given.ocsp or given.signature
    ):
        verify.error("with --evidence all else stands in it: only --at may go along")
    hexstring.install()
    try:
        judged = _again(given) if given.evidence else _alone(given)
    except (Incomplete, OSError) as error:
        print(f"lienthong: {error}", file=sys.stderr)  # noqa: T201 (a command)
        return UNUSABLE
    except alone.Unreadable as error:
        print(f"TOTAL-FAILED: FORMAT_FAILURE the file cannot be read ({error})")  # noqa: T201
        return EXITS["TOTAL-FAILED"]
    _tell(judged)
    if judged.differs:
        return DIFFERENT
    return EXITS[judged.verdict.indication]


def _again(given: argparse.Namespace) -> Repeated:
    evidence, kept = unpack(given.evidence)
    return repeat(evidence, kept, given.file.read_bytes(), at=given.at)


def _alone(given: argparse.Namespace) -> Repeated:
    lists, answers = (
        {str(path): path.read_bytes() for path in paths} for paths in (given.crl, given.ocsp)
    )
    signature = given.signature.read_bytes() if given.signature else None
    at = given.at or datetime.now(UTC)
    trust, root = given.trust.read_bytes(), given.root.read_bytes()
    rests_on = alone.material(trust, root, lists, answers, at)
    return alone.judge(given.file.read_bytes(), signature, rests_on, at)


def _parsers() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    parser = argparse.ArgumentParser(prog="lienthong", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser(
        "verify",
        help="verify a file: again, with the evidence of its verdict, or by a trust list alone",
        epilog="Exit code: 0 TOTAL-PASSED, 1 TOTAL-FAILED, 3 INDETERMINATE; 2 wrong use, 4 a file"
        " cannot be used, 5 another verdict than the stored one. Nothing is fetched from anywhere.",
    )
    verify.add_argument("file", type=Path, metavar="FILE", help="the file that is judged")
    verify.add_argument(
        "--at",
        type=_moment,
        metavar="TIME",
        help="judge at this moment (ISO 8601 with zone) instead of the stored one, or of now",
    )
    verify.add_argument(
        "--evidence",
        type=Path,
        metavar="DIR",
        help="folder or ZIP of GET /v1/documents/{id}/validation?form=bundle",
    )
    files = {
        "--trust": (
            "EXPORT",
            "GET /v1/trust-list/export: then whose the signers are is not judged",
        ),
        "--root": ("CERTIFICATE", "the root below which that was signed, obtained some other way"),
        "--signature": ("CMS", "the file's detached signature (DER); none: it stands in the file"),
    }
    for name, (value, what) in files.items():
        verify.add_argument(name, type=Path, metavar=value, help=what)
    several = {
        "--crl": ("LIST", "a revocation list (DER or PEM), the root's among them; may be repeated"),
        "--ocsp": ("RESPONSE", "an OCSP response (DER); may be given again"),
    }
    for name, (value, what) in several.items():
        verify.add_argument(name, type=Path, metavar=value, action="append", default=[], help=what)
    return parser, verify


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
