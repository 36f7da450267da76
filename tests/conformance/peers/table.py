"""Our verdicts beside those of the peers: how often they agree, and why where they do not."""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from tests.conformance.peers.peer import Said

EXPLAINED = Path(__file__).with_name("explained.toml")
Row = tuple[str, str, Said, Mapping[str, Said]]
"""A case's name, its dimension, our verdict, each peer's."""
Patterns = str | tuple[str, ...]
_ANY = re.compile(r"[*?\[]")
_NAMED = re.compile(r"[a-z]+\.[a-z]")


class Vague(Exception):  # noqa: N818 (the explanation is)
    """An explanation lacks what makes it one."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a peer's verdict differs from ours."""

    peer: str
    """Of cases, peers and words: as in a shell, `*` for any letters."""
    pair: str
    """Our verdict and the peer's: `bad/good`, a pattern too."""
    clause: str
    """Of a standard, or the rule of our policy."""
    why: str
    case: Patterns = "*"
    dimension: str = "*"
    ours: str = "*"
    """Our words, which end with the rule of the policy."""
    theirs: Patterns = "*"
    """The peer's words."""
    varies: str = ""
    """Why a peer does not say so each time: the only ones that may explain nothing."""

    def fits(self, one: "Difference") -> bool:
        """Tell whether this is about that difference."""
        return (
            fnmatchcase(one.pair, self.pair)
            and _fits(one.case, self.case)
            and fnmatchcase(one.dimension, self.dimension)
            and fnmatchcase(one.peer, self.peer)
            and fnmatchcase(one.ours.words, self.ours)
            and _fits(one.theirs.words, self.theirs)
        )

    @property
    def is_bound(self) -> bool:
        """Say whether it is for named cases or a dimension, and for exact words of one peer.

        Whoever refuses what we accept may be right: another reason than the known one is news.
        """
        exact = not any(_ANY.search(one) for one in _several(self.theirs))
        named = all(_NAMED.match(one) for one in _several(self.case))
        return self.peer != "*" and exact and (named or not _ANY.search(self.dimension))


@dataclass(frozen=True, slots=True)
class Difference:
    """One case on which a peer says something else."""

    case: str
    dimension: str
    peer: str
    ours: Said
    theirs: Said

    @property
    def pair(self) -> str:
        """Return both verdicts, ours first."""
        return f"{self.ours.verdict}/{self.theirs.verdict}"

    def line(self) -> str:
        """Return it for a person."""
        return f"  {self.case}: ours {self.ours.words}; {self.peer} {self.theirs.words}"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What came out, for a person."""

    text: str
    unexplained: int
    idle: int
    """Explanations that explain nothing: of a part of the cases that says nothing."""


def load(path: Path = EXPLAINED) -> list[Explanation]:
    """Read the explanations; raises Vague."""
    found: list[Explanation] = []
    tables: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["difference"]
    for table in tables:
        try:
            one = Explanation(**{name: _pattern(value) for name, value in table.items()})
        except TypeError as error:
            raise Vague(f"{table}: {error}") from error
        if not one.clause or not one.why.endswith("."):
            raise Vague(f"{table}: needs a clause, and a sentence")
        if one.pair.startswith("good/") and not one.is_bound:
            raise Vague(f"{table}: needs its cases or dimension, and a peer's exact words")
        found.append(one)
    return found


def _pattern(value: Any) -> Any:  # noqa: ANN401 (of a TOML file)
    return tuple(cast("list[str]", value)) if isinstance(value, list) else value


def _several(patterns: Patterns) -> tuple[str, ...]:
    return (patterns,) if isinstance(patterns, str) else patterns


def _fits(text: str, patterns: Patterns) -> bool:
    return any(fnmatchcase(text, one) for one in _several(patterns))


def agreement(rows: Sequence[Row], explanations: Sequence[Explanation] | None = None) -> Agreement:
    """Return the counts of verdict pairs and every disagreement with its explanation."""
    known = load() if explanations is None else explanations
    parts: dict[Explanation, list[Difference]] = {one: [] for one in known}
    open_ones: list[Difference] = []
    for one in _differences(rows):
        fitting = next((each for each in known if each.fits(one)), None)
        (open_ones if fitting is None else parts[fitting]).append(one)
    lines = _counts(rows)
    for explanation, ones in parts.items():
        if ones:
            head = f"{explanation.peer} {explanation.pair} ×{len(ones)}"
            lines += [f"{head}: {explanation.why} [{explanation.clause}]"]
            lines += [one.line() for one in ones]
    idle = [one for one, ones in parts.items() if not (ones or one.varies)]
    lines += [f"explains nothing: {one.peer} {one.pair}: {one.why}" for one in idle]
    if open_ones:
        lines += ["unexplained:", *(f"{one.line()} ({one.pair})" for one in open_ones)]
    counts = f"idle={len(idle)} unexplained={len(open_ones)}"
    return Agreement("\n".join([*lines, counts]), len(open_ones), len(idle))


def _differences(rows: Sequence[Row]) -> list[Difference]:
    return [
        Difference(case, dimension, peer, ours, theirs)
        for case, dimension, ours, peers in rows
        for peer, theirs in peers.items()
        if theirs.verdict not in {ours.verdict, "not applicable"}
    ]


def _counts(rows: Sequence[Row]) -> list[str]:
    """Return one line per dimension and peer: how often each pair of verdicts came."""
    counted: dict[tuple[str, str], Counter[str]] = {}
    for _, dimension, ours, peers in rows:
        for peer, theirs in peers.items():
            pairs = counted.setdefault((dimension, peer), Counter())
            pairs[f"{ours.verdict}/{theirs.verdict}"] += 1
    wide = max((len(dimension) for dimension, _ in counted), default=0)
    head = "verdicts ours/theirs by dimension and peer:"
    return [head] + [
        f"  {dimension:<{wide}}  {peer:<8} "
        + "  ".join(f"{pair} {count}" for pair, count in sorted(pairs.items()))
        for (dimension, peer), pairs in sorted(counted.items())
    ]
