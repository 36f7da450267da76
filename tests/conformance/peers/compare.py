"""Puts every case of the matrix to every peer, each in the form that it is asked in."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.conformance.case import Case, Decision
from tests.conformance.peers import openssl, pdfsig
from tests.conformance.peers.dss import Dss
from tests.conformance.peers.peer import Asked, Said, Verdict

Ask = Callable[[Asked], Said]
VERDICTS: Mapping[Decision, Verdict] = {"accept": "good", "refuse": "bad", "hold": "unknown"}
"""What the exchange does, as a peer's verdict."""


def ours(decision: Decision, indication: str, sub_indication: str | None, rule: str | None) -> Said:
    """Return our verdict as a peer's; its words end with the rule, as explanations expect."""
    words = (indication, sub_indication, rule)
    return Said(VERDICTS[decision], " ".join(word for word in words if word))


def asked(case: Case) -> Asked:
    """Return a case as a question; of the trust list a peer understands the certificates only."""
    return Asked(
        form=case.form,
        file=case.file,
        content=case.content,
        at=case.at,
        roots=[one.der for one in case.authorities if one.anchor],
        intermediates=[one.der for one in case.authorities if not one.anchor],
        crls=[one.der for one in case.lists],
        ocsps=list(case.answers),
    )


@dataclass(slots=True)
class Peers:
    """All peers, and how long each has taken."""

    ask: Mapping[str, Ask]
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def say(self, case: Case) -> dict[str, Said]:
        """Return each peer's verdict on a case."""
        question = asked(case)
        said: dict[str, Said] = {}
        for name, ask in self.ask.items():
            began = time.monotonic()
            said[name] = ask(question)
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began
        return said

    def all(self, cases: Iterable[Case]) -> Iterator[tuple[Case, dict[str, Said]]]:
        """Yield each case with each peer's verdict."""
        for case in cases:
            yield case, self.say(case)


@contextmanager
def peers() -> Generator[Peers]:
    """Start what has to be started; raises Missing where a tool is not there."""
    with Dss() as dss:
        yield Peers({"openssl": openssl.ask, "pdfsig": pdfsig.ask, "dss": dss.ask})
