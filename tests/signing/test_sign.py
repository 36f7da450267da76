"""Remote signing: leader, then seal, by the right PIN only, and what comes of it verifies."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import asyncio
from datetime import datetime
from io import BytesIO
from uuid import uuid4

import pikepdf
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from infra.demo.inspect import Trust, faults_of
from shared.ids import uuid7
from tests.fixtures.papers import OTHER, SENDER, Sheet
from tests.signing.signer import PIN, Signer


async def trust_of(signer: Signer) -> Trust:
    """Return what a careful recipient trusts."""
    lists = [(await signer.client.get(f"/pki/{ca}/crl")).content for ca in ("root", "issuing")]
    folder = signer.desk.authorities.folder
    return Trust(folder / "root.pem", (folder / "issuing.pem").read_bytes(), tuple(lists))


@pytest.mark.parametrize("sender", [SENDER, OTHER])
async def test_a_leader_and_then_the_seal_make_a_file_that_passes(
    signer: Signer, sender: str
) -> None:
    letter = signer.desk.papers.letter.pdf
    leader = await signer.signed(letter, "leader", sender=sender)
    assert leader.startswith(letter)
    sealed = await signer.signed(leader, "seal", sender=sender)
    assert sealed.startswith(leader)
    (seen,) = await signer.desk.examine(Sheet(sealed), sender=sender)
    assert (seen.indication, seen.reason) == ("TOTAL-PASSED", None)
    trust = await trust_of(signer)
    assert await asyncio.to_thread(faults_of, sealed, "MAIN", sender, trust) is None


async def test_the_cms_is_what_pades_baseline_b_wants(signer: Signer) -> None:
    signed = await signer.signed(signer.desk.papers.letter.pdf)
    (one,) = PdfFileReader(BytesIO(signed)).embedded_signatures
    assert one.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert one.sig_object["/M"].endswith("+07'00'")
    kinds = {attribute["type"].native for attribute in one.signer_info["signed_attrs"]}
    assert kinds == {"content_type", "message_digest", "signing_certificate_v2"}
    assert [c.chosen.sha256.hex() for c in one.signed_data["certificates"]] == [
        signer.certificate("leader")
    ]


async def test_an_annex_bears_the_seal_alone(signer: Signer) -> None:
    annex = signer.desk.papers.annex.pdf
    sealed = await signer.signed(annex, "seal", role="ANNEX")
    (seen,) = await signer.desk.examine(Sheet(sealed, "ANNEX"))
    assert seen.indication == "TOTAL-PASSED"


async def test_a_repeated_activation_is_the_same_signature(signer: Signer) -> None:
    signature = await signer.asked(signer.desk.papers.letter.pdf)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(signer.activate(signature)) for _ in range(4)]
    answers = [task.result() for task in tasks] + [await signer.activate(signature)]
    assert [one.text for one in answers if one.status_code != 200] == []
    assert len({one.json()["signed"]["sha256"] for one in answers}) == 1
    (made,) = await signer.told(signature)
    assert made["type"] == "vn.lienthong.signature.made.v1"
    assert made["signed_sha256"] == answers[0].json()["signed"]["sha256"]
    assert made["source_sha256"] == answers[0].json()["source"]["sha256"]
    shown = await signer.call("GET", f"/v1/signatures/{signature}")
    assert shown.json() == answers[0].json()
    assert datetime.fromisoformat(made["signed_at"])


async def test_many_files_are_signed_at_once_with_one_key(signer: Signer) -> None:
    letter = signer.desk.papers.letter.pdf
    waiting = [await signer.asked(letter) for _ in range(7)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(signer.activate(one)) for one in waiting]
    assert [task.result().status_code for task in tasks] == [200] * 7


async def test_who_signed_what_is_written_down(signer: Signer) -> None:
    signature = await signer.asked(signer.desk.papers.letter.pdf)
    await signer.activate(signature, "wrong")
    await signer.activate(signature)
    rows = await signer.desk.db.as_worker(
        lambda conn: conn.fetch(
            "select outcome, person, client_id, sha256 from key_uses where signature_id = $1"
            " order by id",
            signature,
        )
    )
    assert [row["outcome"] for row in rows] == ["wrong_pin", "activated", "intended", "released"]
    (said,) = {(row["person"], row["client_id"], row["sha256"]) for row in rows}
    found = (await signer.call("GET", "/v1/certificates?kind=leader")).json()["items"]
    persons = {one["person"] for one in found} - {None}
    assert (said[0] in persons, said[1]) == (True, "sys-g22")
    with pytest.raises(Exception, match="permission denied"):
        await signer.desk.execute("delete from key_uses")


async def test_the_pin_is_nowhere(signer: Signer, capfd: pytest.CaptureFixture[str]) -> None:
    signature = await signer.asked(signer.desk.papers.letter.pdf)
    canary = "so-bi-mat-7781"
    answers = [
        await signer.activate(signature, canary),
        await signer.activate(signature, canary * 10),
        await signer.call("POST", f"/v1/signatures/{signature}/activation", json={"pin": [canary]}),
        await signer.activate(signature, PIN),
    ]
    assert [one.status_code for one in answers] == [403, 422, 422, 200]
    rows = await signer.desk.db.as_worker(
        lambda conn: conn.fetch(
            "select table_name from information_schema.tables where table_schema = 'public'"
            " and table_type = 'BASE TABLE'"
        )
    )
    for row in rows:
        kept = await signer.desk.db.as_worker(
            lambda conn, table=row["table_name"]: conn.fetch(
                f'select t::text from "{table}" as t where t::text like $1',  # noqa: S608
                f"%{canary}%",
            )
        )
        assert kept == []
    said = "".join([one.text for one in answers]) + "".join(capfd.readouterr())
    assert canary not in said


async def test_another_agency_finds_nothing(signer: Signer) -> None:
    signature = await signer.asked(signer.desk.papers.letter.pdf)
    answers = [
        await signer.activate(signature, system="sys-g01"),
        await signer.activate(signature, system="hub", acting="G01"),
        await signer.call("GET", f"/v1/signatures/{signature}", system="sys-g01"),
        await signer.call("DELETE", f"/v1/signatures/{signature}", system="sys-g01"),
        await signer.activate(uuid4()),
        await signer.activate(uuid7()),
    ]
    assert {(one.status_code, one.json()["code"]) for one in answers} == {(404, "SIG-4041")}
    young = [one.headers.get("retry-after") for one in answers]
    assert young == ["1", "1", "1", "1", None, "1"]
    assert await signer.state(signature) == ("requested", None)
    unnamed = await signer.activate(signature, system="hub")
    assert (unnamed.status_code, unnamed.json()["code"]) == (400, "AUT-4001")
    without = await signer.activate(signature, scope="documents.send")
    assert without.status_code == 403
    assert (await signer.activate(signature, system="hub", acting="G22")).status_code == 200


@pytest.mark.parametrize("certificate", ["foreign", "unknown"])
async def test_a_certificate_serves_its_own_agency_only(signer: Signer, certificate: str) -> None:
    digest = signer.certificate("leader", OTHER) if certificate == "foreign" else "12" * 32
    signature = await signer.asked(signer.desk.papers.letter.pdf, certificate=digest)
    assert await signer.state(signature) == ("failed", "SIG-4032")
    (told,) = await signer.told(signature)
    assert (told["type"], told["reason"]) == ("vn.lienthong.signature.failed.v1", "SIG-4032")
    answer = await signer.activate(signature)
    assert (answer.status_code, answer.json()["code"]) == (409, "SIG-4092")


async def test_each_kind_has_its_certificate(signer: Signer) -> None:
    letter = signer.desk.papers.letter.pdf
    seal = signer.certificate("seal")
    signature = await signer.asked(letter, "leader", certificate=seal)
    assert await signer.state(signature) == ("failed", "SIG-4097")


async def test_the_list_shows_the_own_certificates_only(signer: Signer) -> None:
    found = (await signer.call("GET", "/v1/certificates")).json()["items"]
    mine = {signer.certificate("leader"), signer.certificate("seal")}
    assert mine <= {one["sha256"] for one in found}
    assert {one["agency"]["code"] for one in found} == {SENDER}
    assert all(one["remote"] and one["state"] == "good" for one in found if one["sha256"] in mine)
    pages: list[str] = []
    path: str | None = "/v1/certificates?limit=1"
    while path:
        answer = await signer.call("GET", path)
        pages += [one["sha256"] for one in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert pages == [one["sha256"] for one in found]
    other = (await signer.call("GET", "/v1/certificates", system="sys-g01")).json()["items"]
    assert not mine & {one["sha256"] for one in other}


async def test_the_signed_file_opens_and_shows_one_stamp_more(signer: Signer) -> None:
    letter = signer.desk.papers.letter.pdf
    signed = await signer.signed(letter)
    with pikepdf.open(BytesIO(signed)) as pdf:
        fields = pdf.Root.AcroForm.Fields
        assert [str(field.T) for field in fields] == ["NguoiKy"]
