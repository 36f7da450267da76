"""`python -m infra.pki`: set up the development PKI of a stack, and act as its registrar."""

import argparse
import asyncio
from pathlib import Path

from infra.client import Refused, Unreachable
from infra.pki import registrar
from infra.pki.authority import Period, Use
from infra.pki.establish import establish
from infra.pki.registrar import Holder
from infra.stack.folder import Folder

_REASONS = {"suspend": "certificateHold", "restore": "removeFromCRL"}


def main() -> None:
    """Run one command."""
    given = _parser().parse_args()
    try:
        _run(given)
    except (OSError, ValueError, KeyError, Refused, Unreachable) as error:
        raise SystemExit(f"pki: {given.command} failed: {error}") from None


def _run(given: argparse.Namespace) -> None:
    if given.command == "init":
        made = establish(given.run, given.seed)
        print(f"pki: {made} certificates made, the folder is complete")
    elif given.command == "rotate":
        print(f"pki: new protocol key {registrar.rotate(given.run, given.service).sha256[:32]}")
    else:
        _act(given, Holder(given.code, Use(given.use)))


def _act(given: argparse.Namespace, holder: Holder) -> None:
    if given.command in {"issue", "expire"}:
        period = registrar.expired() if given.command == "expire" else _period(given.hours)
        row = registrar.reissue(given.run, holder, period=period)
        print(f"pki: {given.code} {given.use} has a new certificate {row.sha256}")
        return
    reason = _REASONS.get(given.command) or given.reason
    digest = registrar.digest_of(given.run, holder)
    change = asyncio.run(registrar.change(given.run, digest, reason))
    print(f"pki: {given.code} {given.use} is {change['state']}, list {change['list_number']}")


def _period(hours: list[float] | None) -> Period | None:
    return None if hours is None else registrar.period_of(*hours)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.pki", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    init = commands.add_parser("init", help="complete the PKI folder of a stack")
    init.add_argument("--run", type=Path, required=True, help="state folder of the stack")
    init.add_argument("--seed", type=Path, required=True, help="CSV file of the agencies")
    one = argparse.ArgumentParser(add_help=False)
    one.add_argument("--run", type=Path, default=Folder.here().path, help="state folder")
    rotate = commands.add_parser("rotate", parents=[one], help="one more protocol key")
    rotate.add_argument("service", choices=["gateway", "notify"])
    for name, meaning in (
        ("issue", "give a holder a new certificate"),
        ("expire", "give a holder a certificate that has expired"),
        ("revoke", "revoke a holder's certificate for good"),
        ("suspend", "suspend a holder's certificate"),
        ("restore", "end a suspension"),
    ):
        command = commands.add_parser(name, parents=[one], help=meaning)
        command.add_argument("code", help="code of the agency, such as G22")
        command.add_argument("use", choices=["leader", "seal"])
        if name == "issue":
            command.add_argument(
                "--hours", nargs=2, type=float, metavar=("FROM", "TO"), help="its period, from now"
            )
        if name == "revoke":
            command.add_argument("--reason", default="unspecified", help="RFC 5280 5.3.1")
    return parser


if __name__ == "__main__":
    main()
