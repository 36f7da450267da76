"""Poppler's `pdfsig` as a peer: NSS judges signature and certificate, libfaketime sets its moment.

It has no option for a moment, and takes trust and revocation lists from an NSS database only.
Revocation is checked where a list is there (soft fail); OCSP is off, it would ask the network.
"""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.peers.cut import NotThere, certificates, cut
from tests.conformance.peers.peer import (
    Asked,
    Done,
    Missing,
    Said,
    Worst,
    at_moment,
    known_lists,
    run,
)

_VALID = "Signature is Valid."
_TRUSTED = "Certificate is Trusted."
_GENERIC = "Unknown issue with Certificate or corrupted data."
_WHOLE = "Total document signed"
_NONE = 2
"""The status of a file without signatures."""
_MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of random name below it)
"""NSS waits for the disk with every certificate, which is of no use here."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder with the question in it, and the moment as these tools are told it."""

    folder: Path
    asked: Asked

    @property
    def nss(self) -> str:
        return f"sql:{self.folder}"

    def run(self, *argv: str | Path) -> Done:
        return run(argv, env=at_moment(self.asked.at))


def ask(asked: Asked) -> Said:
    """Return pdfsig's verdict on all signatures of a PDF."""
    if asked.form != "pdf":
        return Said("not applicable", "reads PDF only")
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        place = _Place(Path(folder), asked)
        _fill(place)
        file = place.folder / "file.pdf"
        file.write_bytes(asked.file)
        done = place.run("pdfsig", "-no-ocsp", "-nssdir", place.nss, file)
        if done.status == _NONE:
            return Said("bad", "no signature")
        if done.status:
            return Said("bad", (done.err.strip().splitlines() or ["unreadable"])[-1])
        return Worst(_all(place, read(done.out))).as_one()


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


def _all(place: _Place, signatures: Sequence[dict[str, str]]) -> list[Said]:
    """Return the verdict on each signature; time stamps are left out: pdfsig verifies none."""
    try:
        stamps = [one.ends for one in cut(place.asked.file) if one.token]
    except NotThere:
        stamps = []
    said = [_one(place, one) for one in signatures if _ends(one) not in stamps]
    covers = [one["covers"] for one in signatures if "covers" in one]
    if covers and _WHOLE not in covers:
        said.append(Said("bad", covers[-1]))
    return said


def _one(place: _Place, facts: dict[str, str]) -> Said:
    integrity = facts.get("Signature Validation", "nothing said")
    if integrity != _VALID:
        return Said("bad", integrity)
    certificate = facts.get("Certificate Validation", "nothing said")
    if certificate == _GENERIC:
        return _chain(place, _ends(facts))
    return Said("good" if certificate == _TRUSTED else "bad", certificate)


def _ends(facts: dict[str, str]) -> int:
    """Return where in the file that which a signature is over ends."""
    numbers = re.findall(r"\d+", facts.get("Signed Ranges", ""))
    return int(numbers[-1]) if numbers else 0


def _chain(place: _Place, ends: int) -> Said:
    """Ask NSS itself, with the same call, about the certificate that pdfsig has no word for.

    Poppler before 23.02 takes NSS's last error for the answer. One is left over also by a chain
    that holds, as soon as the signer's certificate lacks an extension that was looked for.
    """
    try:
        found = next((one for one in cut(place.asked.file) if one.ends == ends), None)
        ders = [] if found is None else certificates(found.cms)
    except NotThere:
        ders = []
    if not ders:
        return Said("bad", _GENERIC)
    names: list[Path] = []
    for number, der in enumerate(ders):
        names.append(place.folder / f"{number}.der")
        names[-1].write_bytes(der)
    done = place.run("vfychain", "-d", place.nss, "-pp", "-vv", "-u", "4", *names)
    if done.status == 0:
        return Said("good", f"{_TRUSTED} (vfychain)")
    reason = re.search(r"ERROR -\d+: (.+)", done.out + done.err)
    return Said("bad", f"{_GENERIC} ({reason[1] if reason else 'vfychain: no reason'})")


def _fill(place: _Place) -> None:
    """Make an NSS database with our trust and the lists that are known at the moment."""
    made = run(["certutil", "-N", "--empty-password", "-d", place.nss])
    if made.status:
        raise Missing(f"certutil does not work ({made.err.strip()[-200:]}): make prove-tools")
    orders: list[str] = []
    trusts = (("CT,C,C", place.asked.roots), (",,", place.asked.intermediates))
    for kind, (trust, ders) in enumerate(trusts):
        for number, der in enumerate(ders):
            file = place.folder / f"{kind}-{number}.crt"
            file.write_bytes(der)
            orders.append(f"-A -n {kind}-{number} -t {trust} -i {file}\n")
    batch = place.folder / "batch"
    batch.write_text("".join(orders))
    run(["certutil", "-B", "-d", place.nss, "-i", batch])
    for der in known_lists(place.asked):
        file = place.folder / "crl"
        file.write_bytes(der)
        # Refused where the list is not of its issuer's key: then NSS does not know it.
        run(["crlutil", "-I", "-d", place.nss, "-i", file])
