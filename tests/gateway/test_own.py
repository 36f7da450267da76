"""What the gateway tells of itself: who one is, its documents, what codes mean."""

from typing import Any

from services.gateway.limits import Limits
from tests.gateway.door import Door


async def get(door: Door, path: str, client_id: str = "sys-h14", **headers: str) -> Any:  # noqa: ANN401
    answer = await door.client.get(path, headers=await door.headers(client_id, **headers))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_client_sees_who_it_is_and_what_it_may_do(door: Door):
    await door.agency(2, "G22", state="suspended", version=9)
    me = await get(door, "/v1/me", "hub")
    assert me["client_id"] == "hub"
    assert [agency["code"] for agency in me["agencies"]] == ["H14"]
    assert me["resting"] == [{"code": "G22", "state": "suspended"}]
    assert [key["kind"] for key in me["keys"]] == ["EC P-256"]
    assert me["token_issued_at"] < me["token_expires_at"]
    assert me["limits"] == Limits(door.settings).shown()
    assert {"requests_per_second", "json_bytes", "open_waits", "page_items"} <= me["limits"].keys()
    assert (await get(door, "/v1/me", "operator"))["has_secret"]


async def test_every_link_of_the_entry_leads_somewhere(door: Door):
    links = (await get(door, "/v1"))["links"]
    headers = await door.headers("hub")
    for path in links.values():
        answer = await door.client.get(path, headers=headers)
        assert answer.status_code in {200, 403, 405}, path


async def test_codes_are_explained_in_the_readers_language(door: Door):
    one = await get(door, "/v1/problems/AUT-4011")
    assert (one["status"], one["title"]) == (401, "Chưa xác thực")
    assert one in (await get(door, "/v1/problems"))["items"]
    english = await get(door, "/v1/problems/AUT-4011", **{"Accept-Language": "en"})
    assert (english["title"], english["title_vi"]) == ("Not authenticated", "Chưa xác thực")
    headers = await door.headers("sys-h14")
    assert (await door.client.get("/v1/problems/X", headers=headers)).status_code == 404
    codes = (await get(door, "/v1/status-codes"))["items"]
    assert [row["code"] for row in codes][:3] == ["01", "02", "03"]
    answer = await door.client.get(
        "/v1/status-codes", headers={**headers, "Accept-Language": "en-GB, vi;q=0.1"}
    )
    assert answer.headers["content-language"] == "en"
    assert "Accept-Language" in answer.headers["vary"]
    assert answer.json()["items"][1]["title"] == "Refused"


async def test_the_door_has_one_document_each_for_rest_kafka_and_events(door: Door):
    document = (await door.client.get("/openapi.json")).json()
    assert {"/v1/documents", "/v1/inbox", "/v1/me", "/pki/{ca}/crl"} <= document["paths"].keys()
    assert not [path for path in document["paths"] if path.startswith("/internal")]
    assert (await door.client.get("/asyncapi.json")).json()["asyncapi"].startswith("3.")
    schema = (await door.client.get("/schemas/mailbox.arrived.v1.json")).json()
    assert schema["$id"] == "vn.lienthong.mailbox.arrived.v1"
    for name in ("nothing.json", "..%2f__init__.py", "%2e%2e"):
        assert (await door.client.get(f"/schemas/{name}")).status_code == 404
