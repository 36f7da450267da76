"""A verdict is repeated from its evidence alone; what is amiss with that is named."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from platform import python_version
from uuid import UUID

import orjson
import pytest
from cryptography.hazmat.primitives import serialization

from infra.pki.authority import Authority, sign_list
from infra.pki.trusted import material
from services.signing.again import repeat
from services.signing.certificate import Registered
from services.signing.evidence import Incomplete, Subject, named, pieces, written
from services.signing.validation.material import Listed, Material, digest
from services.signing.validation.pades import validate_pdf
from services.signing.validation.trust import Trust
from services.signing.verdict import judge
from shared.ids import AgencyId
from tests.fixtures import tampering
from tests.fixtures.papers import Papers, days
from tests.signing.elsewhere import crl, make_ca

AGENCY = AgencyId(UUID(int=22))
_PARSING = ("pyHanko", "pyhanko-certvalidator", "asn1crypto", "cryptography", "lxml")
FILES: dict[str, Callable[[Papers], bytes]] = {
    "good": lambda p: p.good_main.content,
    "no seal": lambda p: p.signed(p.leader()),
    "changed": lambda p: tampering.changed_byte(p.good_main.content),
    "not a PDF": lambda _: b"%PDF-1.7\nkhong phai PDF",
}


def known(papers: Papers) -> Material:
    """Return the material of today."""
    office = papers.office
    lists = [
        (name, sign_list(by, number=3, period=days(-1, 1)))
        for name, by in (("root", office.root), ("issuing", office.issuing))
    ]
    return material(der(office.root), der(office.issuing), lists)


def der(authority: Authority) -> bytes:
    """Return an authority's certificate."""
    return authority.certificate.public_bytes(serialization.Encoding.DER)


def judged(content: bytes, given: Material) -> bytes:
    """Judge a file and return the evidence."""
    trust = Trust(given)
    finding = validate_pdf(content, trust, datetime.now(UTC))
    kinds = ("leader", "seal")
    registered = {
        one.certificate: Registered(one.certificate, kinds[place], AGENCY, "issuing", "good", 0)
        for place, one in enumerate(finding.signatures)
        if one.certificate
    }
    verdict = judge(finding, registered, trust.policy, role="MAIN", sender=AGENCY)
    subject = Subject(UUID(int=1), UUID(int=2), "1/VP", AGENCY, digest(content), "MAIN")
    return written(subject, verdict, finding, registered, given)[0]


def test_a_file_that_was_given_up_is_repeated_too(papers: Papers) -> None:
    content, given = papers.good_main.content, replace(known(papers), lists=())
    evidence = orjson.loads(judged(content, given))
    assert evidence["verdict"]["indication"] == "INDETERMINATE"
    detail = evidence["verdict"]["detail"]
    evidence["verdict"] |= {"indication": "TOTAL-FAILED", "detail": f"{detail}, for 1:00:01"}
    again = repeat(orjson.dumps(evidence), kept(given), content)
    assert again.differs == ("verdict.indication", "verdict.detail")
    evidence["waited"] = "1:00:01"
    assert repeat(orjson.dumps(evidence), kept(given), content).differs == ()


def kept(given: Material) -> dict[str, bytes]:
    """Return all pieces of a material."""
    everything = (
        given.policy,
        *(one.der for one in given.authorities),
        *(one.der for one in given.lists),
        *given.answers,
    )
    return {digest(one): one for one in everything}


def test_evidence_names_the_lists_of_authorities_on_the_files_ways_alone(papers: Papers) -> None:
    given, strange = known(papers), make_ca("CA gốc khác")
    other = replace(given.authorities[0], name="other", der=der(strange))
    own = {(one.authority, digest(one.der)) for one in given.lists}
    listed = Listed("other", crl(strange, number=1))
    wide = replace(
        given,
        authorities=(*given.authorities, other),
        lists=(*given.lists, listed),
        answers=(b"of another",),
    )
    for file, make in FILES.items():
        content, lists = make(papers), own if file != "not a PDF" else set[tuple[str, str]]()
        evidence = judged(content, wide)
        stored = orjson.loads(evidence)
        names = stored["material"]
        assert {(one["authority"], one["sha256"]) for one in names["lists"]} == lists
        assert {(one["authority"], one["sha256"]) for one in stored["finding"]["lists"]} == lists
        assert "other" in [one["name"] for one in names["authorities"]]
        assert names["answers"] == []
        found = validate_pdf(content, Trust(wide), datetime.now(UTC))
        stored_pieces = {one.sha256: one.content for one in pieces(wide, found)}
        assert stored_pieces.keys() == named(stored).digests()
        assert repeat(evidence, stored_pieces, content).differs == ()


def test_what_no_listed_authority_has_issued_is_repeated_without_any_list(papers: Papers) -> None:
    content, given = papers.good_main.content, known(papers)
    only_root = replace(given, authorities=given.authorities[:1])
    evidence = judged(content, only_root)
    stored = orjson.loads(evidence)
    assert stored["verdict"]["rule"] == "chain.listed"
    assert stored["material"]["lists"] == stored["finding"]["lists"] == []
    assert repeat(evidence, kept(only_root), content).differs == ()


def test_evidence_of_before_that_names_all_lists_is_repeated_too(papers: Papers) -> None:
    given, strange = known(papers), make_ca("CA gốc khác")
    content, spare = papers.good_main.content, crl(strange, number=1)
    stored = orjson.loads(judged(content, given))
    one = {**stored["finding"]["lists"][0], "authority": "other", "sha256": digest(spare)}
    stored["finding"]["lists"].append(one)
    stored["material"]["lists"].append({"authority": "other", "sha256": digest(spare)})
    del stored["finding"]["answers"]
    stored["material"]["answers"].append(digest(b"of another"))
    whole = {digest(one): one for one in (spare, b"of another")} | kept(given)
    assert repeat(orjson.dumps(stored), whole, content).differs == ()
    del stored["finding"]["lists"][0]
    assert repeat(orjson.dumps(stored), whole, content).differs == ("finding.lists",)


@pytest.mark.parametrize("file", FILES)
def test_a_verdict_is_repeated_from_its_evidence(papers: Papers, file: str) -> None:
    content, given = FILES[file](papers), known(papers)
    evidence = judged(content, given)
    again = repeat(evidence, kept(given), content)
    assert again.differs == ()
    assert again.verdict.indication == orjson.loads(evidence)["verdict"]["indication"]


def test_the_software_that_judged_is_kept_and_another_is_no_difference(papers: Papers) -> None:
    content, given = papers.good_main.content, known(papers)
    stored = orjson.loads(judged(content, given))
    kept_of = stored["finding"]["libraries"]
    assert re.fullmatch("sources-[0-9a-f]{16}", kept_of.pop("lienthong"))
    assert kept_of == {"Python": python_version(), **{name: version(name) for name in _PARSING}}
    for other in ({}, {"lienthong": "0.0.1", "pyHanko": "0.1"}):
        stored["finding"]["libraries"] = other
        assert repeat(orjson.dumps(stored), kept(given), content).differs == ()


def test_another_moment_may_lead_to_another_verdict(papers: Papers) -> None:
    content, given = papers.good_main.content, known(papers)
    evidence = judged(content, given)
    later = repeat(evidence, kept(given), content, at=datetime.now(UTC) + timedelta(days=9))
    assert later.verdict.sub_indication == "TRY_LATER"
    assert later.verdict.rule == "revocation.fresh"


def test_a_verdict_that_was_changed_is_found(papers: Papers) -> None:
    content, given = papers.good_main.content, known(papers)
    stored = orjson.loads(judged(content, given))
    stored["verdict"]["indication"] = "TOTAL-FAILED"
    stored["finding"]["signatures"][0]["fits"] = []
    again = repeat(orjson.dumps(stored), kept(given), content)
    assert again.differs == ("verdict.indication", "finding.signatures")


def test_what_is_missing_or_changed_is_named(papers: Papers) -> None:
    content, given = papers.good_main.content, known(papers)
    evidence, whole = judged(content, given), kept(given)
    for sha256 in whole:
        with pytest.raises(Incomplete, match=f"{sha256} is missing"):
            repeat(evidence, {name: one for name, one in whole.items() if name != sha256}, content)
        with pytest.raises(Incomplete, match=f"{sha256} is not what was kept"):
            repeat(evidence, {**whole, sha256: whole[sha256] + b"\n"}, content)
    with pytest.raises(Incomplete, match="another file"):
        repeat(evidence, whole, content + b"\n")
    other = replace(given, lists=given.lists[:1])
    with pytest.raises(Incomplete, match="is missing"):
        repeat(evidence, kept(other), content)


@pytest.mark.parametrize("evidence", [b"", b"{", b"[]", b"{}", b'{"schema":"lienthong/verdict/1"}'])
def test_evidence_of_another_form_is_refused(papers: Papers, evidence: bytes) -> None:
    with pytest.raises(Incomplete):
        repeat(evidence, {}, papers.good_main.content)
