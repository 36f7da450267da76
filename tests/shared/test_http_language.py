"""Texts in the reader's language: Vietnamese unless English is preferred, both always there."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import APIRouter

from shared.errors import Problem
from shared.http import create_app
from shared.language import preferred, spoken_in
from tests.fixtures.serving import serving

router = APIRouter()


@router.get("/refused/{number}")
async def get_refused(number: int) -> None:
    raise Problem("AUT-4031", vi=f"Không {number}.", en=f"No {number}.")


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(title="test", routers=[router])
    async with serving(app) as base, httpx2.AsyncClient(base_url=base) as client:
        yield client


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "vi"),
        ("", "vi"),
        ("*", "vi"),
        ("fr", "vi"),
        ("vi, en", "vi"),
        ("en", "en"),
        ("en-GB", "en"),
        ("EN-us;q=0.5", "en"),
        ("fr, en;q=0.7", "en"),
        ("vi;q=0.5, en;q=0.9", "en"),
        ("en;q=0.5, vi;q=0.9", "vi"),
        ("en;q=0", "vi"),
        ("en;q=x, ;;=,", "vi"),
        ("en;q=nan", "vi"),
        ("x" * 10_000 + ",en", "vi"),
    ],
)
def test_the_language_that_a_header_prefers(accepted: str | None, language: str):
    assert preferred(accepted) == language


def test_english_texts_change_places_at_any_depth():
    value = {"title": "Lỗi", "title_en": "Error", "items": [{"text": "Có", "text_en": "Yes"}]}
    assert spoken_in("vi", value) == value
    assert spoken_in("en", value) == {
        "title": "Error",
        "title_en": "Error",
        "title_vi": "Lỗi",
        "items": [{"text": "Yes", "text_en": "Yes", "text_vi": "Có"}],
    }


async def test_a_problem_is_in_the_readers_language(client: httpx2.AsyncClient):
    for path in ("/refused/1", "/refused/x", "/nowhere", "/refused/1%00"):
        asked = [{}, {"Accept-Language": "vi, en"}, {"Accept-Language": "en, vi;q=0.5"}]
        first, second, english = [await client.get(path, headers=headers) for headers in asked]
        skipped = {"trace_id"}
        plain = {name: value for name, value in first.json().items() if name not in skipped}
        assert plain.items() <= second.json().items()
        assert (first.headers["content-language"], first.headers["vary"]) == (
            "vi",
            "Accept-Language",
        )
        assert english.headers["content-language"] == "en"
        for name in ("title", "detail", "hint"):
            assert english.json()[name] == plain[f"{name}_en"]
            assert english.json()[f"{name}_vi"] == plain[name] != plain[f"{name}_en"]


async def test_faults_are_in_the_readers_language(client: httpx2.AsyncClient):
    answer = await client.get("/refused/x", headers={"Accept-Language": "en"})
    (fault,) = answer.json()["errors"]
    assert fault["detail"].startswith("Input should be a valid integer")
    assert fault["detail_vi"] == "Phải là số nguyên."


async def test_a_compressed_body_is_415_and_says_what_to_do(client: httpx2.AsyncClient):
    headers = {"Content-Encoding": "gzip"}
    answer = await client.post("/refused/1", content=b"x", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "REQ-4152")
    assert answer.headers["accept-encoding"] == "identity"
