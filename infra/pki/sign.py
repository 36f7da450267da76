"""PAdES signatures on papers of the demo and of tests: leader first, then the organisation's seal.

pyHanko runs an event loop of its own here: call these by `asyncio.to_thread` inside another one.
"""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import asyncio
import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment, Margins, SimpleBoxLayoutRule
from pyhanko.sign import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import Signer
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore
from pyhanko_certvalidator.util import get_pyca_cryptography_hash

from infra.letter.render import Place, stamp
from infra.pki.authority import PrivateKey
from infra.pki.establish import PASSWORD
from services.signing.look import Look

LEADER_FIELD = "NguoiKy"
SEAL_FIELD = "CoQuan"
_CONTENTS_BYTES = 16_384
"""Space kept for one signature, as in real files: readers must cope with the padding."""
_MILLIMETRE = 72 / 25.4
_A4_HEIGHT = 297.0
_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_FILLED = SimpleBoxLayoutRule(AxisAlignment.ALIGN_MAX, AxisAlignment.ALIGN_MID, Margins.uniform(0))
_LETTER_PLACE = Place(page=1, x=150.0, y=215.0)
_ANNEX_PLACE = Place(page=1, x=193.0, y=22.0)


class CachedKeySigner(Signer):
    """A pyHanko signer that keeps its key: `SimpleSigner` parses and checks it each time."""

    def __init__(self, certificate: x509.Certificate, key: PrivateKey) -> None:
        """Sign with `key`; only the leaf is embedded, as in the files of today's tokens."""
        self._key = key
        der = certificate.public_bytes(serialization.Encoding.DER)
        super().__init__(
            signing_cert=asn1_x509.Certificate.load(der), cert_registry=SimpleCertificateStore()
        )

    async def async_sign_raw(
        self,
        data: bytes,
        digest_algorithm: str,
        dry_run: bool = False,  # noqa: FBT001, FBT002
    ) -> bytes:
        """Sign; deterministic for RSA (PKCS#1 v1.5)."""
        rsa_key = isinstance(self._key, rsa.RSAPrivateKey)
        if dry_run:
            return bytes(self._key.key_size // 8 if rsa_key else 72)
        algorithm = get_pyca_cryptography_hash(digest_algorithm)
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), algorithm)
        return self._key.sign(data, ec.ECDSA(algorithm))


@dataclass(frozen=True, slots=True)
class Proof:
    """What is put into a file so that it proves more than a signature alone."""

    stamps: TimeStamper
    """Who says when it was signed (PAdES B-T)."""
    context: ValidationContext | None = None
    """What its security store is filled with before the file is stamped (B-LTA); None: no store."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a signature is shown, in millimetres on an A4 page, and what it shows."""

    place: Place
    width: float
    height: float
    look: bytes
    """One-page PDF."""

    def box(self) -> tuple[int, int, int, int]:
        """Return the rectangle in PDF points, whose origin is the lower left corner."""
        left, top = self.place.x, _A4_HEIGHT - self.place.y
        corners = (left, top - self.height, left + self.width, top)
        left, bottom, right, top = (round(corner * _MILLIMETRE) for corner in corners)
        return left, bottom, right, top


def sign_main(
    pdf: bytes, run: Path, code: str, *, place: Place = _LETTER_PLACE, proof: Proof | None = None
) -> bytes:
    """Sign a letter: the leader's signature, then the seal over its left third.

    `place` is the upper middle of the space for the signature (`Paper.place`). Both are stamped
    when `proof` is given; a security store comes with the seal.
    """
    leader, seal = signer(run, code, "leader"), signer(run, code, "seal")
    handwriting = Frame(Place(place.page, place.x - 22, place.y + 1), 46, 24, stamp("leader", ""))
    # Decree 30/2020, appendix I, II.8: the seal covers about a third of the signature, on its left.
    mark = Frame(
        Place(place.page, place.x - 40, place.y - 4), 34, 34, stamp("seal", organisation(seal))
    )
    stamped = Proof(proof.stamps) if proof else None
    signed = sign(pdf, leader, field=LEADER_FIELD, frame=handwriting, proof=stamped)
    return sign(signed, seal, field=SEAL_FIELD, frame=mark, proof=proof)


def sign_annex(
    pdf: bytes, run: Path, code: str, *, document_code: str, place: Place = _ANNEX_PLACE
) -> bytes:
    """Sign an annex: the seal only, as text in the upper right corner of page 1."""
    now = dt.datetime.now(_VIETNAM)
    words = f"{document_code}; {now:%d/%m/%Y; %H:%M:%S; %z}"[:-2] + ":00"
    seal = signer(run, code, "seal")
    width = 86
    frame = Frame(Place(place.page, place.x - width, place.y), width, 5, stamp("annex", words))
    return sign(pdf, seal, field=SEAL_FIELD, frame=frame)


@lru_cache(maxsize=64)
def _load(path: Path, _changed: int) -> CachedKeySigner:
    key, certificate, _ = pkcs12.load_key_and_certificates(path.read_bytes(), PASSWORD)
    if certificate is None or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path.name} holds no usable key and certificate")
    return CachedKeySigner(certificate, key)


def signer(run: Path, code: str, use: str) -> CachedKeySigner:
    """Return the signer of an agency's `leader` or `seal` certificate."""
    path = run / "pki" / f"{code}.{use}.p12"
    return _load(path, path.stat().st_mtime_ns)


def organisation(of: CachedKeySigner) -> str:
    """Return the name of the organisation in the signer's certificate."""
    certificate = of.signing_cert
    if certificate is None:
        raise ValueError("the signer has no certificate")
    subject = cast("dict[str, str]", certificate.subject.native)
    return subject["organization_name"]


def sign(
    pdf: bytes,
    by: Signer,
    *,
    field: str,
    frame: Frame | None = None,
    digest: str = "sha256",
    proof: Proof | None = None,
) -> bytes:
    """Add one PAdES signature as an incremental update: B-B, or what `proof` makes of it."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    spec = SigFieldSpec(field)
    style = None
    if frame is not None:
        spec = SigFieldSpec(field, on_page=frame.place.page - 1, box=frame.box())
        style = StaticStampStyle(
            background=Look(frame.look), border_width=0, background_layout=_FILLED
        )
    context = proof.context if proof else None
    metadata = PdfSignatureMetadata(
        field_name=field,
        md_algorithm=digest,
        subfilter=SigSeedSubFilter.PADES,
        validation_context=context,
        embed_validation_info=context is not None,
        use_pades_lta=context is not None,
    )
    stamps = proof.stamps if proof else None
    pdf_signer = PdfSigner(metadata, by, timestamper=stamps, stamp_style=style, new_field_spec=spec)
    signed = pdf_signer.sign_pdf(writer, bytes_reserved=_CONTENTS_BYTES, output=BytesIO())
    return cast("BytesIO", signed).getvalue()


def sign_detached(content: bytes, by: Signer, *, digest: str = "sha256") -> bytes:
    """Return a detached CAdES-B-B signature (CMS, DER) over a file of any kind."""
    signing = by.async_sign_general_data(content, digest, detached=True, use_cades=True)
    return cast("bytes", asyncio.run(signing).dump())
