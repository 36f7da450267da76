"""The page of the policy: what it says is what the code asks for, and nothing it says is idle."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.signing.again import repeat
from services.signing.validation.policy import NEWEST, BadPolicy, load
from tests.fixtures.papers import Papers
from tests.signing.test_evidence import judged, kept, known

PAGE = NEWEST.read_bytes()
_CODE = Path(__file__).parents[2] / "services" / "signing"
_PAGES = sorted((Path(__file__).parent / "pages").glob("*.toml"))
"""Every page that was ever in force, byte for byte: verdicts are repeated by it."""
_ONLY_SAID = frozenset({"time.stamp_missing"})
"""What follows from doing nothing: without a stamp the moment of judging is judged."""


def _named_in_code() -> set[str]:
    text = "".join(path.read_text() for path in _CODE.rglob("*.py"))
    named = set(re.findall(r'"((?:[a-z]+)\.(?:[a-z_]+))"', text))
    return named | {"certificates.leader", "certificates.seal", "certificates.timestamp"}


def test_every_rule_is_applied_and_every_applied_rule_is_on_the_page() -> None:
    rules = set(load(PAGE).rules())
    sections = {rule.split(".")[0] for rule in rules}
    named = {one for one in _named_in_code() if one.split(".")[0] in sections}
    assert rules - named == _ONLY_SAID
    assert named <= rules


def test_every_rule_is_said_in_words_and_has_a_source() -> None:
    for name, rule in load(PAGE).rules().items():
        assert rule.says.endswith("."), name
        assert re.search(r"RFC|EN 319|TS 119|ISO|NIST|Nghị định|Thông tư|Luật", rule.source), name


@pytest.mark.parametrize("path", _PAGES, ids=lambda path: path.stem)
def test_every_page_that_was_ever_in_force_is_understood(path: Path) -> None:
    content = path.read_bytes()
    policy = load(content)
    assert path.stem == f"{policy.id}-{policy.sha256[:8]}"
    assert policy.rules().keys() <= load(PAGE).rules().keys()


def test_todays_page_is_among_those_and_says_all_that_may_be_said() -> None:
    # Add a page to `pages` when it changes, and never change or remove one.
    assert PAGE in [path.read_bytes() for path in _PAGES]
    assert len(_PAGES) >= 3
    assert "null" not in load(PAGE).page.model_dump_json()


def test_a_verdict_is_repeated_by_an_older_page(papers: Papers) -> None:
    given = known(papers)
    for path in _PAGES:
        old = replace(given, policy=path.read_bytes())
        content = papers.good_main.content
        again = repeat(judged(content, old), kept(old), content)
        assert again.verdict.indication == "TOTAL-PASSED"
        assert again.differs == ()
        assert again.policy.sha256.startswith(path.stem[-8:])


def test_terms_end_with_their_last_day() -> None:
    policy = load(PAGE)
    assert policy.rsa_ends(2048) == datetime(2031, 1, 1, tzinfo=UTC)
    assert policy.rsa_ends(4096) == policy.rsa_ends(3072)
    assert policy.rsa_ends(2047) is None
    assert policy.digest_ends("sha1") is None
    assert policy.curve_ends("secp256k1") is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'id = "lienthong-1"', b'id = "Lien Thong"'),
        (b"most_signatures = 32", b"most_signatures = 0"),
        (b"most_signatures = 32", b'most_signatures = "32"'),
        (b"hold = true", b"hold = true\nextra = 1"),
        (b"[limits.heavy]", b"[limits.other]"),
        (b"in_force = 2026-11-26", b"in_force = today"),
    ],
)
def test_a_page_that_is_not_understood_is_refused(before: bytes, after: bytes) -> None:
    assert before in PAGE
    with pytest.raises(BadPolicy):
        load(PAGE.replace(before, after))
