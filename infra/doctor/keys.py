"""Certificates, revocation lists and token keys: how long they last, and who knows them."""

import asyncio
import datetime as dt
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography import x509

from infra.doctor.finding import Finding, Findings, Seen, doubt, fault
from infra.doctor.site import CannotLook, Site
from infra.pki import registry

_AUTHORITIES = ("root", "issuing")
_PROTOCOL = ("gateway", "notify")
_BROKERS_COPY = "kafka-jwks.json"


async def certificates(site: Site) -> Seen:
    """The authorities', the exchange's own, and those of leaders and organisations."""
    return await asyncio.to_thread(_certificates, site)


def _certificates(site: Site) -> Seen:
    folder = site.folder.path / "pki"
    findings: Findings = []
    ends: list[dt.datetime] = []
    for name, certificate, renew in (*_authorities(folder), *_protocol(site, folder)):
        ends.append(certificate.not_valid_after_utc)
        findings.extend(_lasts(site, name, certificate, renew))
    holders, odd = _holders(site, folder)
    soonest = min(ends) - _now()
    said = f"{len(ends)} of the exchange (the first ends in {soonest.days} d), {holders} of holders"
    return Seen(said, (*findings, *odd))


def _authorities(folder: Path) -> Iterable[tuple[str, x509.Certificate, str]]:
    for name in _AUTHORITIES:
        path = folder / f"{name}.pem"
        if not path.exists():
            raise CannotLook(f"{path} is missing", "the folder's PKI is incomplete: make up")
        renew = "have the CA renewed; every certificate below it ends with it (docs/operators.md)"
        yield f"the {name} CA", x509.load_pem_x509_certificate(path.read_bytes()), renew


def _protocol(site: Site, folder: Path) -> Iterable[tuple[str, x509.Certificate, str]]:
    """Yield the protocol key of each service that lasts longest: the older ones are left to end."""
    for service in _PROTOCOL:
        found = [
            x509.load_pem_x509_certificates(path.read_bytes())[0]
            for path in (folder / service).glob("*.pem")
        ]
        if not found:
            raise CannotLook(f"{folder / service} holds no key", site.make("up"))
        renew = f"{_pki(site)} rotate {service}"
        yield f"{service}'s key", max(found, key=lambda one: one.not_valid_after_utc), renew


def _pki(site: Site) -> str:
    return f"{site.folder.hint('')} .venv/bin/python -m infra.pki".strip()


def _lasts(site: Site, name: str, certificate: x509.Certificate, renew: str) -> Iterable[Finding]:
    left = certificate.not_valid_after_utc - _now()
    if left <= dt.timedelta(0):
        yield fault(f"{name} ended on {certificate.not_valid_after_utc:%Y-%m-%d}", renew)
    elif left < dt.timedelta(days=site.limits.expiry_days):
        yield doubt(f"{name} ends in {left.days} d", renew)
    if certificate.not_valid_before_utc > _now():
        yield fault(f"{name} is valid only from {certificate.not_valid_before_utc:%Y-%m-%d}", renew)


def _holders(site: Site, folder: Path) -> tuple[int, Findings]:
    """Look at the newest certificate of every leader and seal, all in one finding."""
    newest: dict[tuple[str | None, str], dt.datetime] = {}
    for row in registry.read(folder):
        if row.kind != "protocol":
            ends = x509.load_pem_x509_certificate(row.pem.encode()).not_valid_after_utc
            newest[row.agency, row.kind] = ends  # rows are in the order in which they were made
    soon = _now() + dt.timedelta(days=site.limits.expiry_days)
    late = sorted(f"{agency} {kind}" for (agency, kind), ends in newest.items() if ends < soon)
    if not late:
        return len(newest), []
    text = f"{len(late)} holders' certificates end within {site.limits.expiry_days} d: {late[0]}, …"
    return len(newest), [doubt(text, f"tell them; here: {_pki(site)} issue {late[0]}")]


async def revocation_lists(site: Site) -> Seen:
    """Both lists are served, signed by their CA, and last: without them nothing is cleared."""
    findings: Findings = []
    facts: list[str] = []
    for name in _AUTHORITIES:
        authority = site.folder.path / "pki" / f"{name}.pem"
        url = f"{site.address('signing')}/pki/{name}/crl"
        status, der, _ = await site.get(url, who="signing")
        try:
            known = x509.load_der_x509_crl(der)
            key = x509.load_pem_x509_certificate(authority.read_bytes()).public_key()
            signed = known.is_signature_valid(key)  # pyright: ignore[reportArgumentType] (EC here)
        except (ValueError, TypeError, OSError) as error:
            hint = f"{site.make('logs P=signing')}: {error}"
            findings.append(fault(f"{url} gives no list ({status})", hint))
            continue
        if not signed:
            findings.append(fault(f"the {name} CA's list is not signed by it", _renew(site, name)))
        facts.append(f"{name}: {_left(known).total_seconds() / 3600:.0f} h left")
        findings.extend(_list_lasts(site, name, known))
    return Seen(", ".join(facts), tuple(findings))


def _list_lasts(site: Site, name: str, known: x509.CertificateRevocationList) -> Iterable[Finding]:
    left, ends = _left(known), f"{known.next_update_utc:%Y-%m-%d %H:%M}"
    if left <= dt.timedelta(0):
        text = f"the {name} CA's list ended on {ends}: no signature can be judged"
        yield fault(text, _renew(site, name))
    elif left < dt.timedelta(hours=site.limits.list_hours):
        yield doubt(f"the {name} CA's list ends on {ends}", _renew(site, name))


def _left(known: x509.CertificateRevocationList) -> dt.timedelta:
    return (known.next_update_utc or known.last_update_utc) - _now()


def _renew(site: Site, name: str) -> str:
    if name == "issuing":
        return f"signing makes it anew by itself: {site.make('logs P=signing')} says why not"
    return f"the root's holder signs one: {site.make('up')} does here, signing takes it over"


async def jwks(site: Site) -> Seen:
    """The gateway publishes the keys it signs tokens with, and Kafka knows the same."""
    _, body, _ = await site.get(f"{site.address('gateway')}/.well-known/jwks.json", who="gateway")
    try:
        kids = [key["kid"] for key in json.loads(body)["keys"]]
    except (ValueError, KeyError, TypeError) as error:
        raise CannotLook(f"the gateway's key set cannot be read: {error!r}", "") from error
    held = {path.stem for path in (site.folder.path / "pki" / "gateway").glob("*.pem")}
    findings: Findings = []
    logs = f"{site.make('logs P=gateway')}; it looks into its folder every few seconds"
    if not kids or len(set(kids)) != len(kids):
        findings.append(fault(f"{len(kids)} keys, {len(set(kids))} of them different", logs))
    if missing := held - set(kids):
        findings.append(doubt(f"not published yet: {', '.join(sorted(missing))}", logs))
    if not held & set(kids):
        findings.append(fault("no published key is one that the gateway holds", logs))
    findings.extend(_brokers(site, set(kids)))
    return Seen(f"{len(kids)} published", tuple(findings))


def _brokers(site: Site, kids: set[Any]) -> Iterable[Finding]:
    """Compare with the copy that the provisioner keeps for the broker."""
    known = site.folder.read(_BROKERS_COPY)
    keys: Any = known.get("keys")
    if "kafka_oauth" not in site.ports or not isinstance(keys, list):
        return
    copied = {key.get("kid") for key in keys if isinstance(key, dict)}  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] (JSON has no types)
    if copied != kids:
        hint = f"{site.make('start P=provisioner')}; {site.make('logs P=provisioner')}"
        yield fault("Kafka knows other token keys than the gateway publishes", hint)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
