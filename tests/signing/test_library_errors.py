"""Every exception class of the parsing libraries is a verdict; a new one fails here."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

from services.signing.validation.failures import BROKEN, UNFIT

_LIBRARIES = ("pyhanko.pdf_utils", "pyhanko.sign", "pyhanko_certvalidator", "asn1crypto")
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


def _modules() -> Iterator[ModuleType]:
    for name in _LIBRARIES:
        package = importlib.import_module(name)
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
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
    return sorted(found, key=lambda one: f"{one.__module__}.{one.__name__}")


@pytest.mark.filterwarnings("ignore")
def test_every_exception_of_the_libraries_is_a_verdict() -> None:
    raised = _raised()
    assert len(raised) > 40
    strangers = [
        f"{one.__module__}.{one.__name__}"
        for one in raised
        if not issubclass(one, (*BROKEN, *UNFIT))
        and not _FETCHING & {base.__name__ for base in one.__mro__}
    ]
    assert strangers == []
