"""What is trusted: the listed authorities with their keys and lists, chains built once each."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, islice

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from services.signing.finding import UNREADABLE, UNTRUSTED
from services.signing.validation.algorithms import (
    Key,
    Scheme,
    Term,
    certificate_scheme,
    key_of,
    key_term,
    terms,
)
from services.signing.validation.failures import UNFIT, UNREAD
from services.signing.validation.indication import Objection, Refused, refused
from services.signing.validation.issuer import Issuer, has_issued, sharing
from services.signing.validation.material import Authority, Material, Purpose, digest
from services.signing.validation.ocsp import answer
from services.signing.validation.path import flaw
from services.signing.validation.policy import Policy, load
from services.signing.validation.revocation import RevocationList, Status, Unusable

_MOST_CHAINS = 4_096


@dataclass(frozen=True, slots=True)
class Link:
    """One certificate of a chain below the anchor, with what is known of its revocation."""

    sha256: str
    certificate: x509.Certificate
    issuer: Issuer
    authority: bool
    statuses: tuple[Status, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """The way from a signer's certificate to an anchor. The moment plays no part in it."""

    key: Key
    links: tuple[Link, ...]
    """The signer's certificate first, then the authorities below the anchor."""
    terms: tuple[Term, ...]
    """Until when the algorithms of the authorities' signatures and keys may be used."""
    purposes: frozenset[Purpose]
    """What the signer's authority is trusted for."""
    objection: Objection | None

    def is_for(self, purpose: Purpose) -> bool:
        """Say whether what the signer's authority issues is trusted for a purpose."""
        return purpose in self.purposes

    @property
    def issuers(self) -> tuple[Issuer, ...]:
        """Return the authorities, the signer's own first, the anchor last."""
        return tuple(link.issuer for link in self.links)


class Trust:
    """The material of a judgement, read once. Nothing is ever fetched: else it is not known."""

    def __init__(self, material: Material) -> None:
        """Read policy, authorities and lists. Raises BadPolicy; what else is broken is left out."""
        self.policy: Policy = load(material.policy)
        self._answers = material.answers
        self._by_name: dict[bytes, list[Issuer]] = {}
        self._listed: set[bytes] = set()
        self._chains: OrderedDict[bytes, tuple[Chain, ...]] = OrderedDict()
        lists: dict[str, list[bytes]] = {}
        for one in material.lists:
            lists.setdefault(one.authority, []).append(one.der)
        read = (self._read(one, lists.get(one.name, [])) for one in material.authorities)
        for issuer in sharing([one for one in read if one is not None]):
            subject = issuer.certificate.subject.public_bytes()
            self._by_name.setdefault(subject, []).append(issuer)
            self._listed.add(bytes(issuer.listed.der))

    def lists(self) -> list[tuple[str, RevocationList]]:
        """Return the usable lists, with the names of their authorities."""
        return [(one.listed.name, known) for one in self._issuers() for known in one.own]

    def issuer(self, name: str) -> Issuer | None:
        """Return a listed authority by its name."""
        return next((one for one in self._issuers() if one.listed.name == name), None)

    def _issuers(self) -> Iterator[Issuer]:
        return chain.from_iterable(self._by_name.values())

    def is_listed(self, der: bytes) -> bool:
        """Say whether a certificate is a listed authority's own."""
        return der in self._listed

    def chain(self, der: bytes) -> Chain:
        """Return the first chain of a certificate. Raises Refused."""
        return self.chains(der)[0]

    def chains(self, der: bytes) -> tuple[Chain, ...]:
        """Return the chains of a certificate, each with its objection if it is none.

        There is more than one where an authority has several certificates for one name and key:
        which of them was valid the moment decides (EN 319 102-1 5.2.6.4). Raises Refused.
        """
        known = self._chains.get(der)
        if known is None:
            known = self._build(der)
            if len(self._chains) >= _MOST_CHAINS:
                self._chains.popitem(last=False)
            self._chains[der] = known
        else:
            self._chains.move_to_end(der)
        return known

    def more(self, chain: Chain, lists: Sequence[bytes], answers: Sequence[bytes]) -> Chain:
        """Return a chain that also knows what a file brings of revocation data."""
        links: list[Link] = []
        for link in chain.links:
            brought = [
                known
                for der in lists
                if (known := self._list(der, link.issuer.certificate, link.issuer.key))
            ]
            answered = self._answered(link, answers, brought)
            found = [*link.statuses, *_said(link, brought), *answered]
            links.append(
                Link(link.sha256, link.certificate, link.issuer, link.authority, tuple(found))
            )
        return Chain(chain.key, tuple(links), chain.terms, chain.purposes, chain.objection)

    def accepts(self, how: Scheme, key: Key, at: datetime) -> bool:
        """Say whether the policy accepts a signature by this key at this time."""
        return all(
            term.ends is not None and at < term.ends
            for term in (*terms(self.policy, how), key_term(self.policy, key))
        )

    def _read(self, authority: Authority, lists: Sequence[bytes]) -> Issuer | None:
        try:
            certificate = x509.load_der_x509_certificate(authority.der)
            _ = certificate.extensions
            key = key_of(certificate)
            signed = () if authority.anchor else _terms(self.policy, certificate)
        except (*UNFIT, Refused):
            return None
        own = tuple(known for der in lists if (known := self._list(der, certificate, key)))
        return Issuer(
            listed=authority,
            sha256=digest(authority.der),
            certificate=certificate,
            key=key,
            terms=(key_term(self.policy, key), *signed),
            own=own,
            lists=own,
            oldest=timedelta(hours=self.policy.page.revocation.fresh.oldest_hours.leaf),
        )

    def _list(self, der: bytes, issuer: x509.Certificate, key: Key) -> RevocationList | None:
        try:
            return RevocationList.read(der, issuer, key, self.accepts)
        except Unusable:
            return None

    def _answered(
        self, link: Link, answers: Sequence[bytes], brought: Sequence[RevocationList] = ()
    ) -> list[Status]:
        found: list[Status] = []
        issuer = link.issuer.answering
        if brought:
            issuer = replace(issuer, lists=(*issuer.lists, *brought))
        for der in answers:
            try:
                said = answer(der, link.certificate, issuer, self.accepts)
            except Unusable:
                continue
            if said is not None:
                found.append(said)
        return found

    def _build(self, der: bytes) -> tuple[Chain, ...]:
        try:
            certificate = x509.load_der_x509_certificate(der)
            _ = certificate.extensions
        except UNREAD:
            raise refused(
                "FORMAT_FAILURE", "format.cms", UNREADABLE, "the certificate cannot be read"
            ) from None
        key = key_of(certificate)
        ways = list(islice(self._ways(certificate, ()), self.policy.page.chain.path.most_ways))
        if not ways:
            objection = Objection(
                "NO_CERTIFICATE_CHAIN_FOUND", "chain.listed", UNTRUSTED, "no listed authority"
            )
            return (Chain(key, (), (), frozenset(), objection),)
        found = [self._along(der, certificate, key, issuers) for issuers in ways]
        return tuple(sorted(found, key=lambda one: one.objection is not None))

    def _along(
        self, der: bytes, certificate: x509.Certificate, key: Key, issuers: Sequence[Issuer]
    ) -> Chain:
        used = [term for issuer in issuers for term in issuer.terms]
        found = flaw(der, [issuer.listed.der for issuer in issuers])
        objection = (
            Objection("CERTIFICATE_CHAIN_GENERAL_FAILURE", "chain.path", UNTRUSTED, found)
            if found
            else None
        )
        return Chain(
            key=key,
            links=tuple(self._links(certificate, issuers)),
            terms=(*_terms(self.policy, certificate), *used),
            purposes=frozenset(issuers[0].listed.purposes),
            objection=objection,
        )

    def _ways(
        self, below: x509.Certificate, so_far: tuple[Issuer, ...]
    ) -> Iterator[tuple[Issuer, ...]]:
        """Yield the ways of listed authorities from the issuer to an anchor."""
        for issuer in self._issuers_of(below):
            way = (*so_far, issuer)
            if issuer.listed.anchor:
                yield way
            elif issuer not in so_far and len(way) < self.policy.page.chain.path.longest:
                yield from self._ways(issuer.certificate, way)

    def _issuers_of(self, below: x509.Certificate) -> Iterator[Issuer]:
        for issuer in self._by_name.get(below.issuer.public_bytes(), []):
            try:
                if has_issued(issuer, below):
                    yield issuer
            except (*UNFIT, Refused):
                continue

    def _links(self, certificate: x509.Certificate, issuers: Sequence[Issuer]) -> list[Link]:
        links: list[Link] = []
        below = certificate
        for place, issuer in enumerate(issuers):
            bare = Link(digest(_der(below)), below, issuer, place > 0, ())
            found = [*_said(bare, issuer.lists), *self._answered(bare, self._answers)]
            links.append(Link(bare.sha256, below, issuer, bare.authority, tuple(found)))
            below = issuer.certificate
        return links


def _said(link: Link, lists: Sequence[RevocationList]) -> list[Status]:
    found: list[Status] = []
    for known in lists:
        try:
            said = known.says(link.certificate)
        except Unusable:
            continue
        if said is not None:
            found.append(said)
    return found


def _terms(policy: Policy, certificate: x509.Certificate) -> tuple[Term, ...]:
    return terms(policy, certificate_scheme(certificate))


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
