"""The PKI and the trust of one run: keys and good papers are made once and shared by all cases."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID

from services.signing.certificate import Kind, Registered
from services.signing.validation.material import Authority, Listed, Purpose
from shared.ids import AgencyId
from tests.conformance import cms, pdf
from tests.conformance.keys import key
from tests.conformance.pki import (
    AUTHORITY,
    CA_BEGINS,
    STAMPER,
    SUBSCRIBER,
    Holder,
    Profile,
    issue,
    named,
)
from tests.conformance.revocations import Entry, ListPlan, revocation_list

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SENDER = AgencyId(UUID("01936000-0000-7000-8000-000000000022"))
OTHER = AgencyId(UUID("01936000-0000-7000-8000-000000000001"))
SIGNERS: tuple[Purpose, ...] = ("leader", "seal", "protocol")
ISSUING = replace(AUTHORITY, path_length=0)
CONTENT = b"Phu luc kem theo Cong van so 7816/VPCP-TTDT\r\n" * 3

_serials = count(0x4D3A_0000_0000_0001)


def next_serial() -> int:
    """Return a serial number that nobody has."""
    return next(_serials)


def authority(
    name: str,
    of: Holder,
    *purposes: Purpose,
    anchor: bool = False,
    since: datetime = CA_BEGINS,
    until: datetime | None = None,
) -> Authority:
    """Return an entry of the trust list."""
    return Authority(name, of.der, anchor, since, until, purposes)


def known(name: str, by: Holder, at: datetime, *entries: Entry, **changes: Any) -> Listed:  # noqa: ANN401
    """Return a daily list of an authority, an hour old at `at`."""
    plan = ListPlan(this=at - HOUR, next=at + 23 * HOUR, entries=entries)
    return Listed(name, revocation_list(by, replace(plan, **changes)))


def yearly(name: str, by: Holder, at: datetime, *entries: Entry, **changes: Any) -> Listed:  # noqa: ANN401
    """Return a yearly list of an authority above others, 30 days old at `at`."""
    plan = ListPlan(this=at - 30 * DAY, next=at + 335 * DAY, entries=entries)
    return Listed(name, revocation_list(by, replace(plan, **changes)))


@dataclass(frozen=True, slots=True)
class Setting:
    """What is trusted and known."""

    authorities: tuple[Authority, ...]
    lists: tuple[Listed, ...]
    answers: tuple[bytes, ...] = ()

    def trusting(self, *more: Authority) -> "Setting":
        """Add authorities; one of the same name takes the place of the old."""
        names = {one.name for one in more}
        kept = tuple(one for one in self.authorities if one.name not in names)
        return replace(self, authorities=kept + more)

    def knowing(self, *more: Listed) -> "Setting":
        """Add lists."""
        return replace(self, lists=self.lists + more)

    def without(self, *names: str) -> "Setting":
        """Leave out the lists of authorities."""
        return replace(self, lists=tuple(one for one in self.lists if one.authority not in names))

    def strange_to(self, *names: str) -> "Setting":
        """Leave out authorities, and their lists."""
        kept = tuple(one for one in self.authorities if one.name not in names)
        return replace(self.without(*names), authorities=kept)

    def answered(self, *more: bytes) -> "Setting":
        """Add OCSP responses."""
        return replace(self, answers=self.answers + more)

    def instead(self, *lists: Listed) -> "Setting":
        """Put lists in the place of all others of their authorities."""
        return self.without(*(one.authority for one in lists)).knowing(*lists)


@dataclass(frozen=True, slots=True)
class Branch:
    """An authority of its own below the root, a seal that it issued, and what is known then."""

    ca: Holder
    seal: Holder
    setting: Setting


class World:
    """Two roots, an issuing CA, a CA of time stamps, and what they issued."""

    def __init__(self) -> None:
        """Make what nearly every case needs."""
        self.root = self.made("CA goc chuyen dung", None, AUTHORITY)
        self.issuing = self.made("CA phuc vu co quan Nha nuoc", self.root, ISSUING)
        self.stamping = self.made("CA dau thoi gian", self.root, ISSUING)
        self.tsa = self.made("Dau thoi gian", self.stamping, STAMPER)
        self.leader = self.issued("Lê Minh An")
        self.seal = self.issued("Văn phòng Chính phủ")
        self.lasting = self.issued("Con dau lau dai", LASTING)
        self.rsa_seal = self.issued("Văn phòng Chính phủ", kind="rsa2048")

    def made(self, name: str, by: Holder | None, profile: Profile, *, kind: str = "p256") -> Holder:
        """Return a certificate of a new key."""
        serial = next_serial()
        made = key(kind, f"{name}/{serial}")
        return issue(named(name), made, by, profile, serial=serial)

    def issued(self, name: str, profile: Profile = SUBSCRIBER, *, kind: str = "p256") -> Holder:
        """Return a subscriber of the issuing CA."""
        return self.made(name, self.issuing, profile, kind=kind)

    def setting(self, at: datetime = NOW, *entries: Entry) -> Setting:
        """Return the usual trust, with lists that are fresh at `at`."""
        return Setting(
            (
                authority("root", self.root, "authority", anchor=True),
                authority("issuing", self.issuing, *SIGNERS),
                authority("stamping", self.stamping, "timestamp"),
            ),
            (
                yearly("root", self.root, at),
                known("issuing", self.issuing, at, *entries),
                known("stamping", self.stamping, at),
            ),
        )

    def branch(
        self,
        *,
        ca: Profile = ISSUING,
        leaf: Profile = SUBSCRIBER,
        kind: str = "p256",
        leaf_kind: str = "p256",
        at: datetime = NOW,
        purposes: tuple[Purpose, ...] = SIGNERS,
    ) -> Branch:
        """Return an authority below the root, named `branch` in the trust list."""
        made = self.made("CA nhanh", self.root, ca, kind=kind)
        seal = self.made("Văn phòng Chính phủ", made, leaf, kind=leaf_kind)
        setting = self.setting(at).trusting(authority("branch", made, *purposes))
        return Branch(made, seal, setting.knowing(known("branch", made, at)))

    def stamped(self, at: datetime) -> Callable[[bytes], list[bytes]]:
        """Return what puts a good time stamp on a signature."""
        return cms.stamped((self.tsa, cms.StampPlan(at=at)))


LASTING = replace(SUBSCRIBER, begins=CA_BEGINS + DAY, ends=datetime(2044, 1, 1, tzinfo=UTC))
"""A subscriber's certificate for judgements in a far future."""


@cache
def blank() -> pdf.Pdf:
    """Return the unsigned paper."""
    return pdf.paper()


def sealed(
    paper: pdf.Pdf,
    by: Holder,
    recipe: cms.Recipe = cms.PLAIN,
    place: pdf.Place = pdf.USUAL,
) -> pdf.Pdf:
    """Return the paper with one more signature."""
    return pdf.signed(paper, lambda covered: cms.signature(covered, by, recipe), place)


def stamped(paper: pdf.Pdf, by: Holder, **more: object) -> pdf.Pdf:
    """Return the paper with a time stamp made NOW in a field that shows nothing; `more`: of it."""
    usual = pdf.Place(field="Gio", kind=b"DocTimeStamp", subfilter="ETSI.RFC3161")
    plan = cms.StampPlan(at=NOW)
    return pdf.signed(paper, lambda covered: cms.stamp(covered, by, plan), replace(usual, **more))


def row(of: Holder, kind: Kind, *, agency: AgencyId | None = SENDER) -> Registered:
    """Return a certificate's row."""
    return Registered(of.sha256, kind, agency, "issuing", "good", 0)


def rows(*these: Registered) -> Mapping[str, Registered]:
    """Return rows by their digests."""
    return {one.sha256: one for one in these}
