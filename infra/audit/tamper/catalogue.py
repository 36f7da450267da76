"""Which tables are tampered with, and which of their columns prove nothing, and why."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows are evidence, but for some columns."""

    service: str
    name: str
    key: tuple[str, ...]
    """What names a row: another one is given to a foreign row that is inserted."""
    not_evidence: Mapping[str, str]
    """Columns that no promise rests on, and why."""

    @property
    def title(self) -> str:
        """The table with its service."""
        return f"{self.service}.{self.name}"


_TRACE = "where a trace goes on; shown to operators"
_WORK = "how far the work on it is; the next step of that writes it again"
_TOLD = "what was told before signing, restored, judged again; what counts stands beside it"
_ARRIVAL = "when this database heard of it: the event has its own time"

TABLES: tuple[Table, ...] = (
    Table("docs", "deliveries", ("id", "recipient_id"), {}),
    Table(
        "docs",
        "mailbox_heads",
        ("agency_id",),
        {},
    ),
    Table(
        "docs",
        "seen_heads",
        ("agency_id",),
        {"epoch": "of notify's database; another one is asked again", "hinted_at": _WORK},
    ),
    Table("docs", "receipts", ("delivery_id",), {"trace_id": _TRACE}),
    Table("docs", "statuses", ("step",), {"trace_id": _TRACE}),
    Table(
        "docs",
        "verdicts",
        ("judgement",),
        {"received_at": _ARRIVAL, "told_at": _TOLD, "told_reason": _TOLD},
    ),
    Table("docs", "withdrawals", ("dispatch_id",), {"received_at": _ARRIVAL}),
    Table(
        "docs",
        "dispatches",
        ("id", "turn"),
        {
            "asked_at": _WORK,
            "asks": _WORK,
            "traceparent": _TRACE,
            "verdict_at": "orders clearing; each verdict has its own time",
            "cleared_at": "each copy's own time stands under its hash",
        },
    ),
    Table(
        "docs",
        "dispatch_changes",
        ("id", "recipient_id"),
        {"id": "names nothing", "at": _ARRIVAL, "trace_id": _TRACE},
    ),
    Table("docs", "documents", ("id",), {}),
    Table(
        "docs",
        "attachments",
        ("id", "position"),
        {"stored_at": "when a file was stored here: its digest says which"},
    ),
    Table("docs", "turns", ("sender_id",), {}),
    Table(
        "docs",
        "signatures",
        ("id",),
        {
            "client_id": "who asked; who used the key stands in signing's key_uses",
            "tries": _WORK,
            "next_try_at": _WORK,
            "trouble": _WORK,
            "requested_at": _WORK,
            "ended_at": _ARRIVAL,
        },
    ),
    Table(
        "notify",
        "entries",
        ("delivery_id", "sequence"),
        {"traceparent": _TRACE, "arrived_at": _ARRIVAL},
    ),
    Table("notify", "lanes", ("agency_id",), {}),
    Table(
        "notify",
        "waiting",
        ("delivery_id",),
        {
            "attempt": _WORK,
            "lease_id": _WORK,
            "client_id": _WORK,
            "leased_until": _WORK,
        },
    ),
    Table("notify", "receipts", ("delivery_id",), {}),
    Table("notify", "statuses", ("step",), {}),
    Table(
        "signing",
        "examinations",
        ("dispatch_id",),
        {
            "requested_at": _WORK,
            "trace": _TRACE,
            "fence": _WORK,
            "claimed_until": _WORK,
            "next_try_at": _WORK,
            "alone": _WORK,
            "strikes": _WORK,
        },
    ),
    Table("signing", "verdicts", ("judgement",), {}),
    Table("signing", "verdict_certificates", ("certificate",), {}),
    Table("signing", "withdrawals", ("dispatch_id",), {"withdrawn_at": _ARRIVAL}),
    Table(
        "signing",
        "signatures",
        ("id",),
        {
            "trace": _TRACE,
            "requested_at": _ARRIVAL,
            "expires_at": "until when it may be activated: past for one that has ended",
            "ended_at": "when it ended: signed_at is in the signature itself",
        },
    ),
    Table(
        "signing",
        "signature_intents",
        ("signature_id",),
        {"written_at": "signing_time is what the signature holds"},
    ),
    Table(
        "signing",
        "key_uses",
        ("signature_id",),
        {
            "client_id": "signing alone knows it, and may not change it: no update, no delete",
            "at": "as client_id; signed_at is in the signature itself",
        },
    ),
    Table(
        "signing",
        "certificates",
        ("sha256",),
        {
            "withdrawing": _WORK,
            "withdrawn_to": _WORK,
            "changed_in": "with which list a verdict is made anew; the lists say who is revoked",
            "registered_at": _ARRIVAL,
        },
    ),
    Table("signing", "materials", ("sha256",), {"kept_at": _ARRIVAL}),
    Table("signing", "trust_changes", ("id", "version"), {}),
)
