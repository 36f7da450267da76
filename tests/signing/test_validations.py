"""`POST /v1/validations`: any file is judged now, whatever it is, and nothing of it is kept."""

import asyncio
import base64
import hashlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from infra.pki.sign import sign_detached
from services.signing.finding import REVOKED
from services.signing.revoke import revoke
from services.signing.shown import Shown, judge
from shared.ids import AgencyId
from shared.sizes import AT_ONCE, SIGNATURE_BYTES, VALIDATED_BYTES, VALIDATED_JSON_BYTES
from tests.fixtures import tampering
from tests.fixtures.eventually import eventually
from tests.fixtures.papers import SENDER, Papers
from tests.signing.desk import AGENCIES
from tests.signing.elsewhere import crl
from tests.signing.signer import Signer
from tests.signing.trusting import Trusting

PDF = {"Content-Type": "application/pdf"}
WRONG: dict[str, tuple[Callable[[Papers], bytes], str, str]] = {
    "unsigned": (lambda p: p.letter.pdf, "FORMAT_FAILURE", "SIG-4221"),
    "changed": (
        lambda p: tampering.changed_byte(p.good_main.content),
        "HASH_FAILURE",
        "SIG-4222",
    ),
    "not a PDF": (lambda _: b"khong phai PDF", "FORMAT_FAILURE", "SIG-4151"),
    "empty": (lambda _: b"", "FORMAT_FAILURE", "SIG-4151"),
}


async def shown(
    signer: Signer,
    content: bytes | AsyncIterator[bytes],
    **options: Any,  # noqa: ANN401
) -> httpx2.Response:
    """Show a PDF."""
    options.setdefault("headers", PDF)
    return await signer.call("POST", "/v1/validations", content=content, **options)


@pytest.fixture
def stored(signer: Signer) -> set[str]:
    """Return the files that are there before."""
    return {path.name for path in signer.desk.blobs.path("0" * 64).parents[2].rglob("*")}


async def test_a_good_letter_passes_and_its_signers_are_named(
    signer: Signer, stored: set[str]
) -> None:
    papers = signer.desk.papers
    answer = await shown(signer, papers.good_main.content)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["indication"], told["sub_indication"], told["reason"]) == (
        "TOTAL-PASSED",
        None,
        None,
    )
    assert [one["registered"]["kind"] for one in told["signatures"]] == ["leader", "seal"]
    assert {one["registered"]["state"] for one in told["signatures"]} == {"good"}
    assert all(len(one["checked"]) == 2 for one in told["signatures"])
    blobs = signer.desk.blobs.path("0" * 64).parents[2]
    assert {path.name for path in blobs.rglob("*")} == stored


@pytest.mark.parametrize("kind", WRONG)
async def test_what_is_wrong_is_said(signer: Signer, kind: str) -> None:
    make, sub_indication, code = WRONG[kind]
    told = (await shown(signer, make(signer.desk.papers))).json()
    assert told["indication"] == "TOTAL-FAILED"
    assert told["sub_indication"] == sub_indication
    assert told["reason"]["code"] == code


async def test_what_the_register_alone_has_revoked_does_not_pass(idle: Trusting) -> None:
    """No list tells of another authority's certificate that was revoked here."""
    idle.site.serve("/crl", crl(idle.ca, number=1))
    await idle.agree(idle.adding())
    sheet, serials = await asyncio.to_thread(idle.paper)
    desk = idle.desk
    await desk.register.tend()
    await idle.work()

    async def seen() -> Shown:
        return await judge(idle.bench, AgencyId(AGENCIES[SENDER]), chunks(sheet.content))

    assert (await seen()).verdict.validation == "TOTAL-PASSED"
    sha256 = await desk.db.as_worker(
        lambda conn: conn.fetchval("select sha256 from certificates where serial = $1", serials[0])
    )
    await desk.db.as_worker(
        lambda conn: revoke(conn, desk.authorities, sha256=sha256, reason="keyCompromise")
    )
    found = (await seen()).verdict
    assert (found.validation, found.rule, found.reason) == (
        "INDETERMINATE",
        "revocation.revoked",
        REVOKED,
    )


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    """Yield a file as it comes."""
    yield content


async def beside(signer: Signer, content: bytes, signature: bytes) -> httpx2.Response:
    """Show a file and its detached signature."""
    given = {"content": content, "signature": signature}
    body = {name: base64.b64encode(one).decode() for name, one in given.items()}
    return await signer.call("POST", "/v1/validations", json=body)


async def test_a_detached_signature_that_is_none_is_a_verdict(signer: Signer) -> None:
    answer = await beside(signer, b"x", b"x")
    assert answer.status_code == 200
    assert answer.json()["rule"] == "format.cms"


async def test_a_large_file_is_judged_by_the_seal_beside_it(signer: Signer) -> None:
    content = bytes(2 << 20)
    seal = await asyncio.to_thread(sign_detached, content, signer.desk.papers.seal())
    told = (await beside(signer, content, seal)).json()
    assert (told["indication"], told["rule"]) == ("TOTAL-PASSED", None)
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert [one["registered"]["kind"] for one in told["signatures"]] == ["seal"]


async def test_what_is_too_large_is_told_what_to_do(signer: Signer) -> None:
    for answer, limit in (
        (await beside(signer, bytes(VALIDATED_JSON_BYTES), b"x"), VALIDATED_JSON_BYTES),
        (await shown(signer, bytes(VALIDATED_BYTES + 1)), VALIDATED_BYTES),
    ):
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["limit"]) == (413, "SIG-4132", limit)
        assert "dự thảo" not in problem["hint"]


async def test_a_signature_longer_than_docs_takes_is_refused(signer: Signer) -> None:
    assert (await beside(signer, b"x", bytes(SIGNATURE_BYTES))).status_code == 200
    answer = await beside(signer, b"x", bytes(SIGNATURE_BYTES + 1))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/signature")


async def test_a_body_of_very_many_pieces_is_not_parsed(signer: Signer) -> None:
    further: list[list[str]] = [[]] * 102
    body = {"content": "eA==", "signature": "eA==", "further": further}
    answer = await signer.call("POST", "/v1/validations", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "")


async def test_memory_holds_as_many_bodies_as_there_are_workers(signer: Signer) -> None:
    inside, most = 0, 0

    def parts(body: bytes) -> tuple[bytes, bytes]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threading.Event().wait(0.05)  # long enough for another one to come in
        inside -= 1
        return body, b"x"

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            agency = AgencyId(uuid4())
            group.create_task(judge(signer.bench, agency, chunks(b"x"), parts=parts))
    assert most == len(signer.bench.turns.workers) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content": "eA=="},
        {"content": "eA==", "signature": "%"},
        {"content": 1, "signature": "eA=="},
        [],
    ],
)
async def test_a_body_that_is_not_understood_is_refused(signer: Signer, body: object) -> None:
    answer = await signer.call("POST", "/v1/validations", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_a_body_that_names_a_member_twice_is_refused(signer: Signer) -> None:
    raw = b'{"content": "eA==", "signature": "eA==", "content": "eQ=="}'
    answer = await shown(signer, raw, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "REQ-4001")


async def test_other_kinds_are_refused(signer: Signer) -> None:
    other = await shown(signer, b"x", headers={"Content-Type": "text/plain"})
    assert other.status_code == 415


async def test_slow_uploads_take_nobodys_place(signer: Signer) -> None:
    whole, begun = asyncio.Event(), list[None]()

    async def slow() -> AsyncIterator[bytes]:
        yield b"khong "
        begun.append(None)
        await whole.wait()
        yield b"phai PDF"

    async with asyncio.TaskGroup() as group:
        late = [group.create_task(shown(signer, slow())) for _ in range(AT_ONCE)]
        await eventually(lambda: len(begun) == AT_ONCE, "all have begun")
        folder = signer.desk.blobs.path("0" * 64).parents[2] / "begun"
        assert list(folder.iterdir()) == [], "a killed process leaves nothing"
        assert (await shown(signer, b"khong phai PDF")).status_code == 200
        whole.set()
    assert {one.result().status_code for one in late} == {200}


async def test_whoever_may_not_is_refused(signer: Signer) -> None:
    assert (await shown(signer, b"", scope="registrar")).status_code == 403
