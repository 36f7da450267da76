"""Extensions of certificates, lists and answers: one of a kind, or none."""

from typing import TypeVar

from cryptography import x509

_E = TypeVar("_E", bound=x509.ExtensionType)


def extension(among: x509.Extensions, kind: type[_E]) -> _E | None:
    """Return the value of the extension of a kind; None when there is none."""
    try:
        return among.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
