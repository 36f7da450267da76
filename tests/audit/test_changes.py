"""The trust list against what signing laid beside it, without any database."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import jwt
import pytest

from infra.audit import changes
from infra.audit.cogroup import cogroup
from infra.audit.finding import Books, Row
from infra.audit.site import CHANGES
from infra.pki.authority import Authority
from services.signing.relist import TYPE
from tests.signing.elsewhere import make_ca, pem

ROOT = make_ca("CA gốc")
ISSUING = make_ca("CA cấp", by=ROOT)


def row(version: int, **other: Any) -> dict[str, Any]:  # noqa: ANN401 (columns)
    """Return an approved change as the database gives it as JSON."""
    return {
        "id": f"01a2195b-4b69-7361-a067-00000000000{version}",
        "change": {"action": "end", "name": f"ca-{version}"},
        "decided_at": "2026-11-26T19:35:43.231333+00:00",
        "decided_by": "registrar-b",
        "version": version,
        **other,
    }


ROWS = [row(1), row(2), row(3)]


def lay(folder: Path, rows: Iterable[Row], *, kind: str = TYPE, by: Authority = ISSUING) -> None:
    """Lay changes into a PKI folder as signing does."""
    (folder / "issuing.pem").write_text(pem(ISSUING))
    text = jwt.encode({"changes": list(rows)}, by.key, algorithm="ES256", headers={"typ": kind})
    (folder / CHANGES).write_text(text)


async def found(folder: Path, rows: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return what the audit finds where the database has these changes."""

    async def there() -> AsyncIterator[Row]:
        for one in rows:
            yield {"version": one["version"], "content": one}

    books, path = Books({}), folder / CHANGES
    content = path.read_bytes() if path.exists() else None
    laid = changes.laid(content, folder, ROOT.certificate, books)
    streams: dict[str, AsyncIterator[Row]] = {"change": there(), "laid": laid}
    async for key, case in cogroup(streams, ("version",)):
        books.note(changes.check_change(key, case, books))
    return [(one.where, one.what) for one in books.findings]


async def test_the_same_changes_are_well_in_whatever_zone_they_are_told(tmp_path: Path) -> None:
    lay(tmp_path, ROWS)
    assert await found(tmp_path, ROWS) == []
    there = [row(n, decided_at="2026-11-27T02:35:43.231333+07:00") for n in (1, 2, 3)]
    assert await found(tmp_path, there) == []


@pytest.mark.parametrize(
    ("there", "first"),
    [
        (ROWS[:2], ("trust list, change 3", "was decided, and is not in the database")),
        (ROWS[1:], ("trust list, change 1", "was decided, and is not in the database")),
        ([*ROWS, row(4)], ("trust list, change 4", f"does not lie in {CHANGES}")),
        (
            [row(1), row(2, decided_by="registrar-c"), row(3)],
            (
                "trust list, change 2",
                f"against {CHANGES}: decided_by is registrar-c, not registrar-b",
            ),
        ),
        (
            [row(1, decided_at="2026-11-26T19:35:43.231334+00:00"), *ROWS[1:]],
            (
                "trust list, change 1",
                f"against {CHANGES}: decided_at is 2026-11-26 19:35:43.231334",
            ),
        ),
    ],
)
async def test_the_first_position_that_differs_is_named(
    tmp_path: Path, there: list[dict[str, Any]], first: tuple[str, str]
) -> None:
    lay(tmp_path, ROWS)
    where, what = (await found(tmp_path, there))[0]
    assert where == first[0]
    assert what.startswith(first[1])


async def test_a_file_that_is_not_the_issuing_authoritys_is_told_first(tmp_path: Path) -> None:
    lay(tmp_path, ROWS, by=ROOT)
    assert (await found(tmp_path, ROWS))[0][0] == CHANGES
    lay(tmp_path, ROWS, kind="lienthong-trust-list+jwt")
    assert (await found(tmp_path, ROWS))[0][0] == CHANGES
    lay(tmp_path, ROWS)
    (tmp_path / "issuing.pem").write_text(pem(make_ca("CA khác")))
    assert (await found(tmp_path, ROWS))[0][0] == CHANGES
    (tmp_path / CHANGES).unlink()
    assert (await found(tmp_path, ROWS))[0] == (CHANGES, "is missing")
