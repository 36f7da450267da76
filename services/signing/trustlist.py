"""The trust list: what it says of each authority, and what a change makes of it (pure)."""

import base64
import binascii
import hashlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from services.signing.due import Forbidden, host_of
from services.signing.pipe import CertificateFacts
from services.signing.validation.material import Authority, Purpose

OWN = frozenset({"root", "issuing"})
"""The two of the PKI folder: without them this exchange issues nothing."""
_MOST_CERTIFICATE = 20_000
_BEGINS, _ENDS = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
NO_AUTHORITY = "not an authority's certificate (basicConstraints)"
NO_ISSUING_KEY = "its key may not sign certificates (keyUsage)"
TOO_WEAK = "too weak: "
"""What a worker objects to in a certificate; anything else is of its path (RFC 5280 6.1)."""
_OBJECTIONS = {
    NO_AUTHORITY: "không phải chứng thư số của CA (basicConstraints)",
    NO_ISSUING_KEY: "khóa không được phép ký chứng thư số (keyUsage)",
}


class Unfit(Exception):  # noqa: N818 (what the change is)
    """A change that cannot be made to this list."""

    def __init__(self, vi: str, en: str) -> None:
        """Say why, in both languages."""
        super().__init__(en)
        self.vi, self.en = vi, en


def _address(text: str) -> str:
    try:
        host_of(text)
    except Forbidden as error:
        raise PydanticCustomError("web_address", "{why}", {"why": str(error)}) from None
    return text


def _pem(text: str) -> str:
    inner = "".join(text.strip().removeprefix(_BEGINS).removesuffix(_ENDS).split())
    try:
        return ssl.DER_cert_to_PEM_cert(base64.b64decode(inner, validate=True))
    except (ValueError, binascii.Error):
        raise PydanticCustomError("one_pem", "One certificate in PEM") from None


_AS_NAMED = ConfigDict(frozen=True, extra="forbid")
"""A mistyped name of an optional member would be another change than was meant, without a word."""
Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$", examples=["vgca-g2"])]
Address = Annotated[str, Field(max_length=400), AfterValidator(_address)]
Pem = Annotated[str, Field(max_length=_MOST_CERTIFICATE), AfterValidator(_pem)]


class AuthorityTerms(BaseModel):
    """How far an authority is trusted, and where its revocation data is found."""

    model_config = ConfigDict(frozen=True)

    trusted_from: AwareDatetime
    trusted_until: AwareDatetime | None = Field(
        None, description="When the trust ends by itself; none: with the certificate."
    )
    purposes: tuple[Purpose, ...] = Field(
        min_length=1, max_length=5, description="What its certificates are trusted for."
    )
    crl: tuple[Address, ...] = Field(
        (), max_length=4, description="Where its revocation list is fetched: nowhere else."
    )
    ocsp: tuple[Address, ...] = Field(
        (), max_length=4, description="Where it is asked while no revocation list can be had."
    )
    private_addresses: bool = Field(
        default=False, description="These hosts may be of the own network."
    )


class AddAuthority(AuthorityTerms):
    """Trust one more authority. Its certificate never changes: a new one is a new name."""

    model_config = _AS_NAMED

    action: Literal["add"]
    name: Name
    certificate: Pem = Field(description="PEM.")
    anchor: bool = Field(description="A root: paths end here.")


class ChangeAuthority(AuthorityTerms):
    """Other terms for an authority: all of them anew."""

    model_config = _AS_NAMED

    action: Literal["change"]
    name: Name


class EndAuthority(BaseModel):
    """Trust an authority no more, for good: verdicts that rest on it are withdrawn."""

    model_config = _AS_NAMED

    action: Literal["end"]
    name: Name


AnyChange: TypeAlias = AddAuthority | ChangeAuthority | EndAuthority
Change = Annotated[AnyChange, Field(discriminator="action")]
CHANGES: TypeAdapter[AnyChange] = TypeAdapter(Change)


@dataclass(frozen=True, slots=True)
class Entry:
    """An authority that is or was trusted."""

    name: str
    der: bytes
    anchor: bool
    terms: AuthorityTerms
    since: int
    """The version of the list in which it was last changed."""
    ended: bool = False

    @property
    def sha256(self) -> str:
        """Return the digest of its certificate."""
        return hashlib.sha256(self.der).hexdigest()

    def authority(self) -> Authority:
        """Return it as a judgement needs it."""
        return Authority(
            name=self.name,
            der=self.der,
            anchor=self.anchor,
            trusted_from=self.terms.trusted_from,
            trusted_until=self.terms.trusted_until,
            purposes=self.terms.purposes,
            crl=self.terms.crl,
            ocsp=self.terms.ocsp,
        )

    def told(self) -> dict[str, Any]:
        """Return it as JSON: what an export says of it."""
        return {
            "name": self.name,
            "certificate": base64.b64encode(self.der).decode(),
            "anchor": self.anchor,
            **self.terms.model_dump(mode="json"),
        }


Entries = Mapping[str, Entry]


def in_force(entries: Entries) -> dict[str, Entry]:
    """Return the authorities that are trusted now."""
    return {name: one for name, one in entries.items() if not one.ended}


def digest(entries: Entries) -> str:
    """Return the SHA-256 of the list in force: equal lists of two exchanges have equal ones."""
    told = [one.told() for _, one in sorted(in_force(entries).items())]
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def after(entries: Entries, change: AnyChange, version: int) -> dict[str, Entry]:
    """Return the list that a change leads to. Raises Unfit."""
    known = entries.get(change.name)
    if isinstance(change, AddAuthority):
        entry = _added(entries, change, version)
    elif known is None or known.ended:
        raise Unfit(
            f"Danh sách không có cơ quan chứng thực {change.name}.",
            f"The list has no authority {change.name}.",
        )
    elif isinstance(change, ChangeAuthority):
        terms = AuthorityTerms.model_validate(change.model_dump(exclude={"action", "name"}))
        if terms == known.terms:
            raise Unfit("Thay đổi này không làm thay đổi gì.", "The change changes nothing.")
        entry = replace(known, terms=terms, since=version)
    else:
        entry = replace(known, ended=True, since=version)
    return {**entries, change.name: entry}


def _added(entries: Entries, change: AddAuthority, version: int) -> Entry:
    if change.name in entries:
        raise Unfit(
            f"Tên {change.name} đã được dùng, kể cả khi đã chấm dứt tin cậy.",
            f"The name {change.name} is taken, also by one that is no longer trusted.",
        )
    der = ssl.PEM_cert_to_DER_cert(change.certificate)
    if any(one.der == der for one in entries.values()):
        raise Unfit(
            "Chứng thư số này đã có trong danh sách; đã chấm dứt tin cậy thì không dùng lại.",
            "This certificate is in the list; one that is no longer trusted does not come back.",
        )
    terms = AuthorityTerms.model_validate(
        change.model_dump(exclude={"action", "name", "certificate"})
    )
    return Entry(change.name, der, change.anchor, terms, version)


def check_proposed(
    change: AnyChange,
    facts: CertificateFacts | None,
    now: datetime,
) -> None:
    """Check what may be proposed at all, whatever the list says. Raises Unfit."""
    if isinstance(change, EndAuthority):
        return
    until = change.trusted_until
    if until is not None and (until <= now or until <= change.trusted_from):
        raise Unfit(
            "trusted_until phải ở tương lai; để chấm dứt ngay, đề nghị `end`.",
            "trusted_until lies in the future; to end the trust at once, propose `end`.",
        )
    if not isinstance(change, AddAuthority) or facts is None:
        return
    if facts.objection:
        vi = _in_vietnamese(facts.objection)
        raise Unfit(f"Chứng thư số không dùng được: {vi}.", f"{facts.objection}.")
    if facts.not_after <= now:
        raise Unfit("Chứng thư số đã hết hạn.", "The certificate has expired.")
    if change.anchor != facts.self_signed:
        raise Unfit(
            "CA gốc (anchor) phải tự ký; CA khác phải do một CA trong danh sách cấp.",
            "A root (anchor) has signed itself; any other is issued by a listed authority.",
        )
    if not change.anchor and facts.issued_by is None:
        raise Unfit(
            "Không CA nào trong danh sách đã cấp chứng thư số này.",
            "No authority of the list has issued this certificate.",
        )


def _in_vietnamese(objection: str) -> str:
    if objection.startswith(TOO_WEAK):
        return f"thuật toán hoặc khóa quá yếu ({objection.removeprefix(TOO_WEAK)})"
    return _OBJECTIONS.get(objection, "đường dẫn chứng thực không hợp lệ (RFC 5280, mục 6.1)")
