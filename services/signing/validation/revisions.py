"""Which changes may follow a signature: further signatures and archive data, nothing else.

Runs in a worker process only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from collections.abc import Iterable
from typing import Any

from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject
from pyhanko.pdf_utils.reader import HistoricalResolver
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DSSCompareRule,
    FormUpdatingRule,
    ModificationLevel,
    ObjectStreamRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
    XrefStreamRule,
)
from pyhanko.sign.diff_analysis.rules_api import ReferenceUpdate

from services.signing.validation.metadata import InfoRule, XmpRule
from services.signing.validation.objects import value

_FORM_LEVEL = ModificationLevel.LTA_UPDATES
_LOOKED_AT_APART = frozenset({"/AcroForm", "/DSS", "/Extensions", "/Metadata", "/Version"})
_VERSION = re.compile(r"/(?:1\.[0-7]|2\.0)")
_OF_AN_EXTENSION = {
    "/Type": re.compile("/DeveloperExtensions"),
    "/BaseVersion": _VERSION,
    "/ExtensionLevel": re.compile("[0-9]{1,9}"),
    "/URL": re.compile("https?://[A-Za-z0-9./_-]{1,100}"),
    "/ExtensionRevision": re.compile(":[0-9]{4}"),
}
"""What a file says of the extensions of the format that it uses (ISO 32000-2 7.12)."""
_MOST_EXTENSIONS = 20


class CatalogueRule(CatalogModificationRule):
    """Lets a writer say which version and extensions of the format its update needs."""

    def __init__(self) -> None:
        """Let what other rules look at change, and nothing else beside them."""
        super().__init__(_LOOKED_AT_APART)

    def apply_qualified(
        self, old: HistoricalResolver, new: HistoricalResolver
    ) -> Iterable[tuple[ModificationLevel, ReferenceUpdate]]:
        """Yield what may change. Raises SuspiciousModification."""
        before, now = old.root, new.root
        for key, fits in (("/Version", _is_version), ("/Extensions", _are_extensions)):
            said: Any = value(now, key)
            if said != value(before, key) and not fits(said):
                raise SuspiciousModification(f"{key} says more than it has to")
        return super().apply_qualified(old, new)


# pyHanko's default policy also lets forms be filled in, which would change what is read: its rule
# for other fields is left out, and of the form's own entries only the list of fields may change;
# what fields are drawn with is looked at by `updates.check_forms`.
POLICY = StandardDiffPolicy(
    global_rules=[
        CatalogueRule(),
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


def _is_version(said: Any) -> bool:  # noqa: ANN401
    return _VERSION.fullmatch(str(said)) is not None


def _are_extensions(said: Any) -> bool:  # noqa: ANN401
    """Say whether it is a list of extensions by the prefixes of who has made them."""
    if not isinstance(said, DictionaryObject):
        return False
    named = [str(key) for key in said if str(key) != "/Type"]
    each: list[Any] = [said.raw_get(key) for key in named]
    every = [one for some in each for one in (some if isinstance(some, ArrayObject) else [some])]
    return (
        len(every) <= _MOST_EXTENSIONS
        and all(re.fullmatch(r"/[A-Za-z0-9_]{1,20}", key) for key in named)
        and all(isinstance(one, DictionaryObject) and _is_extension(one) for one in every)
    )


def _is_extension(said: DictionaryObject) -> bool:
    values: dict[str, Any] = {str(key): one for key, one in dict.items(said)}
    return values.keys() <= _OF_AN_EXTENSION.keys() and all(
        _OF_AN_EXTENSION[key].fullmatch(str(one)) for key, one in values.items()
    )
