"""Archive data that a file brings: certificates, revocation lists, answers, stamps, and no junk."""

from typing import Any, Literal, cast

from asn1crypto import cms
from cryptography import x509
from cryptography.x509 import ocsp

from services.signing.finding import UNREADABLE
from services.signing.validation.failures import UNFIT
from services.signing.validation.indication import refused

Kind = Literal["certificate", "list", "answer", "stamp"]


def check(kind: Kind, content: bytes) -> None:
    """Check that a piece is what it is kept as. Raises Refused.

    No signature covers it: what cannot be read could be anything, and would be carried along.
    """
    try:
        match kind:
            case "certificate":
                x509.load_der_x509_certificate(content)
            case "list":
                x509.load_der_x509_crl(content)
            case "answer":
                ocsp.load_der_ocsp_response(content)
            case "stamp":
                _check_stamp(content)
    except UNFIT as error:
        detail = f"archive data that is none: {type(error).__name__}"
        raise refused("FORMAT_FAILURE", "format.cms", UNREADABLE, detail) from None


def _check_stamp(content: bytes) -> None:
    token = cast("Any", cms.ContentInfo).load(content, strict=True)
    if token["content"]["encap_content_info"]["content_type"].native != "tst_info":
        raise ValueError("not a time stamp")
