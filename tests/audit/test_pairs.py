"""What a key has signed was intended before, once: how the audit counts the pairs."""

from pathlib import Path
from uuid import UUID

import pytest

from infra.audit.finding import Books, Row
from infra.audit.signatures import check_signature

_KEY = (UUID(int=1),)
_NOBODY: dict[str, list[Row]] = {name: [] for name in ("docs", "signing", "draft", "intent", "use")}
_INTENT: Row = {"signing_time": 1, "prepared_sha256": "00", "gap_start": 0, "gap_end": 0}


@pytest.mark.parametrize(
    ("state", "intents", "counted"),
    [
        pytest.param("made", 1, (1, 1, 0), id="a pair"),
        pytest.param("intended", 1, (1, 0, 0), id="not made yet"),
        pytest.param("requested", 0, (0, 0, 0), id="only asked for"),
        pytest.param("made", 0, (0, 1, 1), id="made without an intent"),
        pytest.param(None, 1, (1, 0, 1), id="intended without a request"),
    ],
)
def test_intents_and_signatures_are_paired(
    tmp_path: Path, state: str | None, intents: int, counted: tuple[int, int, int]
) -> None:
    said: Row = {
        "state": state,
        "uses": 0,
        "signed_at": 1,
        **dict.fromkeys(("signed_sha256", "signed_size", "certificate", "agency"), "00"),
        "source_sha256": "00",
    }
    case = {
        **_NOBODY,
        "signing": [said] if state else [],
        "intent": [_INTENT] * intents,
    }
    books = Books({})
    books.note(check_signature(_KEY, case, books, tmp_path))
    assert tuple(books.counted[name] for name in ("intents", "made", "orphan")) == counted
    assert bool(counted[2]) <= bool([one for one in books.findings if not one.passing])
