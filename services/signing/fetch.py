"""Fetches revocation lists and OCSP answers of the trust list's authorities, ahead of their end."""

import random
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import cast

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from services.signing import download
from services.signing.bench import Bench, Unfit
from services.signing.download import NotFetched, Source
from services.signing.due import Dated, Refused, is_newer, next_fetch, pause_after
from services.signing.heed import apply_answer
from services.signing.pipe import AnswerFacts, ListFacts, Reading
from services.signing.store import answers, fetches, lists, trust
from services.signing.store.answers import Question
from services.signing.store.lists import Published
from services.signing.trustlist import OWN, Entry, in_force
from shared.db import Connection, clock
from shared.errors import Unavailable

_LEASE = timedelta(seconds=90)
"""Longer than fetching and reading take at most; who dies meanwhile leaves the rest of it."""
_CLOCKS_APART = timedelta(minutes=5)
_KEPT = 20
_NONCE_BYTES = 16
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


async def fetch(bench: Bench) -> bool:
    """Fetch a list or an answer that is due; False when none is. No two processes fetch the same.

    Addresses come from the trust list alone, never from a certificate or a file.
    """
    db = bench.db
    if not await db.look(fetches.any_due):
        return False
    trusted = in_force((await db.look(trust.current)).entries)
    claimed = await db.as_worker(partial(fetches.claim, lease=_LEASE))
    if claimed is not None:
        name, failures = claimed
        entry = trusted.get(name)
        if entry is None or name in OWN or not entry.terms.crl:
            await db.as_worker(partial(fetches.plan, name=name, wanted=False))
        else:
            await _fetch_list(bench, entry, failures)
        return True
    return await _ask_due(bench, trusted)


async def _fetch_list(bench: Bench, entry: Entry, failures: int) -> None:
    source = _source(entry, entry.terms.crl, failures)
    try:
        der = await download.get(source)
        facts = cast("ListFacts", await bench.read(Reading("list", der, authority=entry.name)))
        _check_scope(entry, facts)
        found = _Fetched(entry.name, der, facts)
        newer = await bench.db.as_worker(lambda conn: _keep(conn, found))
    except (NotFetched, Unfit, Refused, Unavailable) as why:
        pause = pause_after(failures, chance=random.random())  # noqa: S311 (only spreads)
        _log.warning("revocation list not taken", authority=entry.name, cause=str(why))
        note = partial(fetches.went_wrong, name=entry.name, why=str(why), pause=pause)
        await bench.db.as_worker(note)
        return
    _log.info("revocation list fetched", authority=entry.name, number=facts.number, newer=newer)


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


def _source(entry: Entry, addresses: tuple[str, ...], failures: int) -> Source:
    """Return the address to try: after a failure the next one."""
    return Source(addresses[failures % len(addresses)], entry.terms.private_addresses)


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


async def _ask_due(bench: Bench, trusted: dict[str, Entry]) -> bool:
    """Ask for the state of one certificate that is due."""
    asked = [name for name, one in trusted.items() if one.is_asked and name not in OWN]
    question = await bench.db.as_worker(lambda conn: answers.claim(conn, asked, lease=_LEASE))
    if question is None:
        await bench.db.as_worker(lambda conn: answers.put_off(conn, asked))
        return False
    await _ask(bench, trusted[question.authority], question)
    return True


async def _ask(bench: Bench, entry: Entry, question: Question) -> None:
    source = _source(entry, entry.terms.ocsp, question.failures)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    try:
        der = await download.post(
            source, _request(question, entry, nonce), "application/ocsp-request"
        )
        reading = Reading(
            "answer", der, authority=entry.name, certificate=question.der, nonce=nonce
        )
        facts = cast("AnswerFacts", await bench.read(reading))
        await bench.db.as_worker(lambda conn: _keep_answer(conn, question, der, facts))
    except (NotFetched, Unfit, Refused, Unavailable) as why:
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
    held = await answers.held(conn, question.certificate)
    now = await clock(conn)
    found = Dated(int(facts.this_update.timestamp()), facts.this_update, facts.next_update)
    if is_newer(held, found, now=now, apart=_CLOCKS_APART):
        await answers.keep(conn, question.certificate, der, found)
        await apply_answer(conn, question.certificate, facts)
    await answers.went_well(conn, question.certificate, again_at=_again(now, found))
