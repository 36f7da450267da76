"""What the libraries raise for broken bytes: every class is a verdict (EN 319 102-1 5.2.2, 5.2.6).

`tests/signing/test_library_errors.py` fails when a library brings a class that is none of these.
"""

import struct
import zlib

from asn1crypto._errors import APIException
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import (
    DuplicateExtension,
    ExtensionNotFound,
    InvalidVersion,
    UnsupportedGeneralNameType,
)
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
BROKEN: tuple[type[Exception], ...] = (*_BY_BYTES, PdfError, APIException)
"""A PDF or a CMS that cannot be read: FORMAT_FAILURE."""
UNFIT: tuple[type[Exception], ...] = (
    *_BY_BYTES,
    PathError,
    ValidationError,
    InvalidSignature,
    UnsupportedAlgorithm,
    DuplicateExtension,
    ExtensionNotFound,
    InvalidVersion,
    UnsupportedGeneralNameType,
)
"""A certificate or a path that is none: CERTIFICATE_CHAIN_GENERAL_FAILURE, or not listed."""
