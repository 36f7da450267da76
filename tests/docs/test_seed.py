"""The seed files: made from the facts, complete, and the same everywhere."""

from collections import Counter
from pathlib import Path

import pytest

from infra.seed.network import Entry, articles, facts, today
from infra.seed.table import as_csv
from services.docs.agency import AgencyState, is_code, proposed_qcvn102, seeded_id
from services.docs.seed import parse

FOLDER = Path(__file__).parents[2] / "infra/seed"
CAO_BANG, HA_GIANG, TUYEN_QUANG = "H14", "H22", "H60"


def _read(name: str) -> str:
    return (FOLDER / f"{name}.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "network"), [("articles", articles(facts())), ("today", today(facts()))]
)
def test_the_seed_files_are_what_the_facts_make(name: str, network: list[Entry]):
    assert _read(name) == as_csv(network)


def test_the_articles_network_has_the_points_that_were_asked_for():
    agencies = parse(_read("articles"))
    below = Counter((agency.code.split(".")[0], agency.level) for agency in agencies)
    assert below[CAO_BANG, "district"] == 10
    assert below[CAO_BANG, "commune"] == 161
    assert below[HA_GIANG, "commune"] == 193
    assert below[HA_GIANG, "district"] == 11
    assert below[HA_GIANG, "province"] == 1 + 38
    assert {agency.state for agency in agencies} == {AgencyState.ACTIVE}


def test_today_has_no_active_district_and_57_recipients_in_cao_bang():
    active = [agency for agency in parse(_read("today")) if agency.state is AgencyState.ACTIVE]
    of = Counter(agency.code.split(".")[0] for agency in active)
    assert not [agency for agency in active if agency.level == "district"]
    assert of[CAO_BANG] == 57
    assert of[TUYEN_QUANG] == 1 + 73
    assert HA_GIANG not in of


def test_a_closed_commune_names_who_took_it_over_or_nobody():
    agencies = {agency.code: agency for agency in parse(_read("today"))}
    names = {agency.id: agency.name for agency in agencies.values()}

    def successors(part: str) -> list[str]:
        (closed,) = (a for a in agencies.values() if a.name.startswith(part) and a.valid_to)
        return [names[successor] for successor in closed.successors]

    assert successors("Ủy ban nhân dân xã Việt Lâm, huyện") == [
        "Ủy ban nhân dân xã Việt Lâm, tỉnh Tuyên Quang",
        "Ủy ban nhân dân xã Vị Xuyên, tỉnh Tuyên Quang",
    ]
    assert successors("Ủy ban nhân dân xã Thượng Bình, huyện Bắc Quang") == []


@pytest.mark.parametrize("name", ["articles", "today"])
def test_codes_are_well_formed_and_unique_over_all_forms(name: str):
    agencies = parse(_read(name))
    codes = [code for agency in agencies for code in agency.codes]
    assert len(codes) == len(set(codes))
    assert all(is_code(agency.code) for agency in agencies)
    assert all(agency.code_qcvn102 == proposed_qcvn102(agency.code) for agency in agencies)


def test_an_agency_has_the_same_id_in_every_network():
    both = [{agency.code: agency.id for agency in parse(_read(n))} for n in ("articles", "today")]
    assert both[0]["H14.03.05"] == both[1]["H14.03.05"] == seeded_id("H14.03.05")


@pytest.mark.parametrize(
    ("code", "form"),
    [
        ("G22", "000.00.00.G22"),
        ("H53.13", "000.00.13.H53"),
        ("H14.03.05", "000.05.03.H14"),
        ("H55.242", None),
        ("H37.DN.001", None),
    ],
)
def test_the_older_form_is_proposed_only_where_it_has_room(code: str, form: str | None):
    assert proposed_qcvn102(code) == form


@pytest.mark.parametrize(
    "text",
    [
        "code,name\nH14,x\n",
        _read("articles").replace(",H14.03,", ",H99,", 1),
    ],
)
def test_a_file_that_is_no_directory_is_refused(text: str):
    with pytest.raises(ValueError, match="seed"):
        parse(text)
