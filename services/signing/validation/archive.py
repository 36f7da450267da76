"""Archive data that a file brings: certificates, revocation lists, OCSP responses, and no junk."""

from collections.abc import Sequence

from cryptography import x509
from cryptography.x509 import ocsp

from services.signing.finding import UNREADABLE
from services.signing.validation.failures import UNFIT
from services.signing.validation.indication import refused


def check(certificates: Sequence[bytes], lists: Sequence[bytes], answers: Sequence[bytes]) -> None:
    """Check that each piece is what it is kept as. Raises Refused.

    No signature covers it: what cannot be read could be anything, and would be carried along.
    """
    try:
        for der in certificates:
            x509.load_der_x509_certificate(der)
        for der in lists:
            x509.load_der_x509_crl(der)
        for der in answers:
            ocsp.load_der_ocsp_response(der)
    except UNFIT as error:
        detail = f"archive data that is none: {type(error).__name__}"
        raise refused("FORMAT_FAILURE", "format.cms", UNREADABLE, detail) from None
