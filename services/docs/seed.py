"""A seed file (CSV) read as agencies with the ids that the same seed has everywhere. No I/O."""

import csv
import io
from collections.abc import Mapping
from datetime import date

from services.docs.agency import Agency, AgencyState, clean_name, seeded_id
from shared.ids import AgencyId

COLUMNS = (
    "code",
    "code_qcvn102",
    "old_codes",
    "name",
    "level",
    "parent",
    "state",
    "valid_from",
    "valid_to",
    "successors",
    "synthetic",
)
"""Lists are joined by `;`, agencies named by `code`."""


def parse(text: str) -> list[Agency]:
    """Return the agencies of a seed, parents before children, with versions from 1.

    Raises ValueError for a file that does not describe a directory.
    """
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ValueError(f"a seed has the columns {','.join(COLUMNS)}")
    rows = {row["code"]: row for row in reader}
    ordered = sorted(rows.values(), key=lambda row: _depth(row, rows))
    return [_agency(row, rows, version) for version, row in enumerate(ordered, 1)]


def _agency(row: Mapping[str, str], rows: Mapping[str, object], version: int) -> Agency:
    return Agency(
        id=seeded_id(row["code"]),
        code=row["code"],
        code_qcvn102=row["code_qcvn102"] or None,
        old_codes=_several(row["old_codes"]),
        name=clean_name(row["name"]),
        level=row["level"],
        parent_id=_known(row["parent"], rows) if row["parent"] else None,
        state=AgencyState(row["state"]),
        valid_from=date.fromisoformat(row["valid_from"]),
        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        successors=tuple(_known(code, rows) for code in _several(row["successors"])),
        synthetic=row["synthetic"] == "true",
        version=version,
    )


def _several(cell: str) -> tuple[str, ...]:
    return tuple(part for part in cell.split(";") if part)


def _known(code: str, rows: Mapping[str, object]) -> AgencyId:
    if code not in rows:
        raise ValueError(f"the seed names {code}, which it does not hold")
    return seeded_id(code)


def _depth(row: Mapping[str, str], rows: Mapping[str, Mapping[str, str]]) -> int:
    depth = 0
    while row["parent"]:
        _known(row["parent"], rows)
        depth += 1
        if depth > len(rows):
            raise ValueError(f"{row['code']} is below itself")
        row = rows[row["parent"]]
    return depth
