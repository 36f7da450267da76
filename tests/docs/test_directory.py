"""The directory over HTTP: found by any code, changed by registrars, each change told at once."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from services.docs import directory
from services.docs.agency import seeded_id
from shared.db import Connection, Database
from shared.events import AgencyChanged
from shared.events.types import AGENCIES
from tests.docs.country import seed
from tests.docs.server import Running, System

NEW = {"code": "H14.71", "name": "Ủy ban nhân dân xã Lý Quốc", "level": "commune", "parent": "H14"}
SUCCEEDED = "H14.03.001"
ANOTHER_LIFE = "01912d68-783e-4a03-8467-5661c1243ad4"


async def _registrar(docs: Running) -> System:
    return await docs.system(scope="registrar directory")


async def _told(db: Database) -> list[AgencyChanged]:
    async def read(conn: Connection) -> list[AgencyChanged]:
        rows = await conn.fetch("select value from outbox where topic = $1 order by id", AGENCIES)
        return [AgencyChanged.model_validate_json(row["value"]) for row in rows]

    return await db.as_worker(read)


async def _projected(db: Database, id_: UUID) -> dict[str, Any]:
    async def read(conn: Connection) -> dict[str, Any]:
        row = await conn.fetchrow(
            "select code, state, successors, version from known_agencies where id = $1", id_
        )
        return dict(row or {})

    return await db.as_worker(read)


@pytest.mark.parametrize("code", ["H14", "000.00.00.H14"])
async def test_an_agency_is_found_by_any_of_its_codes(country: Running, code: str):
    reader = await country.system("G22")
    found = await reader.ask("GET", f"/v1/agencies/{code}")
    body = found.json()
    assert (body["code"], body["level"], body["parent"]) == ("H14", "province", None)
    assert body["id"] == str(seeded_id("H14"))
    assert found.headers["etag"] == f'"{body["version"]}"'


@pytest.mark.parametrize("code", ["H99", "h14", "%00", "%F0%9F%A6%84", "H14%2F03"])
async def test_an_unknown_code_is_not_found(country: Running, code: str):
    reader = await country.system("G22")
    found = await reader.ask("GET", f"/v1/agencies/{code}")
    assert (found.status_code, found.json()["code"]) == (404, "REQ-4041")


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({"level": "central"}, ["G14", "G22"]),
        ({"parent": "000.00.00.H14"}, ["H14.03"]),
        ({"parent": "H99"}, []),
        ({"q": "THACH AN"}, ["H14.03"]),
        ({"q": "tỉnh"}, ["H14"]),
        ({"q": "h14.03.002"}, ["H14.03.002"]),
        ({"q": "100%_"}, []),
        ({"state": "closed"}, []),
        ({"level": "commune", "limit": "2"}, ["H14.03.001", "H14.03.002"]),
    ],
)
async def test_agencies_are_listed_as_asked(
    country: Running, query: dict[str, str], codes: list[str]
):
    reader = await country.system("G22")
    found = await reader.ask("GET", "/v1/agencies", params=query)
    assert [one["code"] for one in found.json()["items"]] == codes


async def test_a_list_goes_on_behind_its_cursor(country: Running):
    reader = await country.system("G22")
    first = (await reader.ask("GET", "/v1/agencies", params={"limit": "5"})).json()
    query = {"limit": "5", "cursor": first["next_cursor"]}
    second = (await reader.ask("GET", "/v1/agencies", params=query)).json()
    codes = [one["code"] for one in first["items"] + second["items"]]
    assert len(codes) == len(set(codes)) == 9
    assert second["next_cursor"] is None


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "501"}, {"state": "gone"}, {"q": ""}])
async def test_a_faulty_parameter_is_named(country: Running, query: dict[str, str]):
    reader = await country.system("G22")
    refused = await reader.ask("GET", "/v1/agencies", params=query)
    assert (refused.status_code, refused.json()["code"]) == (400, "REQ-4003")
    assert refused.json()["errors"][0]["pointer"] == f"/{next(iter(query))}"


async def test_a_new_agency_is_row_projection_and_event_together(docs: Running):
    registrar = await _registrar(docs)
    made = await registrar.ask(
        "POST", "/v1/agencies", json={**NEW, "name": "Ủy ban\u200b  nhân dân xã Lý Quốc"}
    )
    assert made.status_code == 201, made.text
    body = made.json()
    assert made.headers["location"] == "/v1/agencies/H14.71"
    assert (body["state"], body["parent"], body["synthetic"]) == ("active", "H14", False)
    assert body["name"] == NEW["name"], "invisible characters and double spaces are removed"
    assert UUID(body["id"]).version == 7
    told = (await _told(docs.db))[-1]
    assert (told.code, told.version) == ("H14.71", body["version"])
    assert (await _projected(docs.db, UUID(body["id"])))["version"] == body["version"]
    assert (await registrar.ask("GET", made.headers["location"])).json()["id"] == body["id"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"code": "H14.03"}, 409, "AGY-4091"),
        ({"code": "000.00.00.H14"}, 409, "AGY-4091"),
        ({"old_codes": ["H14"]}, 409, "AGY-4091"),
        ({"parent": "H99"}, 422, "AGY-4222"),
        ({"level": "village"}, 422, "REQ-4221"),
        ({"name": "\u200b"}, 422, "REQ-4221"),
        ({"name": "x" * 201}, 422, "REQ-4221"),
        ({"code": "../H14"}, 422, "REQ-4221"),
        ({"code": "H" * 36}, 422, "REQ-4221"),
    ],
)
async def test_an_agency_that_cannot_be_is_refused(
    country: Running, changes: dict[str, Any], status: int, code: str
):
    registrar = await _registrar(country)
    before = len(await _told(country.db))
    refused = await registrar.ask("POST", "/v1/agencies", json={**NEW, **changes})
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert len(await _told(country.db)) == before


async def test_a_code_of_unusual_form_is_kept_with_a_warning(docs: Running):
    registrar = await _registrar(docs)
    made = await registrar.ask("POST", "/v1/agencies", json={**NEW, "code": "vxp.saas.03"})
    assert made.json()["warnings"][0]["code"] == "AGY-2011"


async def test_only_a_registrar_changes_the_directory(country: Running):
    reader = await country.system("G22")
    answers = [
        await reader.ask("POST", "/v1/agencies", json=NEW),
        await reader.ask("POST", "/v1/agencies/H14/state-changes", json={"state": "closed"}),
        await reader.ask("POST", "/v1/agencies/H14/successions", json={"successors": ["G22"]}),
    ]
    assert [one.status_code for one in answers] == [403] * 3


async def test_an_agency_is_suspended_closed_and_reopened(docs: Running):
    registrar = await _registrar(docs)
    path = f"/v1/agencies/{SUCCEEDED}"
    states: list[tuple[int, str, list[str]]] = []
    for state in ("suspended", "closed", "active"):
        heirs = ["H14.03.002", "H14.03.003"] if state == "closed" else []
        changed = await registrar.ask(
            "POST", f"{path}/state-changes", json={"state": state, "successors": heirs}
        )
        body = changed.json()
        states.append((changed.status_code, body["state"], body["successors"]))
        assert (body["valid_to"] is None) == (state != "closed")
        projected = await _projected(docs.db, seeded_id(SUCCEEDED))
        assert (projected["state"], projected["version"]) == (state, body["version"])
    heirs = ["H14.03.002", "H14.03.003"]
    assert states == [(201, "suspended", []), (201, "closed", heirs), (201, "active", [])]
    told = (await _told(docs.db))[-3:]
    assert [one.state for one in told] == ["suspended", "closed", "active"]
    assert told[1].successors == (seeded_id("H14.03.002"), seeded_id("H14.03.003"))


async def test_a_move_that_is_none_names_those_that_are(country: Running):
    registrar = await _registrar(country)
    path = f"/v1/agencies/{SUCCEEDED}/state-changes"
    same = await registrar.ask("POST", path, json={"state": "active"})
    assert (same.status_code, same.json()["code"]) == (409, "AGY-4092")
    assert same.json()["allowed"] == ["suspended", "closed"]
    unknown = await registrar.ask("POST", path, json={"state": "merged"})
    assert unknown.status_code == 422


async def test_an_old_etag_changes_nothing(docs: Running):
    registrar = await _registrar(docs)
    path = f"/v1/agencies/{SUCCEEDED}"
    seen = (await registrar.ask("GET", path)).headers["etag"]
    first, second = [
        await registrar.ask(
            "POST",
            f"{path}/state-changes",
            json={"state": state},
            headers={"If-Match": seen},
        )
        for state in ("suspended", "closed")
    ]
    assert (first.status_code, second.status_code) == (201, 412)
    assert (await registrar.ask("GET", path)).json()["state"] == "suspended"


async def test_successors_are_named_and_checked(docs: Running):
    registrar = await _registrar(docs)
    path = f"/v1/agencies/{SUCCEEDED}/successions"
    answers = {
        code: await registrar.ask("POST", path, json={"successors": [code]})
        for code in ("H14.03.002", SUCCEEDED, "H99")
    }
    nobody = await registrar.ask("POST", path, json={"successors": []})
    absent = await registrar.ask(
        "POST", path.replace(SUCCEEDED, "H98"), json={"successors": ["H14"]}
    )
    assert answers["H14.03.002"].json()["successors"] == ["H14.03.002"]
    assert answers[SUCCEEDED].json()["code"] == "AGY-4221"
    assert answers["H99"].json()["code"] == "AGY-4222"
    assert (nobody.status_code, absent.status_code) == (422, 404)


async def test_a_repeated_change_is_one_change(docs: Running):
    registrar = await _registrar(docs)
    key = {"Idempotency-Key": str(uuid4())}
    path = f"/v1/agencies/{SUCCEEDED}/state-changes"
    first = await registrar.ask("POST", path, json={"state": "closed"}, headers=key)
    again = await registrar.ask("POST", path, json={"state": "closed"}, headers=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert len([one for one in await _told(docs.db) if one.state == "closed"]) == 1


async def test_changes_are_read_on_from_a_cursor(docs: Running):
    registrar = await _registrar(docs)
    query: dict[str, str] = {"limit": "4"}
    seen: list[str] = []
    while items := (page := (await registrar.ask(
        "GET", "/v1/directory-changes", params=query
    )).json())["items"]:  # fmt: skip
        seen += [one["code"] for one in items]
        query["after"] = page["next"]
    assert len(seen) == len(set(seen)) == 9
    await registrar.ask("POST", "/v1/agencies", json=NEW)
    new = (await registrar.ask("GET", "/v1/directory-changes", params=query)).json()["items"]
    assert [one["code"] for one in new] == ["H14.71"]


@pytest.mark.parametrize(
    ("after", "status", "code"),
    [
        (f"{ANOTHER_LIFE}.1", 410, "REQ-4101"),
        ("1", 400, "REQ-4003"),
        ("x.1", 400, "REQ-4003"),
        (f"{ANOTHER_LIFE}.-1", 400, "REQ-4003"),
        (f"{ANOTHER_LIFE}." + "9" * 30, 400, "REQ-4003"),
    ],
)
async def test_a_cursor_of_another_life_is_told_so(
    country: Running, after: str, status: int, code: str
):
    reader = await country.system("G22")
    refused = await reader.ask("GET", "/v1/directory-changes", params={"after": after})
    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_the_other_services_read_the_directory_as_events(country: Running):
    service = await country.system(scope="internal", audience="https://lienthong.vn/internal/docs")
    outside = await country.system("G22", scope="directory")
    whole = (await service.ask("GET", "/internal/agencies", params={"after": "0"})).json()
    rest = (await service.ask("GET", "/internal/agencies", params={"after": "7"})).json()
    ahead = (await service.ask("GET", "/internal/agencies", params={"after": "999"})).json()
    assert [AgencyChanged.model_validate(one).version for one in whole["items"]] == [*range(1, 10)]
    assert (whole["version"], len(rest["items"]), len(ahead["items"])) == (9, 2, 9)
    assert (await outside.ask("GET", "/internal/agencies")).status_code in (401, 403)


async def test_a_seed_fills_an_empty_directory_once(docs: Running):
    before = await _told(docs.db)
    await docs.db.as_worker(lambda conn: directory.load_seed(conn, seed()))
    await docs.db.as_worker(lambda conn: directory.load_seed(conn, seed(communes=9)))
    assert await _told(docs.db) == before
    assert [one.version for one in before] == [*range(1, 10)]


async def test_a_lost_topic_is_told_the_present_state(docs: Running):
    registrar = await _registrar(docs)
    await registrar.ask("POST", f"/v1/agencies/{SUCCEEDED}/state-changes", json={"state": "closed"})
    before = len(await _told(docs.db))
    await docs.db.as_worker(directory.restate)
    again = (await _told(docs.db))[before:]
    assert [one.version for one in again] == sorted(one.version for one in again)
    assert {one.code: one.state for one in again}[SUCCEEDED] == "closed"
    assert len(again) == 9
