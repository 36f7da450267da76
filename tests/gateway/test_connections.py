"""Every point of the directory is listed, by its own rhythm, with what passed in the last hour."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.gateway.store.points import NOBODY, Traffic, add_traffic
from tests.gateway.door import Door

H14, G22, WARD, AWAY = (UUID(int=number) for number in (1, 2, 3, 4))


@pytest.fixture
async def network(door: Door) -> Door:
    await door.agency(3, "H14.03.05", level="commune", above=1)
    await door.agency(4, "H15", version=4)
    return door


async def passed(
    door: Door,
    client_id: str,
    agency: UUID,
    *,
    ago: timedelta = timedelta(),
    traffic: Traffic | None = None,
) -> None:
    key, seen = (client_id, agency), datetime.now(UTC) - ago
    one = traffic or Traffic(1, 0, 0, 10, 100)
    await door.db.as_worker(lambda conn: add_traffic(conn, {key: one}, {key: seen}))


async def get(door: Door, path: str, client_id: str = "operator", **headers: str) -> Any:  # noqa: ANN401
    answer = await door.client.get(path, headers=await door.headers(client_id, **headers))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def states(door: Door, query: str = "") -> dict[str, str]:
    items = (await get(door, f"/v1/connections{query}"))["items"]
    return {item["agency"]: item["state"] for item in items}


async def execute(door: Door, sql: str) -> Any:  # noqa: ANN401
    conn = await asyncpg.connect(door.settings.database_owner.get_secret_value())
    try:
        return await conn.fetchval(sql)
    finally:
        await conn.close()


async def test_points_never_seen_are_listed_too(network: Door):
    assert await states(network) == dict.fromkeys(("G22", "H14", "H14.03.05", "H15"), "never")
    await network.agency(4, "H15", state="closed", version=9)
    assert "H15" not in await states(network)


async def test_a_point_is_judged_by_its_own_rhythm(network: Door):
    for minutes in (180, 120, 60, 0):  # comes every hour
        await passed(network, "sys-h14", H14, ago=timedelta(minutes=minutes + 100))
    for seconds in (90, 60, 30, 0):  # comes every half minute
        await passed(network, "sys-g22", G22, ago=timedelta(seconds=seconds + 100))
    await passed(network, "sys-ward", WARD, ago=timedelta(seconds=5))
    await passed(network, "sys-away", AWAY, ago=timedelta(days=3))
    wanted = {"G22": "late", "H14": "connected", "H14.03.05": "connected", "H15": "silent"}
    assert await states(network) == wanted


async def test_an_outage_does_not_make_a_point_one_that_comes_rarely(network: Door):
    for seconds in (90, 60, 30, 0):
        await passed(network, "sys-h14", H14, ago=timedelta(days=2, seconds=seconds))
    await passed(network, "sys-h14", H14)
    rhythm = (await get(network, "/v1/agencies/H14/connection"))["rhythm_seconds"]
    assert 30 <= rhythm <= 60


async def test_lists_take_filters_and_pages(network: Door):
    await passed(network, "sys-h14", H14)
    assert await states(network, "?under=H14") == {"H14.03.05": "never"}
    assert await states(network, "?level=province&state=connected") == {"H14": "connected"}
    assert set(await states(network, "?state=never")) == {"G22", "H14.03.05", "H15"}
    headers = await network.headers("operator")
    path, seen = "/v1/connections?limit=3", list[str]()
    while path:
        answer = await network.client.get(path, headers=headers)
        seen += [item["agency"] for item in answer.json()["items"]]
        assert ("link" in answer.headers) == (answer.json()["next_cursor"] is not None)
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == ["G22", "H14", "H14.03.05", "H15"]
    for query in ("under=H99", "cursor=%00", "cursor=!", "state=x", "limit=501"):
        answer = await network.client.get(f"/v1/connections?{query}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "REQ-4003"), query


async def test_the_last_hour_stands_minute_by_minute_and_older_ones_are_gone(network: Door):
    two = timedelta(minutes=2)
    await passed(network, "sys-h14", H14, ago=timedelta(minutes=70))
    await passed(network, "sys-h14", H14, ago=two, traffic=Traffic(5, 1, 1, 20, 300))
    await passed(network, "sys-h14", H14, ago=two)
    shown = (await get(network, "/v1/agencies/H14/connection"))["throughput"]
    assert {name: len(shown[name]) for name in ("requests", "bytes_in")} == {
        "requests": 60,
        "bytes_in": 60,
    }
    assert [sum(shown[name]) for name in ("requests", "errors", "bytes_in", "bytes_out")] == [
        *(6, 2, 30, 400)
    ]
    assert max(shown["requests"][-4:-1]) == 6
    assert await execute(network, "select count(*) from traffic_minutes") == 1
    assert await execute(network, "select requests from traffic") == 7


async def test_a_system_of_several_agencies_counts_where_it_says_and_is_shared_else(network: Door):
    named = await network.headers("hub", **{"On-Behalf-Of": "G22"})
    await network.client.get("/v1/me", headers=named)
    await network.client.get("/v1/me", headers=await network.headers("hub"))
    await network.points.flush(network.db)
    found = await get(network, "/v1/agencies/G22/connection")
    (use,) = found["items"]
    assert (use["client_id"], use["requests"], use["shared"]["requests"]) == ("hub", 1, 1)
    assert (found["requests"], sum(use["shared"]["throughput"]["requests"])) == (1, 1)
    other = await get(network, "/v1/agencies/H14/connection")
    assert (other["state"], other["requests"]) == ("connected", 0), "seen through the hub"
    uses = {use["client_id"]: use for use in other["items"]}
    assert (uses["hub"]["shared"]["requests"], uses["sys-h14"]["shared"]) == (1, None)
    assert await execute(network, f"select count(*) from traffic where agency = '{NOBODY}'") == 1  # noqa: S608


async def test_only_the_agency_itself_and_operators_see_a_point(network: Door):
    own = await network.headers("sys-h14")
    assert (await network.client.get("/v1/agencies/H14/connection", headers=own)).is_success
    for path in ("/v1/agencies/G22/connection", "/v1/agencies/H99/connection"):
        assert (await network.client.get(path, headers=own)).status_code == 404
    assert (await network.client.get("/v1/connections", headers=own)).status_code == 403
    assert (await get(network, "/v1/agencies/H15/connection"))["state"] == "never"


async def test_the_list_as_a_table_that_no_spreadsheet_runs(network: Door):
    await network.agency(5, "=H1+1", version=5)
    await passed(network, "sys-h14", H14)
    headers = await network.headers("operator", Accept="text/csv")
    answer = await network.client.get("/v1/connections?limit=3", headers=headers)
    assert answer.headers["content-type"].startswith("text/csv")
    assert "next" in answer.links
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["agency"] for row in rows] == ["'=H1+1", "G22", "H14"]
    assert (rows[2]["state"], rows[2]["systems"]) == ("connected", "hub sys-h14")
    assert (rows[2]["last_hour_requests"], rows[2]["last_hour_bytes_out"]) == ("1", "100")


async def test_a_form_that_is_not_offered_is_406(network: Door):
    for accept in ("image/png", "text/csv;q=0, application/json;q=0", "application/json;q=0"):
        headers = await network.headers("operator", Accept=accept)
        answer = await network.client.get("/v1/connections", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (406, "REQ-4061"), accept
    for accept, kind in (("*/*", "application/json"), ("text/*", "text/csv")):
        headers = await network.headers("operator", Accept=accept)
        answer = await network.client.get("/v1/connections", headers=headers)
        assert answer.headers["content-type"].startswith(kind)
