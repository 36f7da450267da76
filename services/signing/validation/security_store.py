"""A file's document security store (DSS): archive data and nothing that could be shown.

Runs in a worker process only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.generic import IndirectObject, NameObject
from pyhanko.pdf_utils.reader import PdfFileReader

from services.signing.validation.archive import Kind, check
from services.signing.validation.objects import refers, value

_Kinds = Mapping[str, tuple[Kind, DecodePurpose]]
_OF_A_STREAM = frozenset(("/Length", "/Filter", "/DecodeParms", "/Type"))
_STORE: _Kinds = {
    "/Certs": ("certificate", DecodePurpose.CERTIFICATE),
    "/CRLs": ("list", DecodePurpose.CRL),
    "/OCSPs": ("answer", DecodePurpose.OCSP_RESPONSE),
}
_OF_ONE: _Kinds = {
    "/Cert": _STORE["/Certs"],
    "/CRL": _STORE["/CRLs"],
    "/OCSP": _STORE["/OCSPs"],
}
_BESIDE_IN_STORE, _BESIDE_IN_ONE = frozenset(("/Type", "/VRI")), frozenset(("/Type", "/TU", "/TS"))

_DATE = re.compile(r"D:[0-9]{4,14}(?:Z|[+-][0-9]{2}'?(?:[0-9]{2}'?)?)?(?:00'00'?)?")
"""ISO 32000-2 7.9.4."""


class Updated(Exception):  # noqa: N818 (what the file is)
    """An update brings something else; the text says what."""


def check_archives(reader: PdfFileReader, base: int) -> None:
    """Check the security store of every revision from `base`, a signed one, on.

    No signature covers those behind it: what stood there beside the data could be shown by
    something else. Raises Updated, Refused.
    """
    seen: set[object] = set()
    for revision in range(base, reader.xrefs.total_revisions):
        root = reader.get_historical_resolver(revision).root
        if "/DSS" in root:
            _Store(reader, base, revision, seen).check(root["/DSS"])


@dataclass(frozen=True, slots=True)
class _Store:
    """The security store of a revision."""

    reader: PdfFileReader
    base: int
    """The revision that the first signature covers."""
    revision: int
    seen: set[object]
    """What was looked at already: numbers of objects, and where they stood."""

    def check(self, store: Any) -> None:  # noqa: ANN401
        self._check_pieces(store, _STORE, _BESIDE_IN_STORE)
        of_signatures: Any = value(store, "/VRI", {})
        for name in of_signatures:
            if name == "/Type":
                self._check_type(of_signatures)
                continue
            one: Any = of_signatures[name]
            self._check_pieces(one, _OF_ONE, _BESIDE_IN_ONE)
            if self.revision > self.base and not _DATE.fullmatch(str(value(one, "/TU", "D:2026"))):
                raise Updated("a moment in the security store that is none")
            if "/TS" in one:
                self._check_piece(one.raw_get("/TS"), "stamp", DecodePurpose.GENERIC)

    def _check_pieces(self, store: Any, kinds: _Kinds, beside: frozenset[str]) -> None:  # noqa: ANN401
        if self.revision > self.base and not {str(key) for key in store} <= {*kinds, *beside}:
            raise Updated("the security store holds something else")
        self._check_type(store)
        for key, (kind, purpose) in kinds.items():
            pieces: Any = value(store, key, ())
            for number in range(len(pieces)):
                self._check_piece(pieces.raw_get(number), kind, purpose)

    def _check_type(self, of: Any) -> None:  # noqa: ANN401
        if "/Type" in of and not isinstance(of.raw_get("/Type"), NameObject):
            raise Updated("something in the security store whose type is none")

    def _check_piece(self, piece: Any, kind: Kind, purpose: DecodePurpose) -> None:  # noqa: ANN401
        if not isinstance(piece, IndirectObject):
            raise Updated("archive data that is no stream")
        xrefs = self.reader.xrefs
        where = xrefs.get_historical_ref(piece.reference, self.revision)
        place = (piece.idnum, piece.generation, where)
        if place in self.seen:
            return
        self.seen.add(place)
        stream: Any = piece.get_object()
        if xrefs.get_last_change(piece.reference) > self.base:
            said = {str(key): one for key, one in dict.items(stream)}
            if not said.keys() <= _OF_A_STREAM or any(
                refers(one) for key, one in said.items() if key != "/Length"
            ):
                raise Updated("archive data that says more than it has to")
        check(kind, bytes(stream.read_data(purpose)))
