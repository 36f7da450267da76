"""`python -m infra.receipts verify FILE --root root.pem [--crl FILE] [--file FILE …]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from infra.receipts.checks import Check, Trust, take_apart, verify


def _show(checks: Sequence[Check], text: str) -> bool:
    for check in checks:
        mark = "đạt   ok  " if check.failure is None else "SAI   FAIL"
        print(f"{mark}  {check.vi} · {check.en}")
        if check.failure is not None:
            print(f"            {check.failure}")
    good = all(check.failure is None for check in checks)
    if good:
        claims = take_apart(text).claims
        print(
            f"Biên nhận hợp lệ · valid: {claims['code']}, {claims['from']['code']} → "
            f"{claims['to']['code']}, {claims['acknowledged_at']}"
        )
    else:
        print("Biên nhận KHÔNG hợp lệ · the receipt is NOT valid")
    return good


def _crl(path: Path) -> x509.CertificateRevocationList:
    raw = path.read_bytes()
    if raw.startswith(b"-----"):
        return x509.load_pem_x509_crl(raw)
    return x509.load_der_x509_crl(raw)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify one receipt; 0 when every check holds, 1 when one does not, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m infra.receipts")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("verify", help="kiểm tra một biên nhận · verify a receipt")
    command.add_argument("receipt", type=Path, metavar="FILE")
    command.add_argument("--root", type=Path, required=True, help="root.pem")
    command.add_argument("--crl", type=Path, help="danh sách thu hồi · revocation list")
    command.add_argument("--file", type=Path, action="append", default=[], dest="files")
    asked = parser.parse_args(arguments)
    try:
        text = asked.receipt.read_text(encoding="utf-8")
        root = x509.load_pem_x509_certificate(asked.root.read_bytes())
        trust = Trust(root, None if asked.crl is None else _crl(asked.crl), tuple(asked.files))
    except (OSError, ValueError) as error:
        print(f"{error}", file=sys.stderr)
        return 2
    return 0 if _show(verify(text, trust), text) else 1


if __name__ == "__main__":
    raise SystemExit(main())
