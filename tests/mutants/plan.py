"""Which mutants there are: each has a part and a number, and is made from these and the seed."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tests.mutants import cms_ways, pdf_ways, update_ways
from tests.mutants.corpus import Corpus
from tests.mutants.letters import filled, gaps, places, unhex

FLIPS, CUTS, CHANGES = "flips", "cuts", "changes"
BESIDE_FLIPS, BESIDE_CUTS, BESIDE_CHANGES = "beside-flips", "beside-cuts", "beside-changes"
WHOLE, WHOLE_BESIDE = 50_000, 10_000
"""Structural changes of a whole run."""
_EVERY = 64
_TRIES = 20
_CONTENT_FLIPS = 50
_UNFIT = (IndexError, KeyError, ValueError, TypeError, StopIteration)
"""What a way raises that finds nothing to change: another one is tried."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed file."""

    way: str
    base: int
    """Which letter, or which detached signature, it was."""
    content: bytes
    signature: bytes | None = None
    """Beside it, when it is detached."""
    harmless: str | None = None
    """Why it changes nothing that is signed or shown, when that is so by construction."""


_Make: TypeAlias = Callable[[int, random.Random], Mutant | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """All mutants of a corpus."""

    corpus: Corpus
    seed: int

    def counts(self) -> dict[str, int]:
        """Return how many there are, by part."""
        pdf = self.corpus.papers[0]
        beside = self.corpus.detached
        return {
            FLIPS: len(pdf),
            CUTS: len(_cuts(pdf)),
            CHANGES: WHOLE,
            BESIDE_FLIPS: sum(len(one.signature) + _CONTENT_FLIPS for one in beside),
            BESIDE_CUTS: sum(len(one.signature) for one in beside),
            BESIDE_CHANGES: WHOLE_BESIDE,
        }

    def make(self, part: str, number: int) -> Mutant:
        """Make a mutant. Raises ValueError when nothing comes of many tries."""
        pdf = self.corpus.papers[0]
        match part:
            case "flips":
                return Mutant("flip", 0, _flipped(pdf, number))
            case "cuts":
                return Mutant("cut", 0, pdf[: _cuts(pdf)[number]])
            case "changes":
                return self._tried(part, number, self._change)
            case "beside-flips":
                return self._beside_flip(number)
            case "beside-cuts":
                return self._beside_cut(number)
            case _:
                return self._tried(part, number, self._beside_change)

    def original(self, mutant: Mutant) -> tuple[bytes, bytes | None]:
        """Return the bytes that a mutant was made from."""
        if mutant.signature is None:
            return self.corpus.papers[mutant.base], None
        one = self.corpus.detached[mutant.base]
        return one.content, one.signature

    def _tried(self, part: str, number: int, make: _Make) -> Mutant:
        for again in range(_TRIES):
            dice = random.Random(f"{self.seed}/{part}/{number}/{again}")  # noqa: S311 (repeatable)
            try:
                mutant = make(number, dice)
            except _UNFIT:
                continue
            if mutant and (mutant.content, mutant.signature) != self.original(mutant):
                return mutant
        raise ValueError(f"{part}:{number} comes to nothing")

    def _change(self, number: int, dice: random.Random) -> Mutant | None:
        papers = self.corpus.papers
        base = number % len(papers)
        pdf, other = papers[base], papers[(base + 1 + dice.randrange(2)) % len(papers)]
        match dice.randrange(10):
            case 0 | 1 | 2:
                gap = dice.choice((gaps(pdf)[-1], gaps(pdf)[-1], gaps(pdf)[0]))
                cms = unhex(pdf[gap.start : gap.end])
                way, changed = cms_ways.changed(self.corpus, cms, dice)
                content = filled(pdf, gap, changed)
                return Mutant(way, base, content) if content else None
            case 3 | 4 | 5:
                name, content, harmless = update_ways.changed(self.corpus, pdf, dice)
                return Mutant(name, base, content, harmless=harmless)
            case _:
                way, content = pdf_ways.changed(pdf, other, dice)
                return Mutant(way, base, content)

    def _beside_flip(self, number: int) -> Mutant:
        first = len(self.corpus.detached[0].signature) + _CONTENT_FLIPS
        base, place = (0, number) if number < first else (1, number - first)
        one = self.corpus.detached[base]
        if place < len(one.signature):
            return Mutant("flip", base, one.content, _flipped(one.signature, place))
        inside = (place - len(one.signature)) * len(one.content) // _CONTENT_FLIPS
        return Mutant("flip", base, _flipped(one.content, inside), one.signature)

    def _beside_cut(self, number: int) -> Mutant:
        first = len(self.corpus.detached[0].signature)
        base, length = (0, number) if number < first else (1, number - first)
        one = self.corpus.detached[base]
        return Mutant("cut", base, one.content, one.signature[:length])

    def _beside_change(self, number: int, dice: random.Random) -> Mutant:
        base = number % 2
        one, other = self.corpus.detached[base], self.corpus.detached[1 - base]
        if dice.random() < 0.02:
            return Mutant("splice", base, one.content, other.signature)
        way, changed = cms_ways.changed(self.corpus, one.signature, dice)
        return Mutant(way, base, one.content, changed)


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes((content[place] ^ 0xFF,)) + content[place + 1 :]


def _cuts(pdf: bytes) -> Sequence[int]:
    return sorted({*range(0, len(pdf), _EVERY), *places(pdf)})
