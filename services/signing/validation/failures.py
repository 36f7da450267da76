"""What the libraries raise for broken bytes: every class is a verdict (EN 319 102-1 5.2.2, 5.2.6).

`tests/signing/test_library_errors.py` fails when a library brings a class that is none of these.
"""
# lxml has no types:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false

import struct
import zlib

from asn1crypto._errors import APIException
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import (
    DuplicateExtension,
    ExtensionNotFound,
    InvalidVersion,
    UnsupportedGeneralNameType,
)
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]
from pyhanko.pdf_utils.misc import PdfError
from pyhanko_certvalidator.errors import PathError, ValidationError

_BY_BYTES = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    NotImplementedError,
    OSError,
    RecursionError,
    struct.error,
    zlib.error,
)
"""What Python itself raises when a parser meets bytes that its author did not think of."""
BROKEN: tuple[type[Exception], ...] = (*_BY_BYTES, PdfError, APIException, etree.Error)
"""A PDF or a CMS that cannot be read: FORMAT_FAILURE."""
UNREAD: tuple[type[Exception], ...] = (
    ValueError,
    UnsupportedAlgorithm,
    InternalError,
    DuplicateExtension,
    InvalidVersion,
    UnsupportedGeneralNameType,
)
"""What `cryptography` raises for a certificate, list or OCSP response that it cannot read.

Extensions are read at first use: a name of a kind that the library does not know fails there.
"""
UNFIT: tuple[type[Exception], ...] = (
    *_BY_BYTES,
    PathError,
    ValidationError,
    InvalidSignature,
    ExtensionNotFound,
    *UNREAD,
)
"""A certificate or a path that is none: CERTIFICATE_CHAIN_GENERAL_FAILURE, or not listed."""
