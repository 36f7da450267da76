"""`python -m tests.signing.loaded`: names the modules that a worker has loaded after its work.

It reads its work on standard input, and does it as a worker does: what a library loads when it is
first used is there then, too.
"""

import importlib
import pickle
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from services.signing import hexstring
from services.signing.pipe import Preparation
from services.signing.prepare import prepare
from services.signing.validation.file import validate
from services.signing.validation.material import Material
from services.signing.validation.trust import Trust


@dataclass(frozen=True, slots=True)
class Work:
    """Files to look at, and a signature to make room for in each."""

    material: Material
    files: tuple[tuple[bytes, bytes | None], ...]
    """Each with its detached signature, or None."""
    preparation: Preparation
    at: datetime


def main() -> None:
    """Do the work, then write one name a line."""
    importlib.import_module("services.signing.forkserver")
    hexstring.install()
    work: Work = pickle.load(sys.stdin.buffer)  # noqa: S301 (from the test)
    trust = Trust(work.material)
    for content, signature in work.files:
        # Bytes that are broken load what an error needs.
        with suppress(Exception):
            validate(content, signature, trust, work.at)
        with suppress(Exception):
            prepare(content, work.preparation)
    sys.stdout.write("\n".join(sorted(sys.modules)))


if __name__ == "__main__":
    main()
