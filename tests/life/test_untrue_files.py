"""What is not what it seems is examined and refused to its sender by name; nobody gets it."""

import asyncio
import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from infra.client import Client, Json
from infra.letter.render import render_letter
from infra.letter.sample import sample_letter
from infra.pki.sign import sign, sign_main, signer
from tests.fixtures.eventually import eventually
from tests.life.refusals import draft_with_files
from tests.life.story import PROVINCE

pytestmark = pytest.mark.stack

SENDER = "G22"


def paper() -> bytes:
    """Return a letter without any signature."""
    today = dt.datetime.now(dt.UTC).date()
    return render_letter(sample_letter(code="1/X", signer="A", promulgated_on=today)).pdf


def unsigned(_run: Path) -> bytes:
    return paper()


def altered(run: Path) -> bytes:
    content = bytearray(sign_main(paper(), run, SENDER))
    content[content.index(b"Typst")] ^= 1  # in the metadata: still a readable PDF
    return bytes(content)


def added_to(run: Path) -> bytes:
    return sign_main(paper(), run, SENDER) + b"\n% more\n"


def without_leader(run: Path) -> bytes:
    return sign(paper(), signer(run, SENDER, "seal"), field="CoQuan")


def without_seal(run: Path) -> bytes:
    return sign(paper(), signer(run, SENDER, "leader"), field="NguoiKy")


def seal_before_leader(run: Path) -> bytes:
    return sign(without_leader(run), signer(run, SENDER, "leader"), field="NguoiKy")


def of_another_agency(run: Path) -> bytes:
    return sign_main(paper(), run, "G21")


def broken(_run: Path) -> bytes:
    return b"%PDF-1.7\n" + b"\0" * 5_000


FILES: list[tuple[Callable[[Path], bytes], str]] = [
    (unsigned, "SIG-4221"),
    (altered, "SIG-4222"),
    (added_to, "SIG-4222"),
    (without_leader, "SIG-4227"),
    (without_seal, "SIG-4226"),
    (seal_before_leader, "SIG-4228"),
    (of_another_agency, "SIG-4031"),
    (broken, "SIG-4151"),
]


@pytest.mark.parametrize(("make", "code"), FILES, ids=[make.__name__ for make, _ in FILES])
async def test_an_untrue_file_is_refused_to_its_sender_by_name(
    run: Path, systems: Mapping[str, Client], make: Callable[[Path], bytes], code: str
) -> None:
    sender = systems["sys-g22"]
    content = await asyncio.to_thread(make, run)

    seen = await sent_and_refused(sender, content)

    [verdict] = seen["verdicts"]
    assert verdict["reason"]["code"] == code, verdict
    assert verdict["indication"] != "TOTAL-PASSED"
    assert verdict["reason"]["title"]
    assert verdict["reason"]["title_en"]
    assert seen["counts"]["available"] == seen["counts"]["acknowledged"] == 0


async def test_a_letter_signed_with_a_revoked_certificate_is_refused(
    run: Path, systems: Mapping[str, Client]
) -> None:
    rows = json.loads((run / "pki" / "registry.json").read_text(encoding="utf-8"))
    digest = next(
        row["sha256"] for row in rows if (row["agency"], row["kind"]) == ("G20", "leader")
    )
    content = await asyncio.to_thread(lambda: sign_main(paper(), run, "G20"))
    await systems["registrar"].ask(
        "POST", f"/v1/certificates/{digest}/revocations", body={"reason": "keyCompromise"}
    )

    seen = await sent_and_refused(systems["sys-g20"], content)

    assert seen["verdicts"][0]["reason"]["code"] == "SIG-4225"


async def sent_and_refused(sender: Client, content: bytes) -> Json:
    """Send a file as MAIN and follow its dispatch until it is refused."""
    path = await draft_with_files(sender, {"MAIN": content}, urgency="urgent")
    answer = await sender.ask("POST", f"{path}/dispatches", body={})
    where = answer.headers["Location"]

    async def refused() -> Json | None:
        seen: Json = (await sender.ask("GET", where)).json()
        return seen if seen["state"] == "refused" else None

    return await eventually(refused, f"{where} is refused", timeout=30)


async def test_a_refused_dispatch_leaves_nothing_in_the_mailbox(
    run: Path, systems: Mapping[str, Client]
) -> None:
    seen = await sent_and_refused(systems["sys-g22"], await asyncio.to_thread(unsigned, run))
    for lane in ("urgent", "normal"):
        path = f"/v1/inbox?lane={lane}&after=0&limit=500"
        items = (await systems["sys-h14"].ask("GET", path, acting=PROVINCE)).json()["items"]
        assert all(json.loads(i["entry"])["dispatch_id"] != seen["id"] for i in items)
