"""Write `articles.csv` and `today.csv` beside the facts they are made from."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from infra.seed.network import Entry, articles, facts, today
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


def main() -> None:
    """Write both files."""
    known = facts()
    folder = Path(__file__).parent
    for name, network in (("articles", articles(known)), ("today", today(known))):
        (folder / f"{name}.csv").write_text(as_csv(network), encoding="utf-8")
        print(f"{name}: {len(network)} agencies")


if __name__ == "__main__":
    main()
