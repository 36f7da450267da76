"""Every exception class of the parsing libraries is a verdict; a new one fails here."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

from services.signing.validation.failures import BROKEN, UNFIT

_LIBRARIES = (
    "pyhanko.pdf_utils",
    "pyhanko.sign",
    "pyhanko_certvalidator",
    "asn1crypto",
    "cryptography",
    "lxml.etree",
)
"""Of lxml `etree` alone is loaded by a worker."""
_ONLY_WITH_EXTRAS = frozenset(
    {
        "pyhanko.pdf_utils.qr",
        "pyhanko.sign.beid",
        "pyhanko.sign.pkcs11",
        "pyhanko.sign.validation.qualified.eutl_fetch",
        "pyhanko.sign.validation.qualified.eutl_parse",
        "pyhanko.sign.validation.report.tools",
    }
)
"""Modules for tokens, lists of the Union and so on: their libraries are not installed."""
_FETCHING = frozenset({"CRLValidationError", "OCSPValidationError"})
"""Of pyHanko's own look at revocation, and of fetching: neither is called (`revocation.py`)."""
_NEVER_RAISED = {
    "cryptography.exceptions.AlreadyFinalized": "a hash or cipher that is used once more",
    "cryptography.exceptions.AlreadyUpdated": "a cipher that is used once more",
    "cryptography.exceptions.NotYetFinalized": "a cipher that is asked too early",
    "cryptography.exceptions.InvalidKey": "deriving a key",
    "cryptography.exceptions.InvalidTag": "deciphering: encrypted files are refused before",
    "cryptography.fernet.InvalidToken": "deciphering",
    "cryptography.hazmat.primitives.keywrap.InvalidUnwrap": "deciphering a key",
    "cryptography.hazmat.primitives.twofactor.InvalidToken": "one-time passwords",
    "cryptography.hazmat.bindings._rust.x509.VerificationError": "paths of its own",
    "cryptography.utils.CryptographyDeprecationWarning": "a warning",
    "cryptography.utils.InterfaceNotImplemented": "a class that somebody derives from its own",
    "cryptography.x509.base.AttributeNotFound": "requests for certificates",
    "lxml.etree._TargetParserResult": "a parser with a target of its own: it stays inside of lxml",
}
"""What a worker does not call, and what would be our own mistake; each with what raises it."""


def _modules() -> Iterator[ModuleType]:
    for name in _LIBRARIES:
        package = importlib.import_module(name)
        yield package
        for found in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}."):
            if found.name not in _ONLY_WITH_EXTRAS and ".aiohttp_fetchers" not in found.name:
                yield importlib.import_module(found.name)


def _raised() -> list[type[Exception]]:
    homes = {name.split(".")[0] for name in _LIBRARIES}
    found = {
        value
        for module in _modules()
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Exception)
        and value.__module__.split(".")[0] in homes
    }
    return sorted(found, key=_name)


def _name(one: type[Exception]) -> str:
    return f"{one.__module__}.{one.__name__}"


@pytest.mark.filterwarnings("ignore")
def test_every_exception_of_the_libraries_is_a_verdict() -> None:
    raised = _raised()
    assert len(raised) > 90
    strangers = [
        _name(one)
        for one in raised
        if not issubclass(one, (*BROKEN, *UNFIT))
        and not _FETCHING & {base.__name__ for base in one.__mro__}
    ]
    assert strangers == sorted(_NEVER_RAISED)
