"""What another exchange's trust list has otherwise, as changes that make ours like it (pure)."""

import base64
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.signing.trustlist import (
    OWN,
    AddAuthority,
    AnyChange,
    AuthorityTerms,
    ChangeAuthority,
    EndAuthority,
    Entries,
    in_force,
)

_OWN_ONE = ("CA của chính hệ thống này.", "This exchange's own authority.")
_NOT_ENDED = (
    "Bản xuất không có CA này; chấm dứt là vĩnh viễn, chỉ đề nghị khi `end_missing` là true.",
    "The export does not have it; an end is for good, and proposed only if `end_missing` is true.",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """What another list has otherwise: a change to be proposed, or why there is none."""

    name: str
    change: AnyChange | None
    vi: str = ""
    en: str = ""


def differences(
    own: Entries, theirs: Iterable[AddAuthority], *, end_missing: bool
) -> list[Difference]:
    """Return what would make our list theirs, by name; our own two authorities are never ended.

    Others that theirs lacks are ended only where that is asked for: it is for good.
    """
    there = {one.name: one for one in theirs}
    found = [_difference(own, one) for _, one in sorted(there.items())]
    for name in sorted(in_force(own).keys() - there.keys()):
        if name in OWN:
            found.append(Difference(name, None, *_OWN_ONE))
        elif end_missing:
            found.append(Difference(name, EndAuthority(action="end", name=name)))
        else:
            found.append(Difference(name, None, *_NOT_ENDED))
    return [one for one in found if one.change or one.en]


def _difference(own: Entries, one: AddAuthority) -> Difference:
    known = own.get(one.name)
    if known is None:
        return Difference(one.name, one)
    if known.ended or known.der != ssl.PEM_cert_to_DER_cert(one.certificate):
        return Difference(
            one.name,
            None,
            "Tên này ở đây là của một chứng thư số khác hoặc đã chấm dứt.",
            "Here the name is another certificate's, or its trust has ended.",
        )
    terms = AuthorityTerms.model_validate(one.model_dump(exclude={"action", "name", "certificate"}))
    if terms == known.terms:
        return Difference(one.name, None)
    return Difference(
        one.name, ChangeAuthority(action="change", name=one.name, **terms.model_dump())
    )


def read_told(told: Mapping[str, Any]) -> AddAuthority:
    """Return an authority of an export as a change that adds it. Raises ValueError.

    What a later release tells besides is left out, as it was signed for whoever understands it.
    """
    known = {name: told[name] for name in AddAuthority.model_fields if name in told}
    der = base64.b64decode(str(told.get("certificate", "")), validate=True)
    return AddAuthority.model_validate(
        {**known, "action": "add", "certificate": ssl.DER_cert_to_PEM_cert(der)}
    )
