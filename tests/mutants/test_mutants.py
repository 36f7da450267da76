"""The checker of mutants finds what is planted, and explains only what is the same."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from tests.conformance.der import octets
from tests.mutants import corpus as corpora
from tests.mutants import same
from tests.mutants.corpus import MOST_BYTES, Corpus
from tests.mutants.crew import Result, Task, run
from tests.mutants.letters import filled, gaps, signed_ends, unhex
from tests.mutants.plan import Plan
from tests.mutants.tree import leaf, parse, signed_data, signer_info, tagged

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus, made outside of any event loop."""
    folder = tmp_path_factory.mktemp("mutants")
    corpora.save(corpora.make(folder), folder / "corpus.json")
    return folder / "corpus.json"


@pytest.fixture(scope="module")
def corpus(kept: Path) -> Corpus:
    return corpora.load(kept)


def judged(kept: Path, judge: str, counts: dict[str, int], *, cpu: int = 20) -> Result:
    name = f"tests.mutants.{judge}"
    return run([Task(kept, 1, counts, name, cpu, 0, 1)], lambda _: None)


def test_no_flipped_byte_and_no_cut_is_accepted(kept: Path, corpus: Corpus):
    assert len(corpus.papers[0]) <= MOST_BYTES
    counts = {"flips": 40, "cuts": 20, "beside-flips": 40, "beside-cuts": 20}
    result = judged(kept, "judging:engine", counts)
    assert result.faults == []
    assert result.mutants == 120


def test_a_judge_that_looks_at_no_digest_is_found_out(kept: Path):
    result = judged(kept, "planted:believes", {"flips": 40, "beside-flips": 200})
    assert result.kinds["accepted"] > 0
    assert {fault.part for fault in result.faults} == {"flips", "beside-flips"}


def test_a_judge_that_believes_all_is_found_out_for_every_change(kept: Path):
    result = judged(kept, "planted:believes_all", {"changes": 200, "beside-changes": 100})
    assert result.kinds["accepted"] > 200
    assert result.kinds["accepted"] + result.kinds["harmless"] == result.mutants == 300


def test_what_is_raised_has_escaped(kept: Path):
    result = judged(kept, "planted:raises", {"flips": 3})
    assert [fault.kind for fault in result.faults] == ["escaped"] * 3


def test_what_never_ends_is_a_hang_and_the_next_one_is_judged(kept: Path):
    result = judged(kept, "planted:never_ends", {"flips": 2}, cpu=1)
    assert [(fault.kind, fault.part) for fault in result.faults] == [("hung", "flips")] * 2


def test_a_mutant_is_the_same_for_the_same_seed(corpus: Corpus):
    for part in ("changes", "beside-changes"):
        made = [Plan(corpus, 7).make(part, number) for number in range(50)]
        assert made == [Plan(corpus, 7).make(part, number) for number in range(50)]
        assert made != [Plan(corpus, 8).make(part, number) for number in range(50)]


def mirrored(cms: bytes) -> bytes:
    """Return the signature with (r, n - s)."""
    root = parse(cms)
    value = tagged(signer_info(root), 0x04)
    assert value is not None
    r, s = decode_dss_signature(value.body)
    value.body = encode_dss_signature(r, same.P256_ORDER - s)
    return root.der()


def test_the_mirrored_value_says_the_same_and_another_attribute_does_not(corpus: Corpus):
    before = corpus.detached[0].signature
    assert same.signature(corpus, before, mirrored(before)) == "n - s"
    root = parse(before)
    signer = signer_info(root)
    (signer.parts or [])[-1] = leaf(octets(b"another value"))
    assert same.signature(corpus, before, root.der()) is None
    root = parse(before)
    (signed_data(root).at(3).parts or []).append(leaf(corpus.strangers[0]))
    assert same.signature(corpus, before, root.der()) is None


def test_only_the_last_gap_of_a_letter_may_be_written_otherwise(corpus: Corpus):
    pdf = corpus.papers[0]
    last = gaps(pdf)[-1]
    other = filled(pdf, last, mirrored(unhex(pdf[last.start : last.end])))
    assert other is not None
    assert same.letter(corpus, pdf, other) == "n - s"
    assert same.letter(corpus, pdf, other + b"\n") is None
    assert same.letter(corpus, pdf, pdf[: signed_ends(pdf)[0]]) == "earlier revision"
    assert same.letter(corpus, pdf, pdf[: signed_ends(pdf)[0] - 1]) is None
    changed = bytearray(pdf)
    changed[gaps(pdf)[0].end - 1] ^= 1
    assert same.letter(corpus, pdf, bytes(changed)) is None
