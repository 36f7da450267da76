"""Every exception class of what a worker has loaded is a verdict; a new one fails here."""

import importlib
import pickle
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import packages_distributions
from types import ModuleType

import pypdfium2
import pytest

from services.signing import stamp
from services.signing.pipe import Preparation
from services.signing.place import size_of
from services.signing.prepare import prepare
from services.signing.validation.failures import BROKEN, UNFIT
from tests.fixtures import tampering
from tests.fixtures.papers import Papers
from tests.signing.loaded import Work
from tests.signing.test_evidence import known

_OWN = frozenset({"services", "shared", "infra", "tests"})
_WHOLE = (
    "pyhanko.pdf_utils",
    "pyhanko.sign",
    "pyhanko_certvalidator",
    "asn1crypto",
    "cryptography",
    "pypdfium2",
)
"""They read what comes in: modules count, too, that a worker has not come to load."""
_ASIDE = {
    "aiohttp": "of pyHanko's fetchers, which nobody calls: there are no sockets in a worker",
    "attr": "of aiohttp",
    "pydantic": "messages between service and worker: no bytes of a file are read by it",
    "pydantic_core": "the same",
    "typing_inspection": "of pydantic, when its classes are made",
}
"""Loaded, and never given a file's bytes. Each with why."""
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
    "pypdfium2._helpers.misc.PdfiumError": "`place.py` turns it into a ValueError",
    "pypdfium2._helpers.misc.PdfiumWarning": "a warning",
    "pypdfium2._helpers.pageobjects._ImageExtractionError": "taking pictures out of a page",
}
"""What a worker does not call, and what would be our own mistake; each with what raises it."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What a worker has loaded beside Python and our own code."""

    modules: tuple[str, ...]

    @property
    def packages(self) -> frozenset[str]:
        return frozenset(one.split(".")[0] for one in self.modules)

    def looked_at(self) -> Iterator[ModuleType]:
        """Yield what was loaded, and all of the packages that read what comes in."""
        for name in self.modules:
            if name.split(".")[0] not in _ASIDE:
                yield importlib.import_module(name)
        for name in _WHOLE:
            for found in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}."):
                if _is_installed(found.name):
                    yield importlib.import_module(found.name)


def _is_installed(name: str) -> bool:
    within = any(name == one or name.startswith(f"{one}.") for one in _ONLY_WITH_EXTRAS)
    return not within and ".aiohttp_fetchers" not in name and not name.endswith("__main__")


def _preparation(drawn: bytes) -> Preparation:
    return Preparation(shape="seal", stamp=drawn, signer="Văn phòng Chính phủ", at=_now())


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def drawn() -> bytes:
    """Return a seal's stamp."""
    shown = stamp.Words("seal", "Văn phòng Chính phủ", "", _now().isoformat(timespec="seconds"))
    return stamp.draw(shown)


@pytest.fixture(scope="module")
def loaded(papers: Papers, drawn: bytes) -> _Loaded:
    good, detached = papers.good_main.content, papers.sealed(papers.table, papers.seal())
    files = (
        (good, None),
        (detached.content, detached.signature),
        (tampering.changed_byte(good), None),
        (good[: len(good) // 2], None),
        (b"%PDF-1.7\nkhong phai PDF", None),
    )
    work = pickle.dumps(Work(known(papers), files, _preparation(drawn), _now()))
    command = [sys.executable, "-m", "tests.signing.loaded"]
    said = subprocess.run(command, input=work, stdout=subprocess.PIPE, check=True).stdout
    installed = packages_distributions().keys() - _OWN
    return _Loaded(
        tuple(one for one in said.decode().splitlines() if one.split(".")[0] in installed)
    )


def _raised(loaded: _Loaded) -> list[type[Exception]]:
    homes = loaded.packages - _ASIDE.keys()
    found = {
        value
        for module in loaded.looked_at()
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Exception)
        and value.__module__.split(".")[0] in homes
    }
    return sorted(found, key=_name)


def _name(one: type[Exception]) -> str:
    return f"{one.__module__}.{one.__name__}"


@pytest.mark.filterwarnings("ignore")
def test_every_exception_of_what_a_worker_has_loaded_is_a_verdict(loaded: _Loaded) -> None:
    raised = _raised(loaded)
    assert len(raised) > 90
    strangers = [
        _name(one)
        for one in raised
        if not issubclass(one, (*BROKEN, *UNFIT))
        and not _FETCHING & {base.__name__ for base in one.__mro__}
    ]
    assert strangers == sorted(_NEVER_RAISED)


def test_what_is_set_aside_is_loaded_and_reads_no_file(loaded: _Loaded) -> None:
    reading = {one.split(".")[0] for one in _WHOLE}
    assert loaded.packages >= _ASIDE.keys() | reading
    assert not _ASIDE.keys() & reading


def test_what_pdfium_cannot_read_is_a_verdict(papers: Papers) -> None:
    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(b"khong phai PDF")
    with pytest.raises(BROKEN, match="PDFium"):
        size_of(b"khong phai PDF")
    with pytest.raises(BROKEN, match="PDFium"):
        prepare(papers.good_main.content, _preparation(b"khong phai PDF"))
