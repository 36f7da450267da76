"""What must not be signed, keys that must not be used, and the ways out of a frozen draft."""

import asyncio
from io import BytesIO
from uuid import UUID

import pikepdf
import pytest

from infra.pki import registrar
from infra.pki.authority import Use
from infra.pki.registrar import Holder
from services.signing import ask
from services.signing.revoke import revoke
from tests.fixtures.papers import OTHER, SENDER
from tests.fixtures.tampering import changed_byte, note_added
from tests.signing.desk import Desk
from tests.signing.signer import Signer
from tests.signing.test_sign_kills import die


async def refuse(signer: Signer, signature: UUID, code: str) -> None:
    """Activate, and see the request end for this reason, told to docs and to whoever asked."""
    answer = await signer.activate(signature)
    assert (answer.json()["code"], answer.json()["state"]) == (code, "failed"), answer.text
    assert await signer.state(signature) == ("failed", code)
    (told,) = await signer.told(signature)
    assert (told["type"], told["reason"]) == ("vn.lienthong.signature.failed.v1", code)
    again = await signer.activate(signature)
    assert (again.status_code, again.json()["code"]) == (409, "SIG-4092")
    assert again.json()["reason"] == code


def encrypted(pdf: bytes) -> bytes:
    """Encrypt a file."""
    out = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        opened.save(out, encryption=pikepdf.Encryption(owner="x", user="y"))
    return out.getvalue()


async def test_a_seal_needs_a_sound_leaders_signature(signer: Signer) -> None:
    letter = signer.desk.papers.letter.pdf
    await refuse(signer, await signer.asked(letter, "seal"), "SIG-4227")
    leader = await signer.signed(letter)
    for changed in (changed_byte(leader), note_added(leader)):
        await refuse(signer, await signer.asked(changed, "seal"), "SIG-4222")
    foreign = await signer.signed(letter, sender=OTHER)
    await refuse(signer, await signer.asked(foreign, "seal"), "SIG-4031")
    sealed = await signer.signed(leader, "seal")
    await refuse(signer, await signer.asked(sealed, "leader"), "SIG-4228")


@pytest.mark.parametrize("kind", ["garbage", "cut", "encrypted"])
async def test_what_cannot_be_read_is_not_signed(signer: Signer, kind: str) -> None:
    letter = signer.desk.papers.letter.pdf
    content = {
        "garbage": b"%PDF-1.7\n" + bytes(range(256)) * 40 + b"\n%%EOF\n",
        "cut": letter[: len(letter) // 2],
        "encrypted": encrypted(letter),
    }[kind]
    await refuse(signer, await signer.asked(content), "SIG-4151")
    assert await signer.signed(letter)


async def test_five_wrong_pins_lock_the_key_until_the_registrar_opens_it(
    own_signer: Signer,
) -> None:
    letter = own_signer.desk.papers.letter.pdf
    signature, other = await own_signer.asked(letter), await own_signer.asked(letter)
    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(own_signer.activate(signature, f"sai {n}")) for n in range(8)]
    answers = [one.result() for one in tries]
    codes = sorted(one.json()["code"] for one in answers)
    assert codes == ["SIG-4033"] * 5 + ["SIG-4094"] * 3
    left = [one.json()["tries_left"] for one in answers if one.json()["code"] == "SIG-4033"]
    assert sorted(left) == [0, 1, 2, 3, 4]
    for waiting in (signature, other):
        answer = await own_signer.activate(waiting)
        assert (answer.status_code, answer.json()["code"]) == (409, "SIG-4094")
        assert await own_signer.state(waiting) == ("requested", None)
    lock = f"/v1/certificates/{own_signer.certificate('leader')}/lock"
    (shown,) = (await own_signer.call("GET", "/v1/certificates?kind=leader")).json()["items"]
    assert (shown["locked"], shown["tries_left"]) == (True, 0)
    assert (await own_signer.call("DELETE", lock)).status_code == 403
    for _ in range(2):
        answer = await own_signer.call("DELETE", lock, system="registrar", scope="registrar")
        assert answer.status_code == 204
    unknown = f"/v1/certificates/{'0' * 64}/lock"
    answer = await own_signer.call("DELETE", unknown, system="registrar", scope="registrar")
    assert answer.status_code == 404
    assert (await own_signer.activate(signature)).status_code == 200


async def test_a_right_pin_begins_the_count_anew(own_signer: Signer) -> None:
    letter = own_signer.desk.papers.letter.pdf
    for _ in range(2):
        signature = await own_signer.asked(letter)
        for left in (4, 3, 2):
            answer = await own_signer.activate(signature, "sai rồi")
            assert answer.json()["tries_left"] == left
        assert (await own_signer.activate(signature)).status_code == 200


async def change(desk: Desk, certificate: str, reason: str) -> None:
    """Revoke or suspend."""
    await desk.db.as_worker(
        lambda conn: revoke(conn, desk.authorities, sha256=certificate, reason=reason)
    )


@pytest.mark.parametrize("reason", ["keyCompromise", "certificateHold"])
async def test_a_revoked_certificate_makes_no_signature(own_signer: Signer, reason: str) -> None:
    letter = own_signer.desk.papers.letter.pdf
    signature = await own_signer.asked(letter)
    await change(own_signer.desk, own_signer.certificate("leader"), reason)
    await refuse(own_signer, signature, "SIG-4225")
    late = await own_signer.asked(letter)
    assert await own_signer.state(late) == ("failed", "SIG-4225")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("point", ["signing.sign.intent_written", "signing.sign.file_signed"])
async def test_revoked_after_the_intent_nothing_is_released(own_signer: Signer, point: str) -> None:
    signature = await own_signer.asked(own_signer.desk.papers.letter.pdf)
    await die(own_signer, signature, point)
    assert await own_signer.state(signature) == ("intended", None)
    await change(own_signer.desk, own_signer.certificate("leader"), "keyCompromise")
    await refuse(own_signer, signature, "SIG-4225")


async def test_an_expired_certificate_makes_no_signature(own_signer: Signer) -> None:
    run = own_signer.desk.papers.run
    holder = Holder(SENDER, Use.LEADER)
    await asyncio.to_thread(registrar.reissue, run, holder, period=registrar.expired())
    await own_signer.desk.register.tend()
    signature = await own_signer.asked(own_signer.desk.papers.letter.pdf)
    assert await own_signer.state(signature) == ("failed", "SIG-4224")


async def test_a_key_that_is_not_kept_or_open_to_others_is_not_used(own_signer: Signer) -> None:
    letter = own_signer.desk.papers.letter.pdf
    folder = own_signer.desk.authorities.folder / "keys"
    leader = folder / f"{own_signer.certificate('leader')}.p12"
    signature = await own_signer.asked(letter)
    leader.chmod(0o640)
    await refuse(own_signer, signature, "SIG-4095")
    leader.chmod(0o600)
    signature = await own_signer.asked(letter)
    leader.write_bytes((folder / f"{own_signer.certificate('seal')}.p12").read_bytes())
    await refuse(own_signer, signature, "SIG-4095")
    leader.unlink()
    signature = await own_signer.asked(letter)
    assert await own_signer.state(signature) == ("failed", "SIG-4095")
    found = (await own_signer.call("GET", "/v1/certificates?kind=leader")).json()["items"]
    assert [one["remote"] for one in found] == [False]


def test_kept_keys_are_their_owners_only(signer: Signer) -> None:
    files = list((signer.desk.authorities.folder / "keys").iterdir())
    assert files
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def test_a_request_can_be_cancelled_until_it_is_fulfilled(signer: Signer) -> None:
    signature = await signer.asked(signer.desk.papers.letter.pdf)
    path = f"/v1/signatures/{signature}"
    for scope in ("documents.send", "documents.sign"):
        assert (await signer.call("DELETE", path, scope=scope)).status_code == 204
    assert await signer.state(signature) == ("failed", "SIG-4093")
    assert len(await signer.told(signature)) == 1
    answer = await signer.activate(signature)
    assert (answer.status_code, answer.json()["reason"]) == (409, "SIG-4093")
    made = await signer.asked(signer.desk.papers.letter.pdf)
    assert (await signer.activate(made)).status_code == 200
    answer = await signer.call("DELETE", f"/v1/signatures/{made}")
    assert (answer.status_code, answer.json()["code"]) == (409, "SIG-4092")


async def test_a_request_that_nobody_activates_ends_by_itself(signer: Signer) -> None:
    old = await signer.asked(signer.desk.papers.letter.pdf)
    young = await signer.asked(signer.desk.papers.letter.pdf)
    await signer.desk.execute(
        "update signatures set expires_at = clock_timestamp() where id = $1", old
    )
    await ask.expire(signer.desk.db)
    assert await signer.state(old) == ("failed", "SIG-4101")
    assert await signer.state(young) == ("requested", None)
    (told,) = await signer.told(old)
    assert told["reason"] == "SIG-4101"
    hours = await signer.desk.db.as_worker(
        lambda conn: conn.fetchval(
            "select extract(epoch from expires_at - requested_at) / 3600 from signatures"
            " where id = $1",
            young,
        )
    )
    assert float(hours) == pytest.approx(24, abs=0.01)
