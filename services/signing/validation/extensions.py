"""Extensions of certificates, lists and answers: one of a kind, or none; and what they say."""

from typing import TypeVar

from cryptography import x509

_E = TypeVar("_E", bound=x509.ExtensionType)


def extension(among: x509.Extensions, kind: type[_E]) -> _E | None:
    """Return the value of the extension of a kind; None when there is none."""
    try:
        return among.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def is_authority(one: x509.Certificate) -> bool:
    """Say whether a certificate is an authority's by what it says itself (RFC 5280 4.2.1.9)."""
    constraints = extension(one.extensions, x509.BasicConstraints)
    return constraints is not None and constraints.ca
