"""The last lines of the demo: where to look next, and the figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.client import Json
from infra.demo.count import Count
from infra.demo.receive import Findings
from infra.demo.send import Sent
from infra.stack.folder import Folder

TROUBLES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """What the last line says."""

    seconds: float
    """From the beginning of the demo until everything was counted; Jaeger is asked after that."""
    sent: Sent
    counted: Count
    findings: Findings
    spans: int

    @property
    def last_delivery_s(self) -> float:
        """Seconds from acceptance to the last arrival in a mailbox, by the server's own times."""
        arrived = self.counted.last_arrival
        return (arrived - self.sent.accepted_at).total_seconds() if arrived else float("nan")

    def good(self) -> bool:
        """Say whether everybody got it, once, whole and in order."""
        everybody = {self.sent.recipients}
        return {
            self.counted.delivered,
            self.counted.acknowledged,
        } == everybody and self.counted.duplicates == self.counted.gaps == len(
            self.findings.corrupt
        ) == 0

    def line(self) -> str:
        """Return the last line."""
        counted = self.counted
        return (
            f"DEMO recipients={self.sent.recipients} delivered={counted.delivered} "
            f"acknowledged={counted.acknowledged} corrupt={len(self.findings.corrupt)} "
            f"gaps={counted.gaps} duplicates={counted.duplicates} "
            f"seconds={self.seconds:.1f} accept_ms={self.sent.accept_ms:.0f} "
            f"last_delivery_s={self.last_delivery_s:.2f} trace={self.sent.trace} spans={self.spans}"
        )


def where_next(run: Path, addresses: Json, code: str, troubles: Sequence[str]) -> str:
    """Return what to type and open now, after the troubles met on the way."""
    hint = Folder(run).hint(run.name)
    here = f"{hint} " if hint else ""
    met = [f"  {trouble[:300]}" for trouble in troubles[:TROUBLES_SHOWN]]
    if len(troubles) > TROUBLES_SHOWN:
        met.append(f"  … and {len(troubles) - TROUBLES_SHOWN} more")
    lines = [
        *(["", "Met on the way, and tried again:", *met] if met else []),
        "",
        "The system keeps running. Where to look next:",
        f"  {here}make trace CODE={code}   the document's way through all services",
        f"  {here}make status   ·   {here}make logs P=docs   ·   {here}make demo (again)",
        f"  gateway  {addresses['gateway']}/openapi.json   describes every route",
        f"  jaeger   {addresses.get('jaeger', 'not running')}",
        f"  keys of all systems: {run / 'clients.json'}",
        f"  {here}make down   ends it; the state stays in {run}",
        "",
    ]
    return "\n".join(lines)
