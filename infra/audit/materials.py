"""What verdicts rest on: every piece is there, is what its name says, and something rests on it."""

import hashlib
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any

from infra.audit.cogroup import Case
from infra.audit.finding import Books, Finding, Row


def named(material: Mapping[str, Any]) -> dict[str, str]:
    """Return the kinds of the pieces that evidence names, by digest.

    Raises LookupError, TypeError for what is no evidence of ours.
    """
    kinds = {material["policy"]: "policy"}
    kinds |= {one["sha256"]: "certificate" for one in material["authorities"]}
    kinds |= {one["sha256"]: "crl" for one in material["lists"]}
    kinds |= dict.fromkeys(material["answers"], "ocsp")
    if material["signature"] is not None:
        kinds[material["signature"]] = "cms"
    return kinds


async def known(books: Books) -> AsyncGenerator[Row]:
    """Yield what the evidence of all verdicts names, by digest."""
    for sha256, kind in sorted(books.materials.items()):
        yield {"sha256": sha256, "kind": kind}


def check_piece(key: tuple[str], case: Case, books: Books) -> Iterator[Finding]:
    """Yield what is wrong with one piece."""
    where = f"material {key[0]}"
    if not case["piece"]:
        yield Finding(where, "verdicts rest on it, and it is not there")
        return
    (piece,) = case["piece"]
    books.counted["materials"] += 1
    found = hashlib.sha256(piece["content"]).hexdigest()
    if found != piece["sha256"]:
        yield Finding(where, f"its bytes have the digest {found}")
    if not case["named"]:
        yield Finding(where, "no verdict rests on it")
    elif case["named"][0]["kind"] != piece["kind"]:
        yield Finding(where, f"is kept as {piece['kind']}, used as {case['named'][0]['kind']}")
