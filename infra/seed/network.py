"""Two networks made from the facts: that of the articles, and today's, since 1 July 2025."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import BaseModel

_FACTS = Path(__file__).with_name("facts.toml")

# Codes that no published list gives follow this rule and are marked synthetic: below a province its
# districts, departments and communes of today from these numbers (communes from the wider one where
# two digits are too narrow), below a district its communes from 01, all in the order of the facts.
_DISTRICTS_FROM = 1
_DEPARTMENTS_FROM = 21
_COMMUNES_FROM = 41
_COMMUNES_FROM_WIDE = 101
_LAST_OF_TWO_DIGITS = 99


class _Province(BaseModel):
    code: str
    name: str
    became: str
    only_today: bool = False
    unpublished_code: bool = False


class _Departments(BaseModel):
    province: str
    names: list[str]


class _District(BaseModel):
    province: str
    name: str
    communes: dict[str, list[str]]
    """Each commune of before, with those that took it over."""


class _CentreClosed(BaseModel):
    on: date
    successors: dict[str, list[str]]


class Facts(BaseModel):
    """What `facts.toml` says."""

    codes_in_force: date
    reorganised: date
    centre: dict[str, str]
    centre_closed: _CentreClosed
    provinces: list[_Province]
    departments: list[_Departments]
    districts: list[_District]


@dataclass(frozen=True, slots=True)
class Entry:
    """One agency of a network, by codes."""

    code: str
    name: str
    level: str
    valid_from: date
    parent: str = ""
    closed_on: date | None = None
    successors: tuple[str, ...] = ()
    synthetic: bool = True


def facts() -> Facts:
    """Return the facts."""
    return Facts.model_validate(tomllib.loads(_FACTS.read_text(encoding="utf-8")))


def articles(known: Facts) -> list[Entry]:
    """Return the network that the exchange was asked for: four levels."""
    centre = (
        Entry(code, name, "central", known.codes_in_force, synthetic=False)
        for code, name in known.centre.items()
    )
    return [*centre, *_provinces_before(known), *_below_before(known)]


def today(known: Facts) -> list[Entry]:
    """Return the network since the reorganisation, with what it closed and who took over."""
    communes = _communes_today(known)
    codes = {(entry.parent, name): entry.code for name, entry in communes}
    return [
        *_centre_today(known),
        *_provinces_today(known),
        *(entry for _, entry in communes),
        *_below_closed(known, codes),
    ]


def _provinces_before(known: Facts) -> Iterator[Entry]:
    for province in known.provinces:
        if not province.only_today:
            name = _people_s_committee(province.name)
            yield Entry(province.code, name, "province", known.codes_in_force, synthetic=False)


def _below_before(known: Facts) -> Iterator[Entry]:
    for departments in known.departments:
        for number, name in enumerate(departments.names, _DEPARTMENTS_FROM):
            parent = departments.province
            code = f"{parent}.{number:02}"
            yield Entry(code, name, "province", known.codes_in_force, parent)
    for code, district in _numbered(known):
        name = _people_s_committee(district.name)
        yield Entry(code, name, "district", known.codes_in_force, district.province)
        for below, commune in _communes_before(code, district):
            name = f"{_people_s_committee(commune)}, {_in_a_sentence(district.name)}"
            yield Entry(below, name, "commune", known.codes_in_force, code)


def _centre_today(known: Facts) -> Iterator[Entry]:
    closed = known.centre_closed
    for code, name in known.centre.items():
        yield Entry(
            code,
            name,
            "central",
            known.codes_in_force,
            closed_on=closed.on if code in closed.successors else None,
            successors=tuple(closed.successors.get(code, ())),
            synthetic=False,
        )


def _provinces_today(known: Facts) -> Iterator[Entry]:
    for province in known.provinces:
        ended = province.became != province.code
        yield Entry(
            province.code,
            _people_s_committee(province.name),
            "province",
            known.codes_in_force,
            closed_on=known.reorganised if ended else None,
            successors=(province.became,) if ended else (),
            synthetic=province.unpublished_code,
        )


def _communes_today(known: Facts) -> list[tuple[str, Entry]]:
    """Return the communes of today with their short names."""
    names = {province.code: province.name for province in known.provinces}
    became = {province.code: province.became for province in known.provinces}
    below: dict[str, dict[str, None]] = {}
    for district in known.districts:
        found = below.setdefault(became[district.province], {})
        for successors in district.communes.values():
            found |= dict.fromkeys(successors)
    return [
        (
            commune,
            Entry(
                f"{province}.{number:02}",
                f"{_people_s_committee(commune)}, {_in_a_sentence(names[province])}",
                "commune",
                known.reorganised,
                province,
            ),
        )
        for province, communes in below.items()
        for number, commune in enumerate(communes, _first_commune(len(communes)))
    ]


def _below_closed(known: Facts, codes: Mapping[tuple[str, str], str]) -> Iterator[Entry]:
    became = {province.code: province.became for province in known.provinces}
    taken_over = {
        below: tuple(codes[became[district.province], name] for name in successors)
        for code, district in _numbered(known)
        for below, successors in zip(
            (below for below, _ in _communes_before(code, district)),
            district.communes.values(),
            strict=True,
        )
    }
    for entry in _below_before(known):
        yield Entry(
            entry.code,
            entry.name,
            entry.level,
            entry.valid_from,
            entry.parent,
            closed_on=known.reorganised,
            successors=taken_over.get(entry.code, ()),
        )


def _numbered(known: Facts) -> Iterator[tuple[str, _District]]:
    counts: dict[str, int] = {}
    for district in known.districts:
        number = counts.get(district.province, _DISTRICTS_FROM - 1) + 1
        counts[district.province] = number
        yield f"{district.province}.{number:02}", district


def _communes_before(code: str, district: _District) -> Iterator[tuple[str, str]]:
    for number, commune in enumerate(district.communes, 1):
        yield f"{code}.{number:02}", commune


def _first_commune(count: int) -> int:
    fits = _COMMUNES_FROM + count - 1 <= _LAST_OF_TWO_DIGITS
    return _COMMUNES_FROM if fits else _COMMUNES_FROM_WIDE


def _people_s_committee(unit: str) -> str:
    return f"Ủy ban nhân dân {_in_a_sentence(unit)}"


def _in_a_sentence(unit: str) -> str:
    return unit[0].lower() + unit[1:]
