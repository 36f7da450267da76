"""What a validator that nobody here wrote is asked about a signed file, and what it says.

A verdict is what the exchange would do on it: `good` is accepted, `bad` refused, `unknown` held
(the peer misses revocation data that it can use), `not applicable`: no question for this peer.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from infra.prove_tools import Broken, faketime_library

Verdict = Literal["good", "bad", "unknown", "not applicable"]
_GRAVEST: tuple[Verdict, ...] = ("bad", "unknown", "not applicable")
_PATIENCE = 60.0


class Missing(Exception):  # noqa: N818 (not an error of this program: what the machine lacks)
    """A peer is not on this machine. Text: how to get it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A signed file and all that may be known when it is judged."""

    form: Literal["pdf", "detached"]
    file: bytes
    """The PDF, or the CMS beside `content`."""
    content: bytes | None
    at: datetime
    """The moment of judging."""
    roots: Sequence[bytes]
    """Trusted certificates (DER); all that follows is DER too."""
    intermediates: Sequence[bytes] = ()
    crls: Sequence[bytes] = ()
    ocsps: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """A peer's answer."""

    verdict: Verdict
    words: str
    """Its own indication or reason, short."""


@dataclass(frozen=True, slots=True)
class Done:
    """A process that has ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Worst:
    """Verdicts on several signatures of one file: all must be good, the gravest that is not tells.

    No peer says what becomes of several: they are put together as we do it, the bad one before the
    one that is not known, among equals the first.
    """

    said: list[Said] = field(default_factory=list[Said])

    def as_one(self) -> Said:
        """Return the verdict on the file."""
        if not self.said:
            return Said("bad", "no signature")
        not_good = [one for one in self.said if one.verdict != "good"]
        if not_good:
            return min(not_good, key=lambda one: _GRAVEST.index(one.verdict))
        return Said("good", "; ".join(one.words for one in self.said))


def find(tool: str) -> str:
    """Return a tool's path; raises Missing."""
    path = shutil.which(tool)
    if path is None:
        raise Missing(f"{tool} is not on PATH: make prove-tools")
    return path


def run(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> Done:
    """Run a tool to its end; what it prints need not be text."""
    done = subprocess.run(
        [find(str(argv[0])), *argv[1:]],
        check=False,
        capture_output=True,
        timeout=_PATIENCE,
        env=env,
    )
    return Done(
        done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )


def at_moment(at: datetime) -> dict[str, str]:
    """Return an environment in which a tool's clock stands at that moment; raises Missing."""
    try:
        library = str(faketime_library())
    except Broken as why:
        raise Missing(f"{why}: make prove-tools") from why
    moment = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {**os.environ, "LD_PRELOAD": library, "FAKETIME": moment, "TZ": "UTC"}


def certificates_pem(ders: Sequence[bytes]) -> bytes:
    """Return certificates as PEM, one behind the other."""
    return b"".join(x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in ders)


def known_lists(asked: Asked) -> list[bytes]:
    """Return the revocation lists that can be read and are out at the moment, the newest last."""
    lists: list[tuple[datetime, bytes]] = []
    for der in asked.crls:
        with suppress(ValueError):
            lists.append((x509.load_der_x509_crl(der).last_update_utc, der))
    return [der for out, der in sorted(lists) if out <= asked.at]


def known_answers(asked: Asked) -> list[bytes]:
    """Return the OCSP responses that can be read and are out at the moment, the newest last."""
    answers: list[tuple[datetime, bytes]] = []
    for der in asked.ocsps:
        with suppress(ValueError):
            answers.append((ocsp.load_der_ocsp_response(der).this_update_utc, der))
    return [der for out, der in sorted(answers) if out <= asked.at]


def lists_pem(ders: Sequence[bytes]) -> bytes:
    """Return revocation lists as PEM, one behind the other."""
    return b"".join(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM) for der in ders)
