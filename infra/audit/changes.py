"""The trust list's changes: what stands in the database against what signing laid beside it."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from infra.audit.cogroup import Case
from infra.audit.finding import Books, Finding, Row, differing
from infra.audit.site import CHANGES

_TYPE = "lienthong-trust-changes+jwt"
_ALGORITHMS = ["ES256", "ES384", "ES512", "RS256"]


class _Unsigned(Exception):  # noqa: N818 (what the file is)
    """The file is not the issuing CA's; the text says why."""


async def laid(
    content: bytes | None, folder: Path, root: x509.Certificate, books: Books
) -> AsyncGenerator[Row]:
    """Yield the changes that signing has laid; what is wrong with the file is noted."""
    if content is None:
        books.note([Finding(CHANGES, "is missing", passing=True)])
        return
    try:
        rows = await asyncio.to_thread(_read, content, folder, root)
    except (OSError, ValueError, TypeError, LookupError, InvalidSignature, _Unsigned) as why:
        said = str(why) or type(why).__name__
        books.note([Finding(CHANGES, f"is not the issuing CA's: {said}")])
        return
    for row in rows:
        yield {"version": row["version"], "content": row}


def _read(content: bytes, folder: Path, root: x509.Certificate) -> list[dict[str, Any]]:
    text = content.decode("ascii")
    issuing = x509.load_pem_x509_certificate((folder / "issuing.pem").read_bytes())
    issuing.verify_directly_issued_by(root)
    key = issuing.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise _Unsigned("a key of another kind")
    try:
        if jwt.get_unverified_header(text).get("typ") != _TYPE:
            raise _Unsigned("a statement of another kind")
        return list(jwt.decode(text, key, algorithms=_ALGORITHMS)["changes"])
    except jwt.PyJWTError as error:
        raise _Unsigned(type(error).__name__) from None


def check_change(key: tuple[int], case: Case, books: Books) -> Iterator[Finding]:
    """Yield what is wrong with one version of the trust list."""
    where = f"trust list, change {key[0]}"
    books.counted["changes"] += 1
    # It is laid within seconds of its approval.
    if not case["laid"]:
        yield Finding(where, f"does not lie in {CHANGES}", passing=True)
        return
    if not case["change"]:
        yield Finding(where, "was decided, and is not in the database")
        return
    decided, found = _moments(case["laid"][0]["content"]), _moments(case["change"][0]["content"])
    here = {name: found.get(name) for name in decided}
    yield from differing(where, f"against {CHANGES}", decided, here, sorted(decided))


def _moments(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose times are moments, in whatever zone they were written."""
    return {
        name: datetime.fromisoformat(value) if name.endswith("_at") and value else value
        for name, value in row.items()
    }
