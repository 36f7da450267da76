"""The register's file is taken over by a worker; what is broken in it is told and stops nothing."""

import asyncio
import json
import os
import ssl
from pathlib import Path
from typing import Any

import pytest

from services.signing.bench import Bench
from services.signing.pipe import Facts, Reading
from tests.signing.desk import Desk
from tests.signing.elsewhere import make_ca, pem

Rows = list[dict[str, Any]]


def file_of(desk: Desk) -> Path:
    """Return where the register's file lies."""
    return desk.authorities.folder / "registry.json"


def rows_of(desk: Desk) -> Rows:
    """Return what stands in the register's file."""
    return json.loads(file_of(desk).read_text(encoding="utf-8"))


async def take_over(desk: Desk, content: str | Rows) -> str | None:
    """Write the register's file and have it read; returns what readiness says then."""
    text = content if isinstance(content, str) else json.dumps(content)
    await asyncio.to_thread(_write, file_of(desk), text)
    await desk.register.tend()
    return await desk.register.check()


def _write(path: Path, text: str) -> None:
    later = path.stat().st_mtime_ns + 1_000_000_000
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(later, later))


async def known(desk: Desk) -> dict[str, dict[str, Any]]:
    """Return all registered certificates by digest."""
    rows = await desk.db.as_worker(
        lambda conn: conn.fetch(
            "select sha256, agency_code as agency, kind, person, issuer from certificates"
        )
    )
    return {row["sha256"]: dict(row) for row in rows}


def foreign(desk: Desk) -> dict[str, Any]:
    """Return a row with the certificate of an authority that is not listed."""
    return {**rows_of(desk)[0], "sha256": "", "pem": pem(make_ca("CA gốc khác"))}


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many certificates a worker was given at once, each time."""
    seen: list[int] = []
    read = Bench.read

    async def noting(bench: Bench, reading: Reading) -> Facts:
        seen.append(len(reading.certificates))
        return await read(bench, reading)

    monkeypatch.setattr(Bench, "read", noting)
    return seen


async def test_what_listed_authorities_issued_is_registered(idle_desk: Desk) -> None:
    rows, found = rows_of(idle_desk), await known(idle_desk)
    assert len(rows) > 3
    assert len(found) == len(rows) + 2, "and both authorities"
    for row in rows:
        told = found[row["sha256"]]
        assert {name: told[name] for name in ("agency", "kind", "person")} == {
            name: row[name] for name in ("agency", "kind", "person")
        }
        assert told["issuer"] == "issuing"
    others = [one for sha256, one in found.items() if sha256 not in {r["sha256"] for r in rows}]
    assert {(one["kind"], one["issuer"]) for one in others} == {("authority", "root")}
    assert await idle_desk.register.check() is None


async def test_what_is_known_is_not_read_again(idle_desk: Desk, readings: list[int]) -> None:
    rows = rows_of(idle_desk)
    assert await take_over(idle_desk, rows) is None
    assert readings == []
    assert await take_over(idle_desk, [*rows, foreign(idle_desk)]) is None
    assert readings == [1]


async def test_what_no_listed_authority_issued_stays_out(idle_desk: Desk) -> None:
    before = await known(idle_desk)
    broken = {**rows_of(idle_desk)[0], "pem": ssl.DER_cert_to_PEM_cert(b"0\x03\x02\x01")}
    rows = [foreign(idle_desk), broken, *rows_of(idle_desk)]
    assert await take_over(idle_desk, rows) is None
    assert await known(idle_desk) == before


@pytest.mark.parametrize("content", ["", "{", "{}", "[1]", '[{"agency": "G22"}]'])
async def test_a_file_that_is_none_is_told_and_stops_nothing(idle_desk: Desk, content: str) -> None:
    rows, before = rows_of(idle_desk), await known(idle_desk)
    said = await take_over(idle_desk, content)
    assert said
    assert said.startswith("registry.json: ")
    assert await known(idle_desk) == before
    assert await take_over(idle_desk, rows) is None


async def test_what_is_told_of_a_broken_file_has_no_names_in_it(idle_desk: Desk) -> None:
    row = {**rows_of(idle_desk)[0], "kind": "king", "person": "Lê Minh An"}
    said = await take_over(idle_desk, [row])
    assert said
    assert "[0, 'kind']" in said
    assert "Lê" not in said
    assert "king" not in said
    said = await take_over(idle_desk, [{**row, "kind": "seal", "pem": "-----BEGIN"}])
    assert said == "registry.json: a certificate is not PEM"
