"""`python -m infra.letter FILE`: an official letter in PDF, signed by its leader and sealed."""

import argparse
import datetime as dt
import sys
from pathlib import Path

from infra.letter.render import render_letter
from infra.letter.sample import sample_letter
from infra.pki.sign import sign_main
from infra.stack.folder import Folder


def main() -> int:
    """Write the letter; the certificates are those of the stack's folder."""
    parser = argparse.ArgumentParser(prog="python -m infra.letter", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--agency", default="G22", help="whose leader signs (a code of the seed)")
    parser.add_argument("--code", default="1/VPCP-TTĐT", help="number/notation on the letter")
    parser.add_argument("--unsigned", action="store_true")
    given = parser.parse_args()
    today = dt.datetime.now(tz=dt.UTC).astimezone().date()
    letter = render_letter(
        sample_letter(code=given.code, signer="Nguyễn Văn An", promulgated_on=today)
    )
    pdf = letter.pdf
    if not given.unsigned:
        pdf = sign_main(pdf, Folder.here().path, given.agency, place=letter.place)
    given.file.write_bytes(pdf)
    print(
        f"{given.file}: {len(pdf)} bytes, {'unsigned' if given.unsigned else 'signed and sealed'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
