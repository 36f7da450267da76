"""Fetches revocation lists and OCSP answers of the trust list's authorities, ahead of their end."""

import random
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias, cast

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from services.signing import download, sources
from services.signing.bench import Bench, Unfit
from services.signing.download import NotFetched, Source
from services.signing.due import (
    LONGEST_PAUSE,
    Dated,
    Refused,
    host_of,
    is_newer,
    next_fetch,
    pause_after,
)
from services.signing.heed import apply_answer
from services.signing.hosts import Hosts
from services.signing.pipe import AnswerFacts, Facts, ListFacts, Reading
from services.signing.store import answers, certificates, fetches, lists, trust
from services.signing.store.answers import Question
from services.signing.store.lists import Published
from services.signing.trustlist import OWN, Entry, in_force
from shared.db import Connection, Database, Step, clock
from shared.errors import Unavailable

_LEASE = timedelta(seconds=90)
"""Longer than fetching and reading take at most; who dies meanwhile leaves the rest of it."""
_IN_TURN = timedelta(minutes=4)
"""The same for what has come, and is read after all others that have come meanwhile."""
_CLOCKS_APART = timedelta(minutes=5)
_KEPT = 20
_NONCE_BYTES = 16
_NOT_TAKEN = (NotFetched, Unfit, Refused)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A revocation list as it came, and what a worker read in it."""

    name: str
    der: bytes
    facts: ListFacts

    @property
    def dated(self) -> Dated:
        return Dated(self.facts.number, self.facts.this_update, self.facts.next_update)


@dataclass(frozen=True, slots=True)
class _List:
    """A list that is claimed to be fetched."""

    entry: Entry
    failures: int
    address: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question that is claimed to be asked."""

    entry: Entry
    question: Question
    address: str


_Due: TypeAlias = _List | _Asked


async def fetch(bench: Bench, hosts: Hosts) -> bool:
    """Fetch a list or an answer that is due; False when none is. No two processes fetch the same.

    Addresses come from the trust list alone, never from a certificate or a file. What is of a host
    that this process is asking waits: one that hangs holds up what is fetched from it.
    """
    db = bench.db
    if not await db.look(fetches.any_due):
        return False
    async with hosts.one(partial(_choose, db, hosts)) as due:
        if isinstance(due, _List):
            await _fetch_list(bench, hosts, due)
        elif due is not None:
            await _ask(bench, hosts, due)
    return due is not None


async def _choose(db: Database, hosts: Hosts, busy: Collection[str]) -> _Due | None:
    """Claim something that is to be fetched from none of these hosts."""
    trusted = await db.look(_trusted)
    waiting = [
        name
        for name, one in trusted.items()
        if one.terms.crl and host_of(hosts.address(one.terms.crl)) in busy
    ]
    claim = partial(fetches.claim, lease=_LEASE, without=waiting)
    while (claimed := await db.as_worker(claim)) is not None:
        name, failures = claimed
        entry = _fetched_as((await db.look(_trusted)).get(name))
        if entry is not None:
            return _List(entry, failures, hosts.address(entry.terms.crl))
        await db.as_worker(partial(_leave, name=name))
    return await _choose_question(db, hosts, trusted, busy)


async def _trusted(conn: Connection) -> dict[str, Entry]:
    return in_force((await trust.current(conn)).entries)


def _fetched_as(entry: Entry | None) -> Entry | None:
    """Return an entry if its authority's list is fetched: our own are not."""
    return entry if entry and entry.name not in OWN and entry.terms.crl else None


async def _leave(conn: Connection, name: str) -> None:
    """Fetch an authority's list no more, unless that has been decided meanwhile."""
    await fetches.hold(conn, name)  # who decides it plans it: before this, or behind it
    if _fetched_as((await _trusted(conn)).get(name)) is None:
        await fetches.plan(conn, name, wanted=False)


async def _choose_question(
    db: Database, hosts: Hosts, trusted: Mapping[str, Entry], busy: Collection[str]
) -> _Asked | None:
    listed = [one.authority() for name, one in trusted.items() if name not in OWN]
    missed = await db.look(lambda conn: sources.missed(conn, listed))
    asked = sources.asked(listed, missed)
    addresses = {name: hosts.address(trusted[name].terms.ocsp) for name in asked}
    free = [name for name, address in addresses.items() if host_of(address) not in busy]
    question = await db.as_worker(lambda conn: answers.claim(conn, free, lease=_LEASE))
    if question is None:
        both = [one.name for one in listed if one.ocsp and one.crl]
        end = partial(answers.put_off, authorities=asked, listed=both, pause=LONGEST_PAUSE)
        await db.as_worker(end)
        return None
    return _Asked(trusted[question.authority], question, addresses[question.authority])


async def _fetch_list(bench: Bench, hosts: Hosts, due: _List) -> None:
    entry, failures = due.entry, due.failures
    try:
        der = await download.get(Source(due.address, entry.terms.private_addresses))
        longer = partial(fetches.renew, name=entry.name, lease=_IN_TURN)
        reading = Reading("list", der, authority=entry.name)
        facts = cast("ListFacts", await _read(bench, hosts, reading, longer))
        _check_scope(entry, facts)
        found = _Fetched(entry.name, der, facts)
        newer = await bench.db.as_worker(lambda conn: _keep(conn, found))
    except (*_NOT_TAKEN, Unavailable) as why:
        if isinstance(why, _NOT_TAKEN):
            hosts.failed(entry.terms.crl, due.address)
        pause = pause_after(failures, chance=random.random())  # noqa: S311 (only spreads)
        _log.warning("revocation list not taken", authority=entry.name, cause=str(why))
        note = partial(fetches.went_wrong, name=entry.name, why=str(why), pause=pause)
        await bench.db.as_worker(note)
        return
    _log.info("revocation list fetched", authority=entry.name, number=facts.number, newer=newer)


async def _read(bench: Bench, hosts: Hosts, reading: Reading, longer: Step[None]) -> Facts:
    """Have a worker read what came, after what came before; who waits for that holds its claim."""
    if hosts.reading.locked():
        await bench.db.as_worker(longer)
    async with hosts.reading:
        return await bench.read(reading)


def _check_scope(entry: Entry, facts: ListFacts) -> None:
    """Check that a list speaks of what its authority is trusted to issue. Raises Refused.

    One of users' certificates alone does where there are signers: with it, authorities below are
    as unknown as without any list (RFC 5280 6.3.3 (b) (2) (ii)), and hold what rests on them.
    """
    signers = set(entry.terms.purposes) - {"authority"}
    if facts.only == "authorities" and signers:
        raise Refused("it speaks of authorities alone, not of whom the list trusts them for")
    if facts.only == "users" and not signers:
        raise Refused("it speaks of users alone, not of authorities")


async def _keep(conn: Connection, found: _Fetched) -> bool:
    """Keep a list that is newer than what is held; say whether it is. Raises Refused."""
    held = await fetches.held(conn, found.name)
    now = await clock(conn)
    newer = is_newer(held, found.dated, now=now, apart=_CLOCKS_APART)
    if newer:
        ends = found.facts.next_update or found.facts.this_update
        published = Published(
            found.name, found.facts.number, found.facts.this_update, ends, found.der
        )
        await lists.insert(conn, published)
        await lists.forget_old(conn, found.name, keep=_KEPT)
    await fetches.went_well(conn, found.name, again_at=_again(now, found.dated))
    return newer


def _again(now: datetime, found: Dated) -> datetime:
    return next_fetch(now, found, chance=random.random())  # noqa: S311 (only spreads)


async def _ask(bench: Bench, hosts: Hosts, due: _Asked) -> None:
    entry, question = due.entry, due.question
    nonce = secrets.token_bytes(_NONCE_BYTES)
    try:
        source = Source(due.address, entry.terms.private_addresses)
        der = await download.post(
            source, _request(question, entry, nonce), "application/ocsp-request"
        )
        reading = Reading(
            "answer", der, authority=entry.name, certificate=question.der, nonce=nonce
        )
        longer = partial(answers.renew, certificate=question.certificate, lease=_IN_TURN)
        facts = cast("AnswerFacts", await _read(bench, hosts, reading, longer))
        await bench.db.as_worker(lambda conn: _keep_answer(conn, question, der, facts))
    except (*_NOT_TAKEN, Unavailable) as why:
        if isinstance(why, _NOT_TAKEN):
            hosts.failed(entry.terms.ocsp, due.address)
        _log.warning("no answer taken", authority=entry.name, cause=str(why))
        await bench.db.as_worker(partial(_note, question=question, why=why))


async def _note(conn: Connection, question: Question, why: Exception) -> None:
    """Note that a question has no answer; whom nobody reaches is left alone for a while."""
    pause = pause_after(question.failures, chance=random.random())  # noqa: S311 (spreads)
    await answers.went_wrong(conn, question.certificate, why=str(why), pause=pause)
    if isinstance(why, NotFetched):
        longer = pause_after(question.worst, chance=random.random())  # noqa: S311 (spreads)
        await answers.rest(conn, question.authority, pause=longer)


def _request(question: Question, entry: Entry, nonce: bytes) -> bytes:
    """Return an OCSP request (RFC 6960 4.1) about a registered certificate of a listed CA."""
    about = x509.load_der_x509_certificate(question.der)
    issuer = x509.load_der_x509_certificate(entry.der)
    builder = ocsp.OCSPRequestBuilder().add_certificate(about, issuer, hashes.SHA1())  # noqa: S303
    builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(serialization.Encoding.DER)


async def _keep_answer(
    conn: Connection, question: Question, der: bytes, facts: AnswerFacts
) -> None:
    """Keep an answer that is newer, with what it says of the certificate. Raises Refused."""
    # In the order of all others: the authority (no list is applied meanwhile), the certificate, and
    # what is held of it.
    await fetches.hold(conn, question.authority)
    await certificates.lock(conn, question.certificate)
    held = await answers.held(conn, question.certificate)
    now = await clock(conn)
    found = Dated(int(facts.this_update.timestamp()), facts.this_update, facts.next_update)
    if is_newer(held, found, now=now, apart=_CLOCKS_APART):
        await answers.keep(conn, question.certificate, der, found)
        await apply_answer(conn, question, facts)
    await answers.went_well(conn, question.certificate, again_at=_again(now, found))
