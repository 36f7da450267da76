"""Token keys: published before they sign, and as long as a token of theirs may be valid."""

import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import jwt

from infra.pki.authority import (
    Addresses,
    Use,
    issue,
    key_pem,
    make_issuing,
    make_root,
    new_key,
    subject,
)
from infra.pki.authority import pem as certificate_pem
from services.gateway.keys import PUBLISHED_AFTER, PUBLISHED_FIRST, Published, choose, read_folder
from shared import jwks
from tests.gateway.door import Door, make_token_key

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def published(**ages: timedelta) -> list[Published]:
    return [Published(kid, {}, NOW - age) for kid, age in ages.items()]


def test_the_newest_key_that_everyone_can_know_signs(tmp_path: Path):
    for kid in ("a", "b", "c"):
        make_token_key(tmp_path, kid)
    keys = read_folder(tmp_path)
    rows = published(a=timedelta(days=9), b=PUBLISHED_FIRST, c=PUBLISHED_FIRST / 2)
    chosen = choose(keys, rows, now=NOW)
    assert chosen is not None
    assert chosen.kid == "b"
    fresh = choose(keys, published(c=timedelta(0), a=timedelta(seconds=1)), now=NOW)
    assert fresh is not None
    assert fresh.kid == "a", "at a first start the one published longest"
    assert choose(keys, published(z=timedelta(days=1)), now=NOW) is None


def of_an_unknown_type() -> bytes:
    """Return a private key (PKCS #8) of the algorithm 1.2.3.4."""
    der = bytes.fromhex("300f 020100 3005 0603 2a0304 0403 020100".replace(" ", ""))
    body = base64.b64encode(der).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n".encode()


def test_what_is_no_token_key_is_passed_over(tmp_path: Path):
    make_token_key(tmp_path, "good")
    (tmp_path / "half.pem").write_bytes((tmp_path / "good.pem").read_bytes()[:100])
    (tmp_path / "text.pem").write_text("not a key")
    (tmp_path / "note.txt").write_text("not even named so")
    (tmp_path / "dsa-like.pem").write_bytes(of_an_unknown_type())
    assert list(read_folder(tmp_path)) == ["good"]


def test_a_key_brings_its_chain_and_no_other_keys(tmp_path: Path):
    root = make_root(tmp_path)
    addresses = Addresses("http://127.0.0.1:1")
    issuing = make_issuing(tmp_path, root, addresses)
    key = new_key()
    name = subject(common_name="Khóa ký mã truy cập", organisation="Liên thông")
    certificate = issue(issuing, name, key, use=Use.PROTOCOL, addresses=addresses)
    folder = tmp_path / "keys"
    folder.mkdir()
    chain = certificate_pem(certificate) + certificate_pem(issuing.certificate)
    (folder / "good.pem").write_bytes(key_pem(key) + chain)
    (folder / "other.pem").write_bytes(key_pem(new_key()) + chain)
    (found,) = read_folder(folder).values()
    assert len(found.jwk["x5c"]) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9+/]+=*", text) for text in found.jwk["x5c"])
    assert "d" not in found.jwk


async def age(door: Door, kid: str, *, published_at: timedelta, seen_at: timedelta) -> None:
    conn = await asyncpg.connect(door.settings.database_owner.get_secret_value())
    await conn.execute(
        "update token_keys set published_at = clock_timestamp() - $2::interval,"
        " seen_at = clock_timestamp() - $3::interval where kid = $1",
        kid,
        published_at,
        seen_at,
    )
    await conn.close()


async def test_a_rotation_breaks_no_valid_token(door: Door):
    folder = door.settings.token_keys
    old = (await door.headers("sys-h14"))["Authorization"]
    make_token_key(folder, "second")
    await door.issuer.refresh()
    assert [key["kid"] for key in door.issuer.jwks()["keys"]] == ["first", "second"]
    assert await signing(door) == "first", "published, but not signing yet"

    await age(door, "second", published_at=PUBLISHED_FIRST, seen_at=timedelta(0))
    await door.issuer.refresh()
    assert await signing(door) == "second"

    (folder / "first.pem").unlink()
    await door.issuer.refresh()
    assert {key["kid"] for key in door.issuer.jwks()["keys"]} == {"first", "second"}
    for token in (old, (await door.headers("sys-h14"))["Authorization"]):
        answer = await door.client.get("/v1/me", headers={"Authorization": token})
        assert answer.status_code == 200

    await age(door, "first", published_at=PUBLISHED_FIRST * 2, seen_at=PUBLISHED_AFTER)
    await door.issuer.refresh()
    assert [key["kid"] for key in door.issuer.jwks()["keys"]] == ["second"]


async def signing(door: Door) -> str:
    token = (await door.headers("sys-h14"))["Authorization"].removeprefix("Bearer ")
    return str(jwt.get_unverified_header(token)["kid"])


def test_keys_are_kept_longer_than_verifiers_keep_them_and_tokens_live():
    assert timedelta(seconds=jwks.TTL_SECONDS) < PUBLISHED_FIRST
    assert timedelta(seconds=900) < PUBLISHED_AFTER
