"""Who calls: RFC 9068 tokens verified in every service, with scope, membership and standing."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import aiohttp
import structlog
from fastapi import Request

from shared import agencies
from shared.agencies import KnownAgency, KnownClient
from shared.db import Connection, Database
from shared.errors import Problem, Unavailable
from shared.ids import AgencyId
from shared.internal import DEADLINE, internal_audience
from shared.jwks import IssuerKeys
from shared.settings import ServiceSettings
from shared.tokens import EXTERNAL_LIFETIME, MAX_LIFETIME, Refused, Token, verify

INTERNAL = "internal"
"""The scope of the services' own tokens; it goes with an audience of its own."""
STANDING_SECONDS = 2.0
"""How long a verified token and its standing are believed without looking again."""
_REMEMBERED = 4096
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ActingAgency:
    """An agency that a token names, as the directory's projection knows it."""

    id: AgencyId
    code: str
    level: str


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated client and the agencies it acts for in this request."""

    client_id: str
    scopes: frozenset[str]
    issued_at: datetime
    expires_at: datetime
    agencies: tuple[ActingAgency, ...]
    """Active agencies of the token; only the named one under `On-Behalf-Of`."""
    visible: tuple[AgencyId, ...]
    """Whose rows it may see: `agencies` plus the closed ones they succeed."""

    def agency(self) -> ActingAgency:
        """Return the one agency that acts. Raises Problem AUT-4001 when there are several."""
        if not self.agencies:
            raise Problem(
                "AUT-4031",
                vi="Mã truy cập không có cơ quan nào đang hoạt động.",
                en="The token names no active agency.",
            )
        first, *others = self.agencies
        if others:
            raise Problem("AUT-4001")
        return first


@dataclass(frozen=True, slots=True)
class Standing:
    """What a token is worth now: its claims cut down to what still holds."""

    token: Token
    scopes: frozenset[str]
    named: bool
    """Whether it is for any agency at all."""
    active: tuple[KnownAgency, ...]
    closed: tuple[KnownAgency, ...]
    until: float


class Guard:
    """Verifies tokens for one service; on `app.state.guard`."""

    def __init__(self, keys: IssuerKeys, db: Database, settings: ServiceSettings) -> None:
        """Use the issuer's keys and this service's projection; `open` makes the first."""
        self._keys, self._db, self._settings = keys, db, settings
        self._seen: OrderedDict[bytes, Standing] = OrderedDict()

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: ServiceSettings, db: Database) -> "AsyncGenerator[Guard]":
        """Open the guard for the length of a `with`."""
        async with aiohttp.ClientSession(timeout=DEADLINE) as session:
            keys = IssuerKeys(session, issuer=settings.issuer, metadata=settings.issuer_metadata)
            yield cls(keys, db, settings)

    async def admit(self, request: Request, scopes: Sequence[str]) -> Caller:
        """Return who calls, if it may. Raises Problem AUT-4011, AUT-4031, AUT-4001, Unavailable."""
        standing = await self.authenticate(request, internal=INTERNAL in scopes)
        return caller_of(standing, request, scopes)

    async def authenticate(self, request: Request, *, internal: bool = False) -> Standing:
        """Return what the request's token is worth now. Raises AUT-4011 with one body."""
        try:
            compact = _bearer(request)
            digest = hashlib.sha256(compact.encode()).digest()
            standing = self._seen.get(digest)
            if standing is None or time.monotonic() >= standing.until:
                standing = await self._judge(compact)
                self._remember(digest, standing)
            expected = self._settings.audience
            if internal:
                expected = internal_audience(self._settings.service)
            _still_good(standing.token, expected)
        except Refused as refused:
            _log.info("token refused", cause=str(refused))
            raise Problem("AUT-4011") from None
        return standing

    async def look_again(self, standing: Standing) -> Standing:
        """Return what a token that was good is worth now, even if it has run out since.

        Raises Problem AUT-4011 when its client is revoked or its tokens are, Unavailable.
        """
        try:
            return await self._db.look(lambda conn: _stand(conn, standing.token))
        except Refused as refused:
            _log.info("token refused", cause=str(refused))
            raise Problem("AUT-4011") from None

    def _remember(self, digest: bytes, standing: Standing) -> None:
        now = time.monotonic()
        # The oldest come first; those of a token for all agencies are large, and soon of no use.
        while self._seen and next(iter(self._seen.values())).until <= now:
            self._seen.popitem(last=False)
        self._seen[digest] = standing
        self._seen.move_to_end(digest)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    async def _judge(self, compact: str) -> Standing:
        longest = EXTERNAL_LIFETIME if self._settings.external_issuer else MAX_LIFETIME
        token = await verify(
            compact, self._keys, issuer=self._settings.issuer, now=time.time(), longest=longest
        )
        return await self._db.look(lambda conn: _stand(conn, token))


async def _stand(conn: Connection, token: Token) -> Standing:
    client = _current(await agencies.client(conn, token.client_id), token)
    asked = sorted(client.agencies) if token.agencies is None else token.agencies
    known = await agencies.find(conn, asked)
    version = await agencies.directory_version(conn)
    behind = version == 0 or version < (token.directory_version or 0)
    if behind and any(code not in known for code in asked):
        raise Unavailable("the directory's projection")
    named = {known[c].id: known[c] for c in asked if c in client.agencies and c in known}
    active = tuple(agency for agency in named.values() if agency.state == "active")
    closed = await agencies.closed_into(conn, [agency.id for agency in active])
    return Standing(
        token=token,
        scopes=token.scopes & client.scopes,
        named=bool(asked),
        active=active,
        closed=tuple(closed.values()),
        until=time.monotonic() + STANDING_SECONDS,
    )


def _current(client: KnownClient | None, token: Token) -> KnownClient:
    """Return the client if it may act with this token; a token newer than we are is no fault."""
    newest = -1 if client is None else client.version
    if token.client_version is not None and token.client_version > newest:
        raise Unavailable("the clients' projection")
    if client is None or not client.active:
        raise Refused("client")
    if token.issued_at < client.not_before.replace(microsecond=0):
        raise Refused("issued before the client's not_before")
    return client


def _still_good(token: Token, audience: str) -> None:
    if token.expires_at.timestamp() <= time.time():
        raise Refused("exp")
    if audience not in token.audience:
        raise Refused("aud")


def _bearer(request: Request) -> str:
    values = request.headers.getlist("authorization")
    if len(values) != 1:
        raise Refused("one Authorization header")
    scheme, _, compact = values[0].partition(" ")
    if scheme.lower() != "bearer":
        raise Refused("scheme")
    return compact


def caller_of(standing: Standing, request: Request, scopes: Sequence[str]) -> Caller:
    """Return for whom a request acts. Raises Problem AUT-4031."""
    if scopes and not standing.scopes.intersection(scopes):
        raise Problem("AUT-4031", required_scope=" ".join(scopes))
    active, closed = standing.active, standing.closed
    if standing.named and not active:
        raise Problem(
            "AUT-4031",
            vi="Không cơ quan nào trong mã truy cập đang hoạt động.",
            en="No agency of the token is active.",
        )
    asked = request.headers.getlist("on-behalf-of")
    if asked:
        active = tuple(
            agency for agency in active if asked[0] in (agency.code, *agency.other_codes)
        )
        if len(asked) > 1 or len(active) != 1:
            raise Problem(
                "AUT-4031",
                vi="On-Behalf-Of phải là một cơ quan có trong mã truy cập.",
                en="On-Behalf-Of must be one agency that the token names.",
            )
        closed = tuple(agency for agency in closed if agency.id in _into(active[0].id, closed))
    return Caller(
        client_id=standing.token.client_id,
        scopes=standing.scopes,
        issued_at=standing.token.issued_at,
        expires_at=standing.token.expires_at,
        agencies=tuple(ActingAgency(agency.id, agency.code, agency.level) for agency in active),
        # Each once: one may have been closed between the two looks.
        visible=tuple(dict.fromkeys(agency.id for agency in (*active, *closed))),
    )


def _into(successor: AgencyId, closed: Sequence[KnownAgency]) -> set[AgencyId]:
    """Return which of these closed agencies ended, at last, in this one."""
    reached = {successor}
    while grown := {a.id for a in closed if reached.intersection(a.successors)} - reached:
        reached |= grown
    return reached


class Scoped:
    """A FastAPI dependency: `Annotated[Caller, Depends(Scoped("documents.send"))]`.

    Any one of the scopes is enough; none named: any valid token. Raises Problem AUT-4011 with one
    body for every cause, AUT-4031, Unavailable while the projection is older than the token.
    """

    def __init__(self, *scopes: str) -> None:
        """Name the scopes; they also become the route's `security` in the OpenAPI document."""
        self.scopes = scopes

    async def __call__(self, request: Request) -> Caller:
        """Authenticate and authorise this request."""
        guard: Guard = request.app.state.guard
        return await guard.admit(request, self.scopes)
