"""`lienthong verify FILE`: says what a file's signatures are worth, offline, and by what."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.signing import alone, hexstring, withdrawal
from services.signing.again import Repeated, Unreadable, Unrepeatable, repeat
from services.signing.bundle import unpack
from services.signing.evidence import Incomplete
from services.signing.finding import OWN, Finding
from services.signing.validation.describe import SOFTWARE
from services.signing.validation.material import digest
from services.signing.withdrawal import Withdrawal
from shared.events.types import Indication

EXITS: dict[Indication, int] = {"TOTAL-PASSED": 0, "TOTAL-FAILED": 1, "INDETERMINATE": 3}
UNUSABLE = 4
"""Exit code: evidence (of another form, too), trust list or another file cannot be used, or this
command fails."""
DIFFERENT = 5
"""Exit code: the verdict is not the one that was stored."""
UNREPEATABLE = 6
"""Exit code: the stored verdict does not follow from the file: a look at it met its limits, say."""
_ROOT_HELP = (
    "a root (DER or PEM), obtained some other way: below it the export was signed; with --evidence"
    " one of those on which that may rest (may be repeated)"
)
_YEARS = range(1990, 9000)
"""Of a moment: some days before and after it are still moments."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A verdict that was made now, and what is to be said of it."""

    again: Repeated
    by: list[str]
    withdrawn: Withdrawal | None = None
    """The verdict that was stored no longer holds, whatever is judged now."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (2: wrong use)."""
    parser, verify = _parsers()
    given = parser.parse_args(arguments)
    _check_use(verify, given)
    hexstring.install()
    try:
        return _verified(given)
    except Unrepeatable as why:
        print(f"lienthong: it cannot be repeated: {_plain(str(why))}", file=sys.stderr)  # noqa: T201
        return UNREPEATABLE
    except (Incomplete, OSError) as error:
        said = str(error)
    except Exception as error:  # noqa: BLE001 (Python would end with 1, which is a verdict)
        said = f"it cannot be told: {type(error).__name__} {error}".rstrip()
    print(f"lienthong: {said}", file=sys.stderr)  # noqa: T201 (a command)
    return UNUSABLE


def _check_use(verify: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """End with 2 where what is given does not go together."""
    if given.evidence is None:
        if given.trust is None or len(given.root) != 1:
            verify.error("say by what: --evidence DIR, or --trust EXPORT and one --root")
        if given.sha256:
            verify.error("--sha256 is of evidence")
    elif given.trust or given.crl or given.ocsp or given.signature:
        verify.error("with --evidence go only --root, --sha256 and --at: all else stands in it")


def _verified(given: argparse.Namespace) -> int:
    try:
        judged = _again(given) if given.evidence else _alone(given)
    except Unreadable as error:
        print(f"TOTAL-FAILED: FORMAT_FAILURE the file cannot be read ({error})")  # noqa: T201
        return EXITS["TOTAL-FAILED"]
    _tell(judged)
    if judged.again.differs:
        return DIFFERENT
    return EXITS["TOTAL-FAILED" if judged.withdrawn else judged.again.verdict.indication]


def _again(given: argparse.Namespace) -> _Judged:
    """Judge by evidence; returns what that is, too. Raises Incomplete where it is not trusted."""
    roots = {digest(alone.certificate(path.read_bytes())) for path in given.root}
    bundle = unpack(given.evidence)
    sha256 = digest(bundle.evidence)
    if given.sha256 not in (None, sha256):
        raise Incomplete(f"the evidence has the SHA-256 {sha256}, not {given.sha256}")
    withdrawn = None
    if bundle.withdrawal is not None:
        withdrawn = withdrawal.read(bundle.withdrawal, evidence_sha256=sha256)
    judged = repeat(bundle.evidence, bundle.kept, given.file.read_bytes(), at=given.at)
    for one in judged.anchors:
        if roots and one.used and one.sha256 not in roots:
            raise Incomplete(f"the evidence rests on {one.name} ({one.sha256}), not on --root")
    by = [f"  evidence {sha256}", *_anchors(judged)]
    if given.sha256 is None:
        word = "the register of signers, the policy" if roots else "roots, register, policy"
        by.append(f"  {word} are the evidence's own word: compare its SHA-256 (--sha256)")
    return _Judged(judged, by, withdrawn)


def _alone(given: argparse.Namespace) -> _Judged:
    """Judge by a trust list; returns what that is, too."""
    lists, answers = (
        {str(path): path.read_bytes() for path in paths} for paths in (given.crl, given.ocsp)
    )
    signature = given.signature.read_bytes() if given.signature else None
    at = given.at or datetime.now(UTC)
    (root,) = given.root
    export = alone.told(given.trust.read_bytes(), root.read_bytes(), lists.values(), at)
    rests_on = alone.material(export, lists, answers)
    judged = alone.judge(given.file.read_bytes(), signature, rests_on, at)
    by = [f"  trust list {export.version}, made at {export.made_at.isoformat()}"]
    return _Judged(judged, [*by, *_anchors(judged)])


def _anchors(judged: Repeated) -> list[str]:
    return [
        f"  trust anchor {one.name} {one.sha256}{'' if one.used else ' (nothing rests on it)'}"
        for one in judged.anchors
    ]


def _parsers() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    parser = argparse.ArgumentParser(prog="lienthong", description=__doc__)
    parser.add_argument("--version", action="version", version=f"{OWN} {SOFTWARE[OWN]}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verify = commands.add_parser(
        "verify",
        help="verify a file: again, with the evidence of its verdict, or by a trust list alone",
        epilog="Exit code: 0 TOTAL-PASSED, 1 TOTAL-FAILED (withdrawn since, too), 3 INDETERMINATE;"
        " 2 wrong use, 4 a file cannot be used (evidence of another form than this software reads,"
        " too) or it cannot be told, 5 another verdict than the stored one, 6 the stored verdict"
        " cannot be repeated, as it does not follow from the file: no worker came to its end within"
        " its limits, or the store did not give it. Nothing is fetched from anywhere.",
    )
    verify.add_argument("file", type=Path, metavar="FILE", help="the file that is judged")
    _add_moment_and_evidence(verify)
    _add_files(verify)
    return parser, verify


def _add_moment_and_evidence(verify: argparse.ArgumentParser) -> None:
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
    verify.add_argument(
        "--sha256",
        type=_digest,
        metavar="DIGEST",
        help="of the evidence (its verdict.json), as the exchange told it: else it is not used",
    )


def _add_files(verify: argparse.ArgumentParser) -> None:
    files = {
        "--trust": (
            "EXPORT",
            "GET /v1/trust-list/export: then whose the signers are is not judged",
        ),
        "--signature": ("CMS", "the file's detached signature (DER); none: it stands in the file"),
    }
    for name, (value, what) in files.items():
        verify.add_argument(name, type=Path, metavar=value, help=what)
    several = {
        "--root": ("CERTIFICATE", _ROOT_HELP),
        "--crl": ("LIST", "a revocation list (DER or PEM), the root's among them; may be repeated"),
        "--ocsp": ("RESPONSE", "an OCSP response (DER); may be given again"),
    }
    for name, (value, what) in several.items():
        verify.add_argument(name, type=Path, metavar=value, action="append", default=[], help=what)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("name the zone too: 2026-11-26T08:30:00+07:00")
    if moment.year not in _YEARS:
        raise argparse.ArgumentTypeError(f"from {_YEARS.start} to {_YEARS.stop - 1}")
    return moment.astimezone(UTC)


def _digest(text: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError("a SHA-256: 64 hexadecimal digits")
    return text.lower()


def _withdrawn(one: Withdrawal) -> list[str]:
    """Return what comes before the verdict that no longer holds."""
    at = one.withdrawn_at.isoformat() if one.withdrawn_at else "a moment that was not kept"
    lines = [f"TOTAL-FAILED: withdrawn {one.reason}, at {at}"]
    if (cause := one.certificate) is not None:
        since = f" since {cause.revoked_at.isoformat()}" if cause.revoked_at else ""
        why = f" for {cause.reason}" if cause.reason else ""
        lines.append(f"  revoked{since}{why}: {cause.kind} certificate {cause.sha256}")
    return [*lines, "what was judged before that, and is withdrawn:"]


def _tell(judged: _Judged) -> None:
    again, by = judged.again, judged.by
    verdict, finding = again.verdict, again.finding
    sub = f" {verdict.sub_indication}" if verdict.sub_indication else ""
    lines = [
        *(_withdrawn(judged.withdrawn) if judged.withdrawn else ()),
        f"{verdict.indication}: {verdict.validation}{sub} {verdict.reason or ''}".rstrip(),
        *(_looked_at(finding) if finding else ["  no library reads the file to its end"]),
        *by,
    ]
    if verdict.rule:
        lines.append(f"  {verdict.rule}: {verdict.detail}")
        rule = again.policy.rules().get(verdict.rule)
        lines += [f"  {rule.says} ({rule.source})"] if rule else []
    for place, one in enumerate(finding.signatures if finding else (), start=1):
        sub = f" {one.sub_indication}" if one.sub_indication else ""
        lines.append(f"  signature {place}: {one.indication}{sub}, certificate {one.certificate}")
        lines.extend(f"    revocation by {by.source} {by.material}" for by in one.checked)
    lines.extend(f"  differs from what was stored: {name}" for name in again.differs)
    print("\n".join(map(_plain, lines)))  # noqa: T201 (a command)


def _looked_at(finding: Finding) -> list[str]:
    return [
        f"  at {finding.checked_at}, {finding.size} bytes",
        f"  policy {finding.policy} {finding.policy_sha256}",
    ]


def _plain(line: str) -> str:
    """Return a line that stays one: no name in evidence can pass for what is said of it."""
    return "".join(one if one.isprintable() else "?" for one in line)


if __name__ == "__main__":
    sys.exit(main())
