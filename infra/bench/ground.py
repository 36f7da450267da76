"""What judgements are measured with: a PKI of its own, and signed files of each kind."""

import datetime as dt
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.serialization import Encoding

from infra.bench.cases import Size
from infra.bench.papers import make
from infra.bench.stamping import Stamping
from infra.bench.versus import Given
from infra.pki.authority import Period, sign_list
from infra.pki.establish import establish, open_office
from infra.pki.sign import Proof, sign_detached, signer
from infra.pki.trusted import material
from services.signing.validation.material import Material

_SEED = """code,name,level,state
G22,Văn phòng Chính phủ,central,active
G01,Bộ Công an,central,active
"""
REVOKED = 10_000
_BESIDE = 100 << 10
"""Bytes of a file that is no PDF."""
Level = Literal["B-B", "B-T", "B-LTA", "detached"]


@dataclass(frozen=True, slots=True)
class Kind:
    """Files of one kind: whose keys, how large, and how they are signed."""

    name: str
    sender: str
    size: Size
    count: int
    level: Level = "B-B"


KINDS = (
    Kind("100 KB, P-256", "G01", "100k", 4),
    Kind("1 MB, P-256", "G01", "1m", 3),
    Kind("100 KB, RSA 2048", "G22", "100k", 4),
    Kind("100 KB, P-256, B-T", "G01", "100k", 3, "B-T"),
    Kind("100 KB, P-256, B-LT and document time stamp", "G01", "100k", 3, "B-LTA"),
    Kind("100 KB, P-256, seal beside the file", "G01", "100k", 3, "detached"),
)


@dataclass(frozen=True, slots=True)
class Ground:
    """A PKI of its own, files of each kind, and what they are judged with."""

    files: dict[str, list[Given]]
    trusted: Material
    crowded: Material
    """With many entries in the issuing authority's list."""
    folder: Path


def prepare(folder: Path, say: Callable[[str], None]) -> Ground:
    """Make a PKI and sign."""
    seed = folder / "seed.csv"
    seed.write_text(_SEED, encoding="utf-8")
    establish(folder, seed)
    (folder / "papers").mkdir(exist_ok=True)
    say("signing papers …")
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    period = Period(now - dt.timedelta(hours=1), now + dt.timedelta(days=1))
    stamping = Stamping.made(period)
    trusted = stamping.listed(_material(folder, period, 0))
    crowded = stamping.listed(_material(folder, period, REVOKED))
    proofs: dict[Level, Proof] = {"B-T": stamping.stamps(), "B-LTA": stamping.archive(trusted)}
    files = {kind.name: list(_files(folder, kind, proofs)) for kind in KINDS}
    return Ground(files, trusted, crowded, folder)


def _files(folder: Path, kind: Kind, proofs: Mapping[Level, Proof]) -> Iterator[Given]:
    for number in range(kind.count):
        path = folder / "papers" / f"{kind.sender}.{kind.size}.{kind.level}.{number}"
        if kind.level == "detached":
            content = random.Random(number).randbytes(_BESIDE)  # noqa: S311 (bytes to carry, not to guess)
            path.write_bytes(content)
            yield path, sign_detached(content, signer(folder, kind.sender, "seal"))
        else:
            proof = proofs.get(kind.level)
            make(folder, path, kind.sender, kind.size, number, proof=proof)
            yield path, None


def _material(folder: Path, period: Period, revoked: int) -> Material:
    office = open_office(folder)
    # Serial numbers as long as real ones; none of them is of a signer.
    serials = [(1 << 150) + 7 * one for one in range(revoked)]
    own = sign_list(office.issuing, number=1, period=period, revoked=serials)
    lists = (("root", (office.folder / "root.crl").read_bytes()), ("issuing", own))
    return material(
        office.root.certificate.public_bytes(Encoding.DER),
        office.issuing.certificate.public_bytes(Encoding.DER),
        lists,
    )
