"""Taking over an exported trust list: from whom, of when, and what becomes of it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import jwt
import pytest

from infra.pki.authority import Authority
from services.signing import export
from services.signing.store import trust
from tests.fixtures.stack import Backing
from tests.signing.desk import Desk
from tests.signing.elsewhere import make_ca, pem, renewed
from tests.signing.trust_face import OTHER, Face, adding, open_face

NOW = datetime.now(UTC).replace(microsecond=0)
BEGAN = NOW - timedelta(days=20)
THIRD = make_ca("CA thứ ba")


@pytest.fixture
async def face(idle_desk: Desk, backing: Backing) -> AsyncIterator[Face]:
    """Signing that trusts another exchange's authority for exports of its list."""
    async with open_face(idle_desk, backing) as opened:
        await opened.agree(adding(trusted_from=BEGAN.isoformat(), purposes=["seal", "protocol"]))
        yield opened


async def own(face: Face) -> list[dict[str, Any]]:
    """Return what our own export says of each authority."""
    entries = (await face.desk.db.as_worker(trust.current)).entries
    return [one.told() for one in entries.values()]


def exported(
    authorities: list[dict[str, Any]],
    *,
    version: int = 7,
    ago: timedelta = timedelta(0),
    by: Authority = OTHER,
) -> str:
    """Return an export by the other exchange's authority."""
    claims = {
        "iat": int((NOW - ago).timestamp()),
        "version": version,
        "digest": "0" * 64,
        "authorities": authorities,
    }
    x5c = [told(by)]
    return jwt.encode(claims, by.key, algorithm="ES256", headers={"typ": export.TYPE, "x5c": x5c})


def told(one: Authority) -> str:
    """Return a certificate as a header of a JWS, or an export, has it."""
    return "".join(pem(one).splitlines()[1:-1])


async def take(face: Face, content: str, **more: object) -> httpx2.Response:
    """Import an export."""
    body = {"reason": "đồng bộ", "export": content, **more}
    return await face.ask("POST", "/imports", "operator-a", body)


async def proposed(face: Face) -> list[dict[str, Any]]:
    """Return what waits for a decision."""
    return (await face.ask("GET", "/changes?state=proposed", "registrar-b")).json()["items"]


async def test_whoever_decides_sees_whose_export_it_is_and_of_when(face: Face) -> None:
    third = adding(name="third", certificate=told(THIRD))
    answer = await take(face, exported([*await own(face), third]))
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert (said["signer"], said["version"], said["left"]) == ("other", 7, [])
    assert datetime.fromisoformat(said["made_at"]) == NOW
    (waiting,) = await proposed(face)
    assert waiting["reason"].startswith("đồng bộ [bản xuất do other ký, phiên bản 7, lập lúc ")


async def test_what_a_later_release_tells_besides_is_left_out(face: Face) -> None:
    third = adding(name="third", certificate=told(THIRD), colour="red")
    answer = await take(face, exported([*await own(face), third]))
    assert answer.status_code == 201, answer.text
    (made,) = answer.json()["proposed"]
    assert "colour" not in made["change"]


async def test_an_export_that_lacks_an_authority_ends_it_only_when_that_is_asked_for(
    face: Face,
) -> None:
    await face.agree(adding(name="third", certificate=pem(THIRD)))
    lacking = exported([one for one in await own(face) if one["name"] != "third"])
    said = (await take(face, lacking)).json()
    assert said["proposed"] == []
    (left,) = said["left"]
    assert left["name"] == "third"
    assert "`end_missing`" in left["detail"]
    said = (await take(face, lacking, end_missing=True)).json()
    (end,) = said["proposed"]
    assert end["change"] == {"action": "end", "name": "third"}


async def test_an_older_export_than_the_newest_imported_is_refused(face: Face) -> None:
    same = await own(face)
    newest = exported(same, version=7, ago=timedelta(hours=1))
    assert (await take(face, newest)).status_code == 201
    for older in (
        exported(same, version=6),
        exported(same, version=7, ago=timedelta(hours=2)),
        exported([], version=6, ago=timedelta(days=9)),
    ):
        answer = await take(face, older, end_missing=True)
        assert (answer.status_code, answer.json()["code"]) == (422, "TRU-4222")
        assert "phiên bản 7" in answer.json()["detail"]
    assert await proposed(face) == []
    assert (await take(face, newest)).status_code == 201, "the same one once more"
    assert (await take(face, exported(same, version=8))).status_code == 201
    assert (await take(face, newest)).status_code == 422


async def test_a_renewed_signer_brings_no_older_export_back(face: Face) -> None:
    newer = renewed(OTHER)
    more = adding(
        name="other-2",
        certificate=pem(newer),
        trusted_from=BEGAN.isoformat(),
        purposes=["seal", "protocol"],
    )
    await face.agree(more)
    same = await own(face)
    assert (await take(face, exported(same, version=7))).status_code == 201
    older = await take(face, exported(same, version=6, by=newer))
    assert (older.status_code, older.json()["code"]) == (422, "TRU-4222")
    assert "Đã nhập bản mới hơn của other-2: phiên bản 7" in older.json()["detail"]
    assert (await take(face, exported(same, version=8, by=newer))).json()["signer"] == "other-2"
    assert (await take(face, exported(same, version=7))).status_code == 422


async def test_an_export_that_was_not_taken_bars_no_other(face: Face) -> None:
    """Whoever forges one, or signs with a dead key, does not raise the floor."""
    same = await own(face)
    before = exported(same, version=99, ago=timedelta(days=40))
    assert (await take(face, before)).status_code == 422, "from before it was trusted"
    assert (await take(face, exported(same, version=7))).status_code == 201


@pytest.mark.parametrize("state", ["revoked", "suspended"])
async def test_a_dead_signers_export_proposes_nothing(face: Face, state: str) -> None:
    content = exported([], ago=timedelta(days=1))
    await face.desk.execute(
        "update certificates set state = $1, reason = 'keyCompromise', revoked_at = now()"
        " where issuer = 'other' and kind = 'authority'",
        state,
    )
    answer = await take(face, content, end_missing=True)
    assert (answer.status_code, answer.json()["code"]) == (422, "TRU-4222")
    assert "other" in answer.json()["detail"]
    assert await proposed(face) == []


async def test_nobody_takes_what_was_imported_out(face: Face) -> None:
    assert (await take(face, exported(await own(face)))).status_code == 201
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await face.desk.execute("delete from trust_imports")
