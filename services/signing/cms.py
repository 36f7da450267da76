"""The CMS of a signature in two halves: what is to be signed, then its container (PAdES-B-B)."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from asn1crypto import cms, x509
from pyhanko.sign.signers.pdf_cms import ExternalSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

DIGEST = "sha256"


async def attributes(certificate: bytes, document_digest: bytes) -> bytes:
    """Return the signed attributes (DER of the SET): the bytes that a key is to sign.

    Content type, message digest and signing-certificate-v2 (RFC 5035); the time stands in the
    signature's dictionary, where EN 319 142-1 wants it.
    """
    made = await _signer(certificate, b"").signed_attrs(document_digest, DIGEST, use_pades=True)
    return made.dump()


async def container(certificate: bytes, signed_attributes: bytes, signature: bytes) -> bytes:
    """Return the CMS that stands in the file; the same arguments give the same bytes."""
    made = await _signer(certificate, signature).async_sign_prescribed_attributes(
        DIGEST, cms.CMSAttributes.load(signed_attributes)
    )
    return made.dump()


def _signer(certificate: bytes, signature: bytes) -> ExternalSigner:
    # The certificates of the authorities stay outside, as in the files of today's tokens.
    return ExternalSigner(
        x509.Certificate.load(certificate), SimpleCertificateStore(), signature_value=signature
    )
