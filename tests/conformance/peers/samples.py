"""Signed files whose verdict nobody doubts, to show that each peer can tell them apart."""

# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes

from infra.pki.authority import (
    Addresses,
    Authority,
    Period,
    Use,
    issue,
    make_issuing,
    make_root,
    new_key,
    sign_list,
    subject,
)
from infra.pki.sign import CachedKeySigner, sign
from tests.conformance.peers.peer import Asked

_HOUR = dt.timedelta(hours=1)
_NOWHERE = Addresses("http://pki.invalid")
CONTENT = "Phụ lục kèm theo công văn".encode()


@dataclass(frozen=True, slots=True)
class World:
    """A root, the CA below it, and a signer's certificate."""

    root: Authority
    issuing: Authority
    leaf: x509.Certificate
    signer: CachedKeySigner
    now: dt.datetime

    def asked(self, file: bytes, content: bytes | None = None) -> Asked:
        """Return the question with this world's trust and fresh, empty revocation lists."""
        return Asked(
            form="pdf" if content is None else "detached",
            file=file,
            content=content,
            at=self.now,
            roots=[der(self.root.certificate)],
            intermediates=[der(self.issuing.certificate)],
            crls=self.lists(),
        )

    def lists(self, revoked: Sequence[int] = (), period: Period | None = None) -> list[bytes]:
        """Return the revocation lists of both authorities; `revoked` are the lower one's."""
        period = period or Period(self.now - _HOUR / 2, self.now + 24 * _HOUR)
        return [
            sign_list(self.root, number=1, period=period),
            sign_list(self.issuing, number=2, period=period, revoked=revoked),
        ]

    def answer(self, state: str) -> bytes:
        """Return the lower authority's OCSP response on the signer's certificate."""
        status = ocsp.OCSPCertStatus[state]
        out = self.now - _HOUR / 2
        when = out if status is ocsp.OCSPCertStatus.REVOKED else None
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=self.leaf,
            issuer=self.issuing.certificate,
            algorithm=hashes.SHA256(),
            cert_status=status,
            this_update=out,
            next_update=self.now + _HOUR,
            revocation_time=when,
            revocation_reason=None,
        )
        by = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.issuing.certificate)
        return by.sign(self.issuing.key, hashes.SHA256()).public_bytes(Encoding.DER)


def make_world(folder: Path) -> World:
    """Make keys and certificates that are valid now and for years."""
    root = make_root(folder)
    issuing = make_issuing(folder, root, _NOWHERE)
    leaf, signer = _subscriber(issuing, None)
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return World(root, issuing, leaf, signer, now)


def short_lived(world: World) -> tuple[World, dt.datetime]:
    """Return the world with a signer whose certificate ends in minutes, and when that is."""
    ends = world.now + _HOUR / 12
    leaf, signer = _subscriber(world.issuing, Period(world.now - _HOUR, ends))
    return replace(world, leaf=leaf, signer=signer), ends


def _subscriber(
    issuing: Authority, period: Period | None
) -> tuple[x509.Certificate, CachedKeySigner]:
    key = new_key()
    name = subject(common_name="Nguyễn Văn A", organisation="Bộ Nội vụ", code="G01")
    leaf = issue(issuing, name, key, use=Use.LEADER, addresses=_NOWHERE, period=period)
    return leaf, CachedKeySigner(leaf, key)


def der(certificate: x509.Certificate) -> bytes:
    """Return a certificate as DER."""
    return certificate.public_bytes(Encoding.DER)


def signed_pdf(world: World, *, times: int = 1) -> bytes:
    """Return a page with that many signatures."""
    blank = BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(blank)
    content = blank.getvalue()
    for number in range(times):
        content = sign(content, world.signer, field=f"ChuKy{number}")
    return content


def signed_beside(world: World) -> bytes:
    """Return a detached CAdES signature over CONTENT."""
    attributes = PdfCMSSignedAttributes(signing_time=world.now)
    made = world.signer.async_sign_general_data(
        CONTENT, "sha256", use_cades=True, detached=True, signed_attr_settings=attributes
    )
    return asyncio.run(made).dump()


def altered(content: bytes, at: int) -> bytes:
    """Return the bytes with one of them changed."""
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
