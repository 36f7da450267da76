"""Idempotency-Key: the first answer of a request is the answer of all its repetitions."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import asyncpg
import orjson
import structlog
from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from shared.db import Connection, Database
from shared.errors import Fault, Problem, Unavailable
from shared.identity import Caller
from shared.process import Task

KEPT_DAYS = 30
_LONGEST_KEY = 255
_LONGEST_PATH = 1000
_NOBODY = UUID(int=0)
_KEPT_HEADERS = ("content-type", "location", "etag")
_SWEEP_SECONDS = 3600.0
_SWEPT_AT_ONCE = 5000
_log = structlog.get_logger()


def digest_of(asked: object) -> bytes:
    """Return the SHA-256 of what was asked, parsed JSON or a model, in whatever order it stood."""
    value = asked.model_dump(mode="json") if isinstance(asked, BaseModel) else asked
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest()


class _Undone(Exception):  # noqa: N818
    """Carries an answer that is not kept out of the transaction that must not stay."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


Step = Callable[[Connection], Awaitable[Response]]
"""What a request does in its transaction."""


def once(request: Request, caller: Caller, *, digest: bytes, work: Step) -> Step:
    """Return `work` as done once per (client, acting agency, method, path, key).

    It stores a 2xx answer in the request's transaction. `digest` is SHA-256 of what was asked
    (parsed JSON, each part's name and SHA-256); the query is added here. A twin waits for the
    first, then gets its answer. An answer other than 2xx undoes what `work` has written and leaves
    the key free.
    Raises Problem REQ-4002 without a key; the step REQ-4222 for another digest, REQ-4091 past the
    wait.
    """
    agency = caller.agency().id if caller.agencies else _NOBODY
    place = (caller.client_id, agency, request.method, request.url.path, _key(request))
    asked = hashlib.sha256(digest + request.scope["query_string"]).digest()

    async def step(conn: Connection) -> Response:
        try:
            async with conn.transaction():
                if not await _begin(conn, place, asked):
                    return await _replay(conn, place, asked)
                response = await work(conn)
                _require_success(response)
                await _finish(conn, place, response)
        except _Undone as undone:
            return undone.response
        return response

    return step


def _require_success(response: Response) -> None:
    if not 200 <= response.status_code < 300:  # noqa: PLR2004 (2xx)
        raise _Undone(response)


def _key(request: Request) -> str:
    keys = request.headers.getlist("idempotency-key")
    if not keys or not keys[0]:
        raise Problem("REQ-4002")
    (key, *more) = keys
    if more or len(key) > _LONGEST_KEY or not (key.isascii() and key.isprintable()):
        fault = Fault(
            "/Idempotency-Key",
            f"Một lần, không quá {_LONGEST_KEY} ký tự ASCII in được.",
            f"Once, at most {_LONGEST_KEY} printable ASCII characters.",
            "header",
        )
        raise Problem("REQ-4003", faults=[fault])
    return key


_Place = tuple[str, UUID, str, str, str]


def _bounded(place: _Place) -> _Place:
    """Return what a primary key can hold (2,704 bytes): of a path longer than ours its digest."""
    client_id, agency, method, path, key = place
    if len(path.encode()) > _LONGEST_PATH:
        path = f"sha256:{hashlib.sha256(path.encode()).hexdigest()}"
    return client_id, agency, method, path, key


async def _begin(conn: Connection, place: _Place, digest: bytes) -> bool:
    # A twin waits here for the first one's transaction (its lock_timeout bounds the wait), then
    # meets the row. A row past its time is taken over as if it had never been.
    try:
        began = await conn.fetchval(
            "insert into idempotency (client_id, agency, method, path, key, digest)"
            " values ($1, $2, $3, $4, $5, $6)"
            " on conflict (client_id, agency, method, path, key) do update"
            " set digest = $6, status = null, headers = null, body = null,"
            " created_at = clock_timestamp()"
            " where idempotency.created_at < clock_timestamp() - make_interval(days => $7)"
            " returning true",
            *_bounded(place),
            digest,
            KEPT_DAYS,
        )
    except asyncpg.LockNotAvailableError:
        raise Problem("REQ-4091", retry_after=1) from None
    return began is True


async def _replay(conn: Connection, place: _Place, digest: bytes) -> Response:
    row = await conn.fetchrow(
        "select digest, status, headers, body from idempotency where client_id = $1"
        " and agency = $2 and method = $3 and path = $4 and key = $5",
        *_bounded(place),
    )
    if row is None or row["status"] is None:
        raise Problem("REQ-4091", retry_after=1)
    if row["digest"] != digest:
        raise Problem("REQ-4222")
    return Response(row["body"], row["status"], row["headers"])


async def _finish(conn: Connection, place: _Place, response: Response) -> None:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    await conn.execute(
        "update idempotency set status = $6, headers = $7, body = $8 where client_id = $1"
        " and agency = $2 and method = $3 and path = $4 and key = $5",
        *_bounded(place),
        response.status_code,
        headers,
        bytes(response.body),
    )


async def forget(conn: Connection) -> bool:
    """Delete some answers past their 30 days (role `worker`); True: more may be left."""
    # The time is asked twice: a row that is taken over meanwhile is young again.
    done = await conn.execute(
        "delete from idempotency where ctid = any(array(select ctid from idempotency"
        " where created_at < now() - make_interval(days => $1) order by created_at limit $2))"
        " and created_at < now() - make_interval(days => $1)",
        KEPT_DAYS,
        _SWEPT_AT_ONCE,
    )
    return int(done.split()[-1]) == _SWEPT_AT_ONCE


def sweep(db: Database) -> Task:
    """Return the task that deletes answers past their 30 days, once an hour."""

    async def task(stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                while await db.as_worker(forget) and not stop.is_set():
                    pass
            except Unavailable as error:
                _log.info("old answers not swept", cause=error.en)
            with suppress(TimeoutError):
                async with asyncio.timeout(_SWEEP_SECONDS):
                    await stop.wait()

    return task
