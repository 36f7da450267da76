"""Who sends and who receives, chosen from `clients.json` alone, the same ones every time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tests.proof.harness import Json

Kind: TypeAlias = Literal["lease", "sse", "poll", "kafka"]
_SENDERS, _FEW, _LAPSING = 8, 16, 2
_KINDS: tuple[Kind, ...] = ("lease", "sse", "poll", "lease", "sse", "poll", "sse", "kafka")


@dataclass(frozen=True, slots=True)
class Network:
    """The part of the country that the load goes through."""

    senders: tuple[str, ...]
    """Codes of agencies that have a system of their own."""
    few: tuple[str, ...]
    """Recipients with a system of their own, of all levels."""
    spare: tuple[str, ...]
    """With a system of their own, too: each sends one document and then loses its certificate."""
    lapsing: tuple[str, ...]
    """Two more, whose leaders have a certificate that has ended or has not begun."""
    wide: tuple[str, ...]
    """A province and all that is below it: the addressees of a document to everybody."""
    serving: dict[str, str]
    """From the code of every agency of the stack to the system that reads for it."""
    hub: str
    """The system that reads for many."""

    @property
    def readers(self) -> dict[str, Kind]:
        """Return how each system that takes part reads its mailboxes."""
        kinds: dict[str, Kind] = {self.hub: "poll"}
        for number, code in enumerate(self.few):
            kinds[self.serving[code]] = _KINDS[number % len(_KINDS)]
        for number, code in enumerate(self.wide):
            kinds.setdefault(self.serving[code], _KINDS[number % 2])
        return kinds

    def reading(self, kind: Kind) -> tuple[str, ...]:
        """Return recipients of their own whose system reads in this way."""
        return tuple(code for code in self.few if self.readers[self.serving[code]] == kind)


def choose(rows: Sequence[Json]) -> Network:
    """Choose from the rows of `clients.json`. Raises ValueError when the network is too small."""
    receiving = [row for row in rows if "documents.receive" in str(row["scope"]).split()]
    hub = max(receiving, key=lambda row: len(row["agencies"]))
    province = str(hub["agencies"][0]).split(".", maxsplit=1)[0]
    serving = {str(code): str(row["client_id"]) for row in receiving for code in row["agencies"]}
    wide = [code for code in serving if code == province or code.startswith(f"{province}.")]
    alone = [str(row["agencies"][0]) for row in receiving if len(row["agencies"]) == 1]
    others = [code for code in alone if code not in wide]
    if len(others) < _SENDERS + _FEW or len(wide) < _FEW:
        raise ValueError(f"a network of {len(serving)} agencies is too small for the proof")
    top = [code for code in others if "." not in code]
    senders = tuple(dict.fromkeys([*(c for c in top if c == "G22"), *top]))[:_SENDERS]
    left = [code for code in others if code not in senders]
    step = max(1, len(left) // _FEW)
    few = tuple(left[::step][:_FEW])
    spare = tuple(code for code in left if code not in few)
    return Network(
        senders=senders,
        few=few,
        spare=spare[:-_LAPSING],
        lapsing=spare[-_LAPSING:],
        wide=tuple(wide),
        serving=serving,
        hub=str(hub["client_id"]),
    )
