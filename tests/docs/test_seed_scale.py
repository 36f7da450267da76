"""Networks made by rule: any size, four levels, the same everywhere, read by docs and the PKI."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.pki.clients import HUB, list_clients
from infra.pki.seed import SeedAgency
from infra.seed.network import facts
from infra.seed.scale import FEWEST, MOST, scale
from infra.seed.table import as_csv
from services.docs.agency import is_code
from services.docs.seed import parse

KNOWN = facts()
LEVEL_ABOVE = {"district": "province", "commune": "district"}


@settings(deadline=None)
@given(st.integers(FEWEST, MOST))
def test_every_size_has_exactly_that_many_agencies_in_four_levels(count: int):
    entries = scale(KNOWN, count)
    levels = {entry.code: entry.level for entry in entries}
    assert len(entries) == len(levels) == count
    assert set(levels.values()) == {"central", "province", "district", "commune"}
    assert all(is_code(code) for code in levels)
    for entry in entries:
        assert levels.get(entry.parent) == LEVEL_ABOVE.get(entry.level)


@given(st.integers(FEWEST, MOST))
def test_every_size_holds_who_sends_and_receives_in_the_demo(count: int):
    levels = {entry.code: entry.level for entry in scale(KNOWN, count)}
    assert (levels["G22"], levels["H14"]) == ("central", "province")
    assert any(code.startswith("H14.") and at == "commune" for code, at in levels.items())


@pytest.mark.parametrize("count", [FEWEST, 300, MOST])
def test_docs_reads_what_is_written(count: int):
    agencies = parse(as_csv(scale(KNOWN, count)))
    assert len(agencies) == count
    assert all(agency.synthetic for agency in agencies)


@pytest.mark.parametrize("count", [FEWEST, 3000, MOST])
def test_each_level_has_a_system_and_a_hub_fits_into_one_token(count: int):
    entries = scale(KNOWN, count)
    agencies = [SeedAgency(code=e.code, name=e.name, level=e.level) for e in entries]
    levels = {agency.code: agency.level for agency in agencies}
    clients = list_clients(agencies)
    (hub,) = (client for client in clients if client.client_id == HUB)
    assert 1 <= len(hub.agencies) <= 200
    served = Counter(levels[code] for client in clients for code in client.agencies)
    assert served == Counter(levels.values())
