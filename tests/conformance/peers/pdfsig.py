"""Poppler's `pdfsig` as a peer: NSS judges signature and certificate, libfaketime sets its moment.

It has no option for a moment, and takes trust and revocation lists from an NSS database only.
Revocation is checked where a list is there (soft fail); OCSP is off, it would ask the network.
"""

import os
import re
import tempfile
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path

from infra.prove_tools import Broken, faketime_library
from tests.conformance.peers.peer import Asked, Done, Missing, Said, Worst, known_lists, run

_GENERIC = "Unknown issue with Certificate or corrupted data."
_VALID = "Signature is Valid."
_TRUSTED = "Certificate is Trusted."
_STAMP = "ETSI.RFC3161"
_WHOLE = "Total document signed"
_NONE = 2
"""The status of a file without signatures."""


def ask(asked: Asked) -> Said:
    """Return pdfsig's verdict on all signatures of a PDF."""
    if asked.form != "pdf":
        return Said("not applicable", "reads PDF only")
    with tempfile.TemporaryDirectory() as folder:
        database = _database(Path(folder), asked)
        file = Path(folder) / "file.pdf"
        file.write_bytes(asked.file)
        moment = asked.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        fake = {"LD_PRELOAD": _faketime(), "FAKETIME": moment, "TZ": "UTC"}
        done = run(["pdfsig", "-no-ocsp", "-nssdir", database, file], env={**os.environ, **fake})
    return _said(done)


def read(text: str) -> list[dict[str, str]]:
    """Return what pdfsig prints on each signature; `covers`: how much of the file is signed."""
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        if re.match(r"Signature #\d+:", line):
            found.append({})
        elif found and (fact := re.match(r"  - ([^:]+): (.*)", line)):
            found[-1][fact[1]] = fact[2].strip()
        elif found and line.endswith("document signed"):
            found[-1]["covers"] = line.removeprefix("  - ")
    return found


def verdicts(signatures: list[dict[str, str]]) -> list[Said]:
    """Return the verdict on each signature, without time stamps: pdfsig does not verify those."""
    last = len(signatures) - 1
    known: dict[str, str] = {}
    said: list[Said] = []
    for number, one in enumerate(signatures):
        if one.get("Signature Type") == _STAMP:
            continue
        integrity = one.get("Signature Validation", "nothing")
        certificate = one.get("Certificate Validation", "")
        name = one.get("Signer full Distinguished Name", "")
        # Poppler before 23 takes NSS's last error for its answer, also where the chain held. A
        # certificate that it meets again leaves such an error: what it first said of it counts.
        if certificate == _GENERIC:
            certificate = known.get(name, certificate)
        known[name] = certificate
        said.append(_one(integrity, certificate, one.get("covers", ""), last=number == last))
    return said


def _one(integrity: str, certificate: str, covers: str, *, last: bool) -> Said:
    if integrity != _VALID:
        return Said("bad", integrity)
    if certificate != _TRUSTED:
        return Said("bad", certificate)
    if last and covers != _WHOLE:
        return Said("bad", covers)
    return Said("good", certificate)


def _said(done: Done) -> Said:
    if done.status == _NONE:
        return Said("bad", "no signature")
    if done.status:
        return Said("bad", done.err.strip().splitlines()[-1] if done.err.strip() else "unreadable")
    return Worst(verdicts(read(done.out))).as_one()


def _database(folder: Path, asked: Asked) -> str:
    """Make an NSS database with our trust and the lists that are known at the moment."""
    path = folder / "nss"
    path.mkdir()
    place = f"sql:{path}"
    _done(run(["certutil", "-N", "--empty-password", "-d", place]))
    trusts: Mapping[str, list[bytes]] = {
        "CT,C,C": list(asked.roots),
        ",,": list(asked.intermediates),
    }
    file = folder / "der"
    for trust, ders in trusts.items():
        for number, der in enumerate(ders):
            file.write_bytes(der)
            name = f"{trust} {number}"
            run(["certutil", "-A", "-d", place, "-n", name, "-t", trust, "-i", file])
    for der in known_lists(asked):
        file.write_bytes(der)
        # Refused where the list is not of its issuer's key: then NSS does not know it.
        run(["crlutil", "-I", "-d", place, "-i", file])
    return place


def _done(done: Done) -> None:
    if done.status:
        raise Missing(f"certutil does not work ({done.err.strip()[-200:]}): make prove-tools")


def _faketime() -> str:
    try:
        return str(faketime_library())
    except Broken as why:
        raise Missing(f"{why}: make prove-tools") from why
