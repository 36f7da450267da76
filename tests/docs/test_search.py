"""The directory searched: words without diacritics or case, codes of any form, place, CSV."""

import csv
import io
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.docs.agency import fold
from tests.docs.country import DISTRICT, PROVINCE, SENDER, commune
from tests.docs.exchange import Exchange
from tests.docs.server import Running, System, run_docs
from tests.fixtures.database import opened
from tests.fixtures.stack import Backing

NEW: list[dict[str, Any]] = [
    {"code": "H14.11", "name": "Ủy ban nhân dân xã Đồng Văn", "level": "commune"},
    {"code": "H14.12", "name": "UBND phường Hợp Giang (TP. Cao Bằng)", "level": "commune",
     "old_codes": ["003.12.14", "H14.X"]},
    {"code": "H14.13", "name": "=HYPERLINK(1)", "level": "commune"},
]  # fmt: skip


@pytest.fixture(scope="module")
async def registry(
    backing: Backing, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Running]:
    """The small country with three more communes, one of them suspended."""
    async with (
        backing.fresh_database("docs") as databases,
        opened(databases, "docs", backing) as db,
    ):
        exchange = Exchange(db)
        await exchange.fill()
        async with run_docs(databases, backing, db, tmp_path_factory.mktemp("blobs")) as running:
            registrar = await running.system(scope="registrar directory")
            for one in NEW:
                body = {**one, "parent": PROVINCE}
                made = await registrar.ask("POST", "/v1/agencies", json=body)
                assert made.status_code == 201, made.text
            await exchange.suspend("H14.12")
            yield running


async def found(system: System, **query: Any) -> list[str]:  # noqa: ANN401
    """Return the codes of what is found."""
    answer = await system.ask("GET", "/v1/agencies", params=query)
    assert answer.status_code == 200, answer.text
    return [one["code"] for one in answer.json()["items"]]


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({"q": "thach an"}, [DISTRICT]),
        ({"q": "Thạch An"}, [DISTRICT]),
        ({"q": "AN THACH"}, [DISTRICT]),
        ({"q": "tha\u0323ch"}, [DISTRICT]),
        ({"q": "dong van"}, ["H14.11"]),
        ({"q": "ĐỒNG VĂN"}, ["H14.11"]),
        ({"q": "dong va"}, ["H14.11"]),
        ({"q": "ong van"}, list[str]()),
        ({"q": "hop giang tp cao bang"}, ["H14.12"]),
        ({"q": "(TP."}, ["H14.12"]),
        ({"q": "003.12.14"}, ["H14.12"]),
        ({"q": "h14.x"}, ["H14.12"]),
        ({"q": "000.00.00.H14"}, [PROVINCE]),
        ({"q": "h14.03.002"}, [commune(2)]),
        ({"q": "100%_' \\ :* & | !"}, list[str]()),
        ({"q": "%%%"}, list[str]()),
        ({"q": "'"}, list[str]()),
        ({"q": "xa so", "under": PROVINCE, "limit": 2}, [commune(1), commune(2)]),
        ({"under": DISTRICT}, [commune(n) for n in range(1, 6)]),
        ({"under": PROVINCE, "level": "district"}, [DISTRICT]),
        ({"under": "H99"}, list[str]()),
        ({"parent": PROVINCE, "state": "suspended"}, ["H14.12"]),
        ({"state": "active", "q": "phuong"}, list[str]()),
        ({"code": ["H14.X", "000.00.00.H14", "H99"]}, ["H14", "H14.12"]),
        ({"code": "H14.11", "level": "district"}, list[str]()),
    ],
)
async def test_agencies_are_found(registry: Running, query: dict[str, Any], codes: list[str]):
    reader = await registry.system(SENDER)
    assert await found(reader, **query) == codes


async def test_a_search_goes_on_behind_its_cursor_with_all_its_conditions(registry: Running):
    reader = await registry.system(SENDER)
    query: dict[str, Any] = {"q": "xa so", "code": [commune(n) for n in (1, 2, 4)], "limit": 2}
    first = await reader.ask("GET", "/v1/agencies", params=query)
    rest = await reader.ask("GET", first.headers["link"].partition(">")[0].removeprefix("<"))
    codes = [one["code"] for page in (first, rest) for one in page.json()["items"]]
    assert codes == [commune(1), commune(2), commune(4)]
    assert rest.json()["next_cursor"] is None


@pytest.mark.parametrize("path", ["/v1/agencies", "/v1/directory-changes"])
async def test_the_directory_is_a_table_without_formulas(registry: Running, path: str):
    reader = await registry.system(SENDER)
    answer = await reader.ask("GET", path, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = {
        one["code"]: one for one in csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    }
    assert len(rows) == 12
    assert rows["H14.13"]["name"] == "'=HYPERLINK(1)"
    assert rows["H14.12"]["old_codes"] == "003.12.14 H14.X"
    assert rows[DISTRICT]["parent"] == PROVINCE


async def test_changes_as_a_table_go_on_where_they_say(registry: Running):
    reader = await registry.system(SENDER)
    accept = {"Accept": "text/csv"}
    first = await reader.ask("GET", "/v1/directory-changes?limit=10", headers=accept)
    path = first.headers["link"].partition(">")[0].removeprefix("<")
    rest = await reader.ask("GET", path, headers=accept)
    counts = [len(one.content.decode("utf-8-sig").splitlines()) - 1 for one in (first, rest)]
    assert counts == [10, 2]


async def test_documents_are_a_table_too(registry: Running):
    sender = await registry.system(SENDER)
    await sender.drafted(number="@SUM")
    answer = await sender.ask("GET", "/v1/documents", headers={"Accept": "text/csv"})
    [row] = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert (row["code"], row["state"], row["sender_code"]) == ("'@SUM/VPCP-TTĐT", "draft", "G22")


@given(st.text(max_size=60))
def test_what_is_folded_is_its_own_fold(text: str):
    once = fold(text)
    assert fold(once) == once
    assert all(word and not set("'\\ ") & set(word) for word in once.split())


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Thạch An", "thach an"),
        ("Đồng Văn", "dong van"),
        ("ĐẮK LẮK", "dak lak"),
        ("  Uỷ   ban - nhân dân (xã) ", "uy ban nhan dan xa"),
        ("H14.03.002", "h14.03.002"),
    ],
)
def test_vietnamese_is_folded(text: str, folded: str):
    assert fold(text) == folded
