"""Evidence of a form that this software does not read: told as what it is, and shown as it lies."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from services.signing.again import repeat
from services.signing.cli import main
from services.signing.evidence import Incomplete, OtherForm
from services.signing.report.content import content
from services.signing.report.etsi import report
from tests.fixtures.papers import Papers
from tests.fixtures.stack import Backing
from tests.signing.desk import Desk
from tests.signing.reported import DIGEST, POLICY, SEALED, SOUND, evidence
from tests.signing.served import System, served
from tests.signing.test_cli import changed
from tests.signing.test_routes import INTERNAL, Face, judged_well

OLD, NEW = "lienthong/verdict/1", "lienthong/verdict/3"


@pytest.mark.parametrize("form", [OLD, NEW])
def test_no_report_is_made_of_another_form(form: str) -> None:
    old = {**evidence(SOUND, SEALED), "schema": form}
    with pytest.raises(OtherForm, match=f"is of the form {form}"):
        content(old, POLICY, sha256=DIGEST, withdrawn=None)
    with pytest.raises(OtherForm, match=f"is of the form {form}"):
        report(old, POLICY, withdrawn=None)


@pytest.mark.parametrize("form", [None, 1, "lienthong/verdict/1\x1b[2J", "another/1"])
def test_what_names_no_form_is_no_evidence(form: object) -> None:
    with pytest.raises(Incomplete) as refused:
        repeat(orjson.dumps({"schema": form}), {}, b"")
    assert refused.type is Incomplete
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize("form", [OLD, NEW])
def test_verify_says_of_which_form_evidence_is_and_gives_no_verdict(
    papers: Papers, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    def aged(stored: dict[str, Any]) -> None:
        stored["schema"] = form
        del stored["material"]

    paper, given = changed(papers, tmp_path, aged)
    assert main(["verify", str(paper), "--evidence", str(given)]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"lienthong: the evidence is of the form {form}, and lienthong/verdict/2 is read here\n"
    )


@pytest.fixture
async def face(idle_desk: Desk, backing: Backing) -> AsyncIterator[Face]:
    """Serve signing's routes over a desk of its own."""
    systems = {"service-docs": System(("internal",))}
    async with served(idle_desk, backing, systems) as (client, issuer):
        yield Face(client, issuer, idle_desk)


async def test_a_stored_verdict_of_an_old_form_is_shown_and_not_reported_on(face: Face) -> None:
    event = await judged_well(face.desk)
    old = orjson.dumps({"schema": OLD, "verdict": {"indication": "TOTAL-PASSED"}})
    digest = sha256(old).hexdigest()
    statement = "update verdicts set evidence = $1, evidence_sha256 = $2 where evidence_sha256 = $3"
    await face.desk.execute(statement, old, digest, event["evidence_sha256"])
    headers = face.headers("service-docs", "internal", audience=INTERNAL)
    place = f"/internal/verdicts/{digest}"
    with capture_logs() as logged:
        for form in ("etsi", "html", "pdf", "bundle"):
            refused = await face.client.get(f"{place}/{form}", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (406, "SIG-4061"), form
            assert OLD in refused.json()["detail_en"]
    assert [one for one in logged if one["log_level"] == "error"] == []
    assert (await face.client.get(place, headers=headers)).content == old
