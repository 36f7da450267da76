"""Write `articles.csv` and `today.csv` beside the facts they are made from."""

from pathlib import Path

from infra.seed.network import articles, facts, today
from infra.seed.table import as_csv


def main() -> None:
    """Write both files."""
    known = facts()
    folder = Path(__file__).parent
    for name, network in (("articles", articles(known)), ("today", today(known))):
        (folder / f"{name}.csv").write_text(as_csv(network), encoding="utf-8")
        print(f"{name}: {len(network)} agencies")


if __name__ == "__main__":
    main()
