"""Keys never leave signing (P18): what they made is paired, and their bytes lie nowhere else."""

import asyncio
import base64
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from infra.audit.walk import audit
from infra.client import Client
from tests.fixtures.stack import Stack, backing_of
from tests.life.database import rows
from tests.life.kept import activate, applied, ask_for, drafted
from tests.life.key_bytes import Key, kept, numbers, processes, search, sought, stored
from tests.life.story import upload

SENDER = "sys-g22"
_PLAIN = NoEncryption()
_IDLE = "import sys; sys.stdin.read()"


def _text(key: Key, style: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.PEM, style, _PLAIN)


def _der(key: Key) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, _PLAIN)


def _first(key: Key) -> bytes:
    return numbers(key)[0]


WRITTEN: dict[str, Callable[[Key], bytes]] = {
    "PEM": _text,
    "PEM of OpenSSL": lambda key: _text(key, PrivateFormat.TraditionalOpenSSL),
    "PEM in a line of JSON": lambda key: _text(key).replace(b"\n", b"\\n"),
    "DER": _der,
    "DER in hexadecimal": lambda key: _der(key).hex().encode(),
    "a number": _first,
    "in hexadecimal": lambda key: _first(key).hex().encode(),
    "as OpenSSL prints it": lambda key: b":\n    ".join(
        _first(key)[at : at + 15].hex(":").encode() for at in range(0, len(_first(key)), 15)
    ),
    "JWK": lambda key: base64.urlsafe_b64encode(_first(key)).rstrip(b"="),
    "decimal": lambda key: str(int.from_bytes(_first(key))).encode(),
}
KEYS: dict[str, Key] = {
    "EC": ec.generate_private_key(ec.SECP256R1()),
    "RSA": rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("written", WRITTEN)
def test_a_key_is_found_however_it_is_written(tmp_path: Path, written: str, kind: str) -> None:
    found = tmp_path / "deep" / "planted.bin"
    found.parent.mkdir()
    found.write_bytes(b"before\0" + WRITTEN[written](KEYS[kind]) + b"\0behind\n")
    (tmp_path / "innocent.pem").write_bytes(_text(ec.generate_private_key(ec.SECP256R1())))
    assert search(sought(KEYS), [tmp_path]) == {(kind, found)}


def test_no_piece_is_so_short_that_chance_would_find_it() -> None:
    assert all(len(piece) >= 8 for piece in sought(KEYS))


def test_what_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "a")
    with pytest.raises(RuntimeError, match="symbolic links"):
        search(sought(KEYS), [tmp_path / "a"])


@contextmanager
def _running(key: Key) -> Generator[None]:
    """Have a process that holds a key in its environment and its command line."""
    command = [sys.executable, "-c", _IDLE, _first(key).hex()]
    with subprocess.Popen(
        command, env={"KEY": _text(key).decode()}, stdin=subprocess.PIPE
    ) as process:
        yield
        process.communicate()


@pytest.mark.stack
@pytest.mark.timeout(300)
async def test_keys_that_signed_lie_nowhere_but_where_signing_keeps_them(
    run: Path, stack: Stack, systems: Mapping[str, Client]
) -> None:
    """One key more is sought, which was written everywhere: so each place is seen to be read."""
    planted = ec.generate_private_key(ec.SECP256R1())
    await _signed(systems[SENDER])
    await _written(stack, systems[SENDER], planted)
    opened = await rows(stack, "signing", "select distinct certificate from key_uses")
    used = {"root", "issuing", *(row["certificate"] for row in opened)}
    ours = {name: key for name, key in kept(run / "pki").items() if name in used}
    assert len(ours) >= 4  # the authorities', a leader's, a seal's
    log = run / "log" / "planted.log"
    log.write_bytes(_text(planted).replace(b"\n", b"\\n"))
    with _running(planted):
        pieces = sought({**ours, "planted": planted})
        found = await asyncio.to_thread(search, pieces, [*stored(run), *processes()])
    log.unlink()

    outside = sorted(f"{name}: {path}" for name, path in found if name != "planted")
    assert outside == []
    assert {_place(run, path) for name, path in found if name == "planted"} == {
        "postgres", "kafka", "blobs", "log", "environ", "cmdline",
    }  # fmt: skip
    books = await audit(stack.folder, lambda _: None)
    counted = {name: books.counted[name] for name in ("intents", "made", "orphan")}
    print(  # noqa: T201 (the figure)
        f"KEYS intents={counted['intents']} signatures={counted['made']}"
        f" orphan={counted['orphan']} key_bytes_outside={len(outside)}"
    )
    assert counted["intents"] >= counted["made"] >= 2
    assert counted["orphan"] == 0


async def _signed(client: Client) -> None:
    """Have a leader's and a seal's kept key sign a draft."""
    document, attachment, _ = await drafted(client)
    for kind in ("leader", "seal"):
        signature = await ask_for(client, document, attachment["id"], kind)
        await activate(client, signature)
        await applied(client, document, signature)


async def _written(stack: Stack, client: Client, key: Key) -> None:
    """Write a key into a draft's subject, into its file, and into a topic."""
    document, _, unsigned = await drafted(client)
    await upload(client, document, "ANNEX", unsigned + b"\n%" + _der(key))
    kind = {"Content-Type": "application/merge-patch+json"}
    change = {"subject": f"V/v {_first(key).hex()}"}
    await client.ask("PATCH", document, body=change, headers=kind)
    backing = backing_of(stack.folder)
    topic = await asyncio.to_thread(backing.fresh_topic, "docs")
    producer = Producer(_login(stack, backing.kafka_bootstrap))
    producer.produce(topic, _text(key))
    assert producer.flush(20) == 0


def _login(stack: Stack, bootstrap: str) -> dict[str, str | int | float | bool]:
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "docs",
        "sasl.password": stack.folder.secret("kafka-docs"),
        "compression.type": "lz4",
    }


def _place(run: Path, path: Path) -> str:
    """Return what a file is part of."""
    if path.is_relative_to("/proc"):
        return path.name
    if path.is_relative_to((run / "postgres").resolve()):
        return "postgres"
    return path.relative_to(run).parts[0]
