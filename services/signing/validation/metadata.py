"""What a program that adds a signature may write into /Info and XMP: its name and the day.

Runs in a worker process only.
"""
# pyHanko and lxml are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.generic import ByteStringObject, TextStringObject
from pyhanko.pdf_utils.reader import HistoricalResolver
from pyhanko.sign.diff_analysis import (
    DocInfoRule,
    MetadataUpdateRule,
    SuspiciousModification,
)
from pyhanko.sign.diff_analysis.rules_api import ReferenceUpdate

_LONGEST = 200
"""Characters in which a program names itself or the day."""
_OF_WRITERS = frozenset({"/ModDate", "/Producer"})
"""ISO 32000-2 14.3.3."""
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_BASIC, _PDF = "{http://ns.adobe.com/xap/1.0/}", "{http://ns.adobe.com/pdf/1.3/}"
_OF_WRITERS_IN_XMP = frozenset({f"{_BASIC}ModifyDate", f"{_BASIC}MetadataDate", f"{_PDF}Producer"})
_PACKET, _TOOLKIT = "{adobe:ns:meta/}xmpmeta", "{adobe:ns:meta/}xmptk"

Said: TypeAlias = tuple[str, tuple[tuple[str, str], ...], str, tuple["Said", ...]]
"""A property: name, attributes, text, what is in it."""


class InfoRule(DocInfoRule):
    """Lets a writer name itself and the day in /Info: title and author stay as they were signed."""

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        """Yield what may change. Raises SuspiciousModification."""
        before, now = _info(old), _info(new)
        written = {key: now.pop(key) for key in _OF_WRITERS & now.keys()}
        for key, said in written.items():
            plain = isinstance(said, (TextStringObject, ByteStringObject))
            if said != before.get(key) and not (plain and len(said) <= _LONGEST):
                raise SuspiciousModification("/Info names a writer at length")
        if {key: one for key, one in before.items() if key not in _OF_WRITERS} != now:
            raise SuspiciousModification("/Info says something else than was signed")
        return super().apply(old, new)


class XmpRule(MetadataUpdateRule):
    """The same for the XMP metadata, which viewers show before /Info."""

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        """Yield what may change. Raises SuspiciousModification."""
        before, now = _metadata(old), _metadata(new)
        if before != now and (before is None or now is None or said(before) != said(now)):
            raise SuspiciousModification("/Metadata says something else than was signed")
        return super().apply(old, new)


def _info(file: HistoricalResolver) -> dict[str, Any]:
    place: Any = file.trailer_view.get_value_as_reference("/Info", optional=True)
    info: Any = {} if place is None else file.get_object(place)
    return {str(key): info[key] for key in info}


def _metadata(file: HistoricalResolver) -> bytes | None:
    place: Any = file.root.get_value_as_reference("/Metadata", optional=True)
    if place is None:
        return None
    stream: Any = place.get_object()
    return bytes(stream.read_data(DecodePurpose.XMP_METADATA))


def said(metadata: bytes) -> list[Said]:
    """Return the properties of XMP metadata, but for what writers say of themselves.

    However they are written down: as elements or attributes, in one description or several; those
    of one name stay in their order.
    Raises SuspiciousModification when there is anything but properties.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        top = etree.fromstring(metadata, parser)
    except etree.LxmlError:
        raise SuspiciousModification("/Metadata is not XML") from None
    return sorted(_properties(top), key=lambda one: one[0])  # of one name: as they stand


def _properties(top: Any) -> Iterator[Said]:  # noqa: ANN401
    described = top
    beside = [*top.itersiblings(), *top.itersiblings(preceding=True)]
    odd = any(getattr(one, "target", "") != "xpacket" for one in beside)
    if top.tag == _PACKET:
        odd |= bool(set(top.attrib) - {_TOOLKIT}) or len(top.get(_TOOLKIT, "")) > _LONGEST
        odd |= len(top) != 1 or _has_text(top)
        described = top[0] if len(top) else top
    if odd or described.tag != f"{_RDF}RDF" or described.attrib or _has_text(described):
        raise SuspiciousModification("/Metadata is no XMP")
    if top.getroottree().docinfo.doctype:
        raise SuspiciousModification("/Metadata has a document type")
    for one in described:
        if one.tag != f"{_RDF}Description" or _has_text(one):
            raise SuspiciousModification("/Metadata holds something beside descriptions")
        yield from _of_one(one)


def _of_one(description: Any) -> Iterator[Said]:  # noqa: ANN401
    for name, value in description.attrib.items():
        one: Said = (str(name), (), str(value).strip(), ())
        # The subject of all that is said: the file, in one way or another.
        if (str(name) != f"{_RDF}about" or one[2]) and not _of_a_writer(one):
            yield one
    for child in description:
        one = _canonical(child)
        if not _of_a_writer(one):
            yield one


def _of_a_writer(one: Said) -> bool:
    name, attributes, text, inside = one
    return name in _OF_WRITERS_IN_XMP and not attributes and not inside and len(text) <= _LONGEST


def _canonical(element: Any) -> Said:  # noqa: ANN401
    if not isinstance(element.tag, str):
        raise SuspiciousModification("/Metadata holds something that is no property")
    inside = tuple(_canonical(child) for child in element)
    if inside and _has_text(element):
        raise SuspiciousModification("/Metadata holds text beside properties")
    attributes = sorted((str(name), str(value)) for name, value in element.attrib.items())
    return element.tag, tuple(attributes), (element.text or "").strip(), inside


def _has_text(element: Any) -> bool:  # noqa: ANN401
    """Say whether text stands directly in an element, between others."""
    return any((text or "").strip() for text in (element.text, *(one.tail for one in element)))
