"""A network as the table (CSV) that docs and the PKI read."""

import csv
import io
from collections.abc import Sequence

from infra.seed.network import Entry
from services.docs.agency import clean_name, proposed_qcvn102
from services.docs.seed import COLUMNS


def as_csv(entries: Sequence[Entry]) -> str:
    """Return a network as a seed file that docs reads."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow(
            (
                entry.code,
                proposed_qcvn102(entry.code) or "",
                "",
                clean_name(entry.name),
                entry.level,
                entry.parent,
                "closed" if entry.closed_on else "active",
                entry.valid_from.isoformat(),
                entry.closed_on.isoformat() if entry.closed_on else "",
                ";".join(entry.successors),
                "true" if entry.synthetic else "false",
            )
        )
    return text.getvalue()
