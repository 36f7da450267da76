"""What is mutated: signed letters of at most 60 KB, detached signatures, and their trust."""
# pyHanko is typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import asyncio
import datetime as dt
import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import Base64Bytes, TypeAdapter
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter

from infra.letter.render import render_letter
from infra.letter.sample import sample_letter
from infra.pki import establish, registry
from infra.pki.authority import Period, sign_list
from infra.pki.sign import LEADER_FIELD, SEAL_FIELD, CachedKeySigner, signer
from infra.pki.trusted import material
from services.signing.cms import attributes, container
from services.signing.validation.material import Material

MOST_BYTES = 60 * 1_024
_DAY = dt.date(2026, 11, 25)
_SEED = """code,name,level,state
G22,Văn phòng Chính phủ,central,active
G01,Bộ Công an,central,active
"""
_TIGHT, _WIDE = (3_600, 3_200), (8_192, 8_192)
"""Hexadecimal digits kept for the first and for the second signature."""


@dataclass(frozen=True, slots=True)
class Detached:
    """A file of any kind with its signature beside it."""

    content: Base64Bytes
    signature: Base64Bytes


@dataclass(frozen=True)
class Corpus:
    """Everything that mutants are made from and judged with."""

    papers: tuple[Base64Bytes, ...]
    """Letters with a leader's signature (RSA, RSA, P-256) and a seal (P-256, P-256, RSA)."""
    detached: tuple[Detached, ...]
    strangers: tuple[Base64Bytes, ...]
    """Certificates of the same authority."""
    material: Material
    at: dt.datetime

    @cached_property
    def authorities(self) -> frozenset[bytes]:
        """Return the listed authorities' certificates."""
        return frozenset(one.der for one in self.material.authorities)

    @cached_property
    def lists(self) -> tuple[bytes, ...]:
        """Return the revocation lists."""
        return tuple(one.der for one in self.material.lists)


_CORPORA = TypeAdapter(Corpus)


def save(corpus: Corpus, path: Path) -> None:
    """Keep a corpus: without it no mutant can be made again, its keys were made for it."""
    path.write_bytes(_CORPORA.dump_json(corpus))


def load(path: Path) -> Corpus:
    """Read a corpus that was kept."""
    return _CORPORA.validate_json(path.read_bytes())


def make(folder: Path) -> Corpus:
    """Make a PKI in `folder`, and sign. Runs pyHanko's own event loop."""
    seed = folder / "seed.csv"
    seed.write_text(_SEED, encoding="utf-8")
    establish.establish(folder, seed)
    rsa = (signer(folder, "G22", "leader"), signer(folder, "G22", "seal"))
    curve = (signer(folder, "G01", "leader"), signer(folder, "G01", "seal"))
    letters = [_letter(word) for word in ("nhắc", "báo", "mời")]
    papers = (
        _signed(letters[0], (rsa[0], curve[1]), _TIGHT),
        _signed(letters[1], (rsa[0], curve[1]), _WIDE),
        _signed(letters[2], (curve[0], rsa[1]), _WIDE),
    )
    rows = registry.read(folder / "pki")
    office = establish.open_office(folder)
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    own = sign_list(
        office.issuing,
        number=1,
        period=Period(now - dt.timedelta(hours=1), now + dt.timedelta(days=1)),
    )
    lists = (("root", (office.folder / "root.crl").read_bytes()), ("issuing", own))
    return Corpus(
        papers=papers,
        detached=tuple(
            Detached(content, _beside(content, one))
            for content, one in zip(_CONTENTS, (curve[0], rsa[0]), strict=True)
        ),
        strangers=tuple(_der(row.pem) for row in rows),
        material=material(
            office.root.certificate.public_bytes(Encoding.DER),
            office.issuing.certificate.public_bytes(Encoding.DER),
            lists,
        ),
        at=now,
    )


_CONTENTS = ("Số liệu, quý IV;1;2;3\n".encode() * 40, bytes(range(256)) * 8)


def _der(pem: str) -> bytes:
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)


def _letter(subject: str) -> bytes:
    text = sample_letter(code="7/VP", signer="An", promulgated_on=_DAY)
    short = replace(
        text, subject=subject, paragraphs=("Chi.",), addressees=("Bộ Công an",), copies=("Lưu.",)
    )
    return render_letter(short).pdf


def _signed(pdf: bytes, by: tuple[CachedKeySigner, ...], digits: tuple[int, ...]) -> bytes:
    for one, field, room in zip(by, (LEADER_FIELD, SEAL_FIELD), digits, strict=True):
        metadata = PdfSignatureMetadata(field_name=field, subfilter=SigSeedSubFilter.PADES)
        output = BytesIO()
        PdfSigner(metadata, one, new_field_spec=SigFieldSpec(field)).sign_pdf(
            IncrementalPdfFileWriter(BytesIO(pdf)), bytes_reserved=room, output=output
        )
        pdf = output.getvalue()
    return pdf


def _beside(content: bytes, by: CachedKeySigner) -> bytes:
    certificate = by.signing_cert
    if certificate is None:
        raise ValueError("the signer has no certificate")
    der: bytes = certificate.dump()

    async def made() -> bytes:
        signed = await attributes(der, hashlib.sha256(content).digest())
        value = await by.async_sign_raw(signed, "sha256")
        return await container(der, signed, value)

    return asyncio.run(made())
