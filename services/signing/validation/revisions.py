"""Which changes may follow a signature: further signatures and archive data, nothing else.

Runs in a worker process only.
"""
# pyHanko and lxml are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

from collections.abc import Iterable, Iterator
from typing import Any

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.reader import HistoricalResolver
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DocInfoRule,
    DSSCompareRule,
    FormUpdatingRule,
    MetadataUpdateRule,
    ModificationLevel,
    ObjectStreamRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
    XrefStreamRule,
)
from pyhanko.sign.diff_analysis.rules_api import ReferenceUpdate

_FORM_LEVEL = ModificationLevel.LTA_UPDATES
_OF_WRITERS = frozenset({"/ModDate", "/Producer"})
"""What a program that adds a signature says of itself (ISO 32000-2 14.3.3)."""
_OF_WRITERS_IN_XMP = frozenset({"ModifyDate", "MetadataDate", "Producer"})
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


class InfoRule(DocInfoRule):
    """Lets a writer name itself and the day in /Info: title and author stay as they were signed."""

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        """Yield what may change. Raises SuspiciousModification."""
        if _info(old) != _info(new):
            raise SuspiciousModification("/Info says something else than was signed")
        return super().apply(old, new)


class XmpRule(MetadataUpdateRule):
    """The same for the XMP metadata, which viewers show before /Info."""

    def apply(self, old: HistoricalResolver, new: HistoricalResolver) -> Iterable[ReferenceUpdate]:
        """Yield what may change. Raises SuspiciousModification."""
        if _xmp(old) != _xmp(new):
            raise SuspiciousModification("/Metadata says something else than was signed")
        return super().apply(old, new)


# pyHanko's default policy also lets forms be filled in, which would change what is read: its rule
# for other fields is left out, and of the form's own entries only the list of fields may change;
# what fields are drawn with is looked at by `updates.check_forms`.
POLICY = StandardDiffPolicy(
    global_rules=[
        CatalogModificationRule(),
        InfoRule().as_qualified(_FORM_LEVEL),
        XrefStreamRule().as_qualified(_FORM_LEVEL),
        ObjectStreamRule().as_qualified(_FORM_LEVEL),
        DSSCompareRule().as_qualified(_FORM_LEVEL),
        XmpRule().as_qualified(_FORM_LEVEL),
    ],
    form_rule=FormUpdatingRule(
        field_rules=[SigFieldCreationRule(), SigFieldModificationRule()],
        ignored_acroform_keys=frozenset({"/Fields", "/DA", "/DR"}),
    ),
    ignore_orphaned_objects=False,  # what nothing refers to yet is there to be referred to later
)


def _info(file: HistoricalResolver) -> dict[str, str]:
    place: Any = file.trailer_view.get_value_as_reference("/Info", optional=True)
    info: Any = {} if place is None else file.get_object(place)
    return {str(key): repr(info[key]) for key in info if str(key) not in _OF_WRITERS}


def _xmp(file: HistoricalResolver) -> set[tuple[str, tuple[str, ...]]]:
    """Return the properties of the metadata with their texts, however they are written down."""
    place: Any = file.root.get_value_as_reference("/Metadata", optional=True)
    if place is None:
        return set()
    stream: Any = place.get_object()
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        tree = etree.fromstring(stream.read_data(DecodePurpose.XMP_METADATA), parser)
    except etree.LxmlError:
        raise SuspiciousModification("/Metadata is not XML") from None
    found: set[tuple[str, tuple[str, ...]]] = set()
    for described in tree.iter(f"{_RDF}Description"):
        found.update(_properties(described))
    return found


def _properties(described: Any) -> Iterator[tuple[str, tuple[str, ...]]]:  # noqa: ANN401
    for name, value in described.attrib.items():
        if not name.startswith(_RDF) and _local(name) not in _OF_WRITERS_IN_XMP:
            yield name, (str(value).strip(),)
    for child in described:
        if isinstance(child.tag, str) and _local(child.tag) not in _OF_WRITERS_IN_XMP:
            texts = (text.strip() for text in child.itertext())
            yield child.tag, tuple(text for text in texts if text)


def _local(name: str) -> str:
    return name.rpartition("}")[2]
