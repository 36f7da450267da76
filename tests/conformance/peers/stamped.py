"""Signed pages with a signature time stamp: a good one, one over other bytes, a stranger's."""

# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import datetime as dt
from io import BytesIO
from typing import cast

from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.timestamps import DummyTimeStamper

from infra.pki.authority import subject
from tests.conformance.peers.samples import World, der, signed_pdf

_DAY = dt.timedelta(days=1)


class OverOther(DummyTimeStamper):
    """Stamps other bytes than those it is asked to."""

    def _build_tst_info(
        self, message_imprint: tsp.MessageImprint, dt: dt.datetime, req: tsp.TimeStampReq
    ) -> tsp.TSTInfo:
        other = {"hash_algorithm": message_imprint["hash_algorithm"], "hashed_message": bytes(32)}
        return super()._build_tst_info(tsp.MessageImprint(other), dt, req)


def authority(
    world: World, at: dt.datetime, kind: type[DummyTimeStamper] = DummyTimeStamper
) -> DummyTimeStamper:
    """Return a time stamp authority below a world's lower CA, whose clock stands."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    issuer = world.issuing.certificate
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject(common_name="Dấu thời gian", organisation="Bộ Nội vụ"))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(world.now - _DAY)
        .not_valid_after(world.now + 900 * _DAY)
        .add_extension(stamping, critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(world.issuing.key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    mine = asn1_x509.Certificate.load(der(certificate))
    return kind(mine, keys.PrivateKeyInfo.load(secret), fixed_dt=at)


def stamped_pdf(world: World, by: DummyTimeStamper) -> bytes:
    """Return a page with one signature that has a time stamp."""
    metadata = PdfSignatureMetadata(
        field_name="ChuKy", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
    )
    signer = PdfSigner(metadata, world.signer, timestamper=by, new_field_spec=SigFieldSpec("ChuKy"))
    writer = IncrementalPdfFileWriter(BytesIO(signed_pdf(world, times=0)))
    signed = signer.sign_pdf(writer, bytes_reserved=16_384, output=BytesIO())
    return cast("BytesIO", signed).getvalue()
