"""`scale:N`: a network of N agencies in four levels, made by rule, the same everywhere."""

from collections.abc import Iterator
from pathlib import Path

from infra.seed.network import Entry, Facts, facts
from infra.seed.table import as_csv

FEWEST, MOST = 10, 10_000
"""Below there are no four levels; above a province's hub would act for more than 200 communes."""
_FIRST_CENTRAL, _FIRST_PROVINCE = "G22", "H14"
"""The sender and the province of the demo are in every network."""
_PROVINCES = 63
_PER_CENTRAL, _PER_PROVINCE, _PER_DISTRICT = 100, 50, 15


def write(path: Path, count: int) -> None:
    """Write the network of so many agencies, whole or not at all."""
    half = path.with_suffix(".half")
    half.write_text(as_csv(scale(facts(), count)), encoding="utf-8")
    half.replace(path)


def scale(known: Facts, count: int) -> list[Entry]:
    """Return a network of exactly `count` agencies; below each province districts and communes."""
    since = known.codes_in_force
    centre = sorted(known.centre, key=lambda code: (code != _FIRST_CENTRAL, code))
    central = centre[: max(1, min(len(centre), count // _PER_CENTRAL))]
    provinces = list(_province_codes())[: max(1, min(_PROVINCES, count // _PER_PROVINCE))]
    districts = max(len(provinces), count // _PER_DISTRICT)
    entries = [Entry(code, known.centre[code], "central", since) for code in central]
    entries += [Entry(code, _province(known, code), "province", since) for code in provinces]
    lower = [_below(provinces, number) for number in range(districts)]
    entries += [
        Entry(code, f"Ủy ban nhân dân huyện {code}", "district", since, parent)
        for code, parent in lower
    ]
    above = [code for code, _ in lower]
    communes = (_below(above, number) for number in range(count - len(entries)))
    entries += [
        Entry(code, f"Ủy ban nhân dân xã {code}", "commune", since, parent)
        for code, parent in communes
    ]
    return entries


def _province_codes() -> Iterator[str]:
    yield _FIRST_PROVINCE
    for number in range(1, _PROVINCES + 1):
        if (code := f"H{number:02}") != _FIRST_PROVINCE:
            yield code


def _province(known: Facts, code: str) -> str:
    names = {province.code: province.name for province in known.provinces}
    name = names.get(code, f"tỉnh {code}")
    return f"Ủy ban nhân dân {name[0].lower()}{name[1:]}"


def _below(parents: list[str], number: int) -> tuple[str, str]:
    """Return code and parent of the nth agency below these: they are filled in turns."""
    turn, place = divmod(number, len(parents))
    return f"{parents[place]}.{turn + 1:02}", parents[place]
