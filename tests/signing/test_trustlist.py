"""The trust list as values: what a change makes of it, what differs, and an export of it."""

import base64
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from pydantic import ValidationError

from services.signing import export
from services.signing.compare import differences
from services.signing.keys import Authorities
from services.signing.pipe import CertificateFacts
from services.signing.store.trust import TrustList
from services.signing.trustlist import (
    CHANGES,
    AddAuthority,
    AnyChange,
    ChangeAuthority,
    EndAuthority,
    Entry,
    Unfit,
    after,
    check_proposed,
    digest,
    in_force,
)
from shared.errors import Problem
from tests.fixtures.papers import Papers
from tests.signing.elsewhere import der, make_ca, pem

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
BEGAN, LATER = NOW - timedelta(days=30), NOW + timedelta(days=36_500)
ONE, TWO = make_ca("CA một"), make_ca("CA hai")


def add(name: str = "one", **other: Any) -> AddAuthority:  # noqa: ANN401 (fields of the change)
    """Return a change that adds an authority."""
    made = {
        "action": "add",
        "name": name,
        "certificate": pem(ONE),
        "anchor": True,
        "trusted_from": BEGAN,
        "purposes": ["leader", "seal"],
        "crl": ["http://ca.example/crl"],
        **other,
    }
    return AddAuthority.model_validate(made)


def alter(**other: Any) -> ChangeAuthority:  # noqa: ANN401 (as above)
    """Return a change of the terms of `one`."""
    same = add().model_dump(exclude={"certificate", "anchor"})
    return ChangeAuthority.model_validate({**same, "action": "change", **other})


END = EndAuthority(action="end", name="one")


def listed(*changes: AnyChange) -> dict[str, Entry]:
    """Return the list that these changes lead to."""
    entries: dict[str, Entry] = {}
    for version, change in enumerate(changes, 1):
        entries = after(entries, change, version)
    return entries


def facts(**other: Any) -> CertificateFacts:  # noqa: ANN401 (as above)
    """Return what a worker reads in a good root."""
    good = CertificateFacts(
        sha256="0" * 64,
        subject="CN=CA",
        issuer="CN=CA",
        serial="1",
        not_before=BEGAN,
        not_after=NOW + timedelta(days=1),
        key="ec secp256r1",
        signature="ecdsa sha256",
        path_length=None,
        self_signed=True,
        issued_by=None,
        objection="",
    )
    return replace(good, **other)


def test_each_change_leads_to_the_next_list() -> None:
    entries = listed(add(), add("two", certificate=pem(TWO)), alter(purposes=["seal"]), END)
    assert (entries["one"].ended, entries["one"].since) == (True, 4)
    assert entries["one"].terms.purposes == ("seal",)
    assert list(in_force(entries)) == ["two"]
    assert entries["two"].authority().purposes == ("leader", "seal")


@pytest.mark.parametrize(
    ("before", "change", "why"),
    [
        ((add(),), add(certificate=pem(TWO)), "The name one is taken"),
        ((add(), END), add(certificate=pem(TWO)), "The name one is taken"),
        ((add(),), add("two"), "This certificate is in the list"),
        ((add(), END), add("two"), "does not come back"),
        ((), END, "The list has no authority one"),
        ((add(), END), END, "The list has no authority one"),
        ((add(), END), alter(purposes=["seal"]), "The list has no authority one"),
        ((add(),), alter(), "changes nothing"),
    ],
)
def test_a_change_that_does_not_fit_the_list(
    before: tuple[AddAuthority | EndAuthority, ...],
    change: AnyChange,
    why: str,
) -> None:
    with pytest.raises(Unfit, match=why):
        after(listed(*before), change, 9)


@pytest.mark.parametrize(
    ("change", "read", "why"),
    [
        (add(), facts(objection="too weak: rsa 1024"), "too weak: rsa 1024"),
        (add(), facts(not_after=NOW), "expired"),
        (add(), facts(self_signed=False, issued_by="root"), "has signed itself"),
        (add(anchor=False), facts(), "issued by a listed"),
        (add(anchor=False), facts(self_signed=False), "No authority of the list"),
        (add(trusted_until=NOW), facts(), "lies in the future"),
        (alter(trusted_until=NOW - timedelta(days=1)), None, "lies in the future"),
    ],
)
def test_what_is_not_even_proposed(
    change: AnyChange, read: CertificateFacts | None, why: str
) -> None:
    with pytest.raises(Unfit, match=why):
        check_proposed(change, read, NOW)


def test_what_may_be_proposed() -> None:
    check_proposed(add(), facts(), NOW)
    check_proposed(add(anchor=False), facts(self_signed=False, issued_by="root"), NOW)
    check_proposed(END, None, NOW)


@pytest.mark.parametrize(
    "other",
    [
        {"crl": ["file:///etc/passwd"]},
        {"crl": ["http://user@ca.example/"]},
        {"ocsp": ["ldap://ca.example/"]},
        {"crl": ["http://ca.example/"] * 5},
        {"certificate": "no certificate"},
        {"certificate": pem(ONE) + pem(TWO)},
        {"name": "Tên lạ"},
        {"purposes": []},
        {"purposes": ["everything"]},
        {"trusted_from": "2026-11-26T12:00:00"},
        {"action": "trust"},
    ],
)
def test_a_change_that_cannot_be_read(other: dict[str, Any]) -> None:
    given = {**add().model_dump(mode="json"), **other}
    with pytest.raises(ValidationError):
        CHANGES.validate_python(given)


def test_a_stored_change_is_the_same_change() -> None:
    for one in (add(), alter(), END):
        assert CHANGES.validate_python(one.model_dump(mode="json")) == one


def test_the_digest_is_of_what_the_list_says_not_of_how_it_came_about() -> None:
    once = listed(add(purposes=["seal"]), add("two", certificate=pem(TWO)))
    later = listed(add("two", certificate=pem(TWO)), add(), alter(purposes=["seal"]))
    assert digest(once) == digest(later)
    assert digest(once) != digest(listed(add(), add("two", certificate=pem(TWO))))
    assert digest(listed(add(), END)) == digest({})


def test_differences_lead_from_one_list_to_the_other() -> None:
    own = listed(add(), add("two", certificate=pem(TWO)))
    theirs = [add(purposes=["seal"]), add("three", certificate=pem(make_ca("CA ba")))]
    found = {one.name: one.change for one in differences(own, theirs, end_missing=True)}
    assert found["one"] == alter(purposes=["seal"])
    assert found["three"] == theirs[1]
    assert found["two"] == EndAuthority(action="end", name="two")
    entries = own
    for change in found.values():
        assert change
        entries = after(entries, change, 9)
    assert digest(entries) == digest(listed(*theirs))
    assert differences(entries, theirs, end_missing=True) == []


def test_what_differs_and_cannot_be_proposed_is_told() -> None:
    own = listed(add(), END, add("root", certificate=pem(TWO)))
    found = differences(own, [add()], end_missing=True)
    assert [(one.name, one.change, bool(one.vi and one.en)) for one in found] == [
        ("one", None, True),
        ("root", None, True),
    ]


@pytest.fixture(scope="module")
def authorities(papers: Papers) -> Authorities:
    return Authorities(papers.office.folder)


def own_list(authorities: Authorities, *more: AddAuthority) -> TrustList:
    """Return the list of an exchange with the PKI folder, and more."""
    both = [
        add(
            name,
            certificate=ssl.DER_cert_to_PEM_cert(authorities.der(name)),
            anchor=name == "root",
            purposes=["protocol"] if name == "issuing" else ["authority"],
            crl=[],
        )
        for name in ("root", "issuing")
    ]
    return TrustList(2 + len(more), listed(*both, *more))


def test_an_export_says_the_whole_list_to_whoever_lists_its_signer(
    authorities: Authorities,
) -> None:
    ours = own_list(authorities, add())
    theirs = own_list(authorities)
    read = export.verified(export.signed(authorities, ours, NOW), theirs.entries, until=LATER)
    assert (read.signer, read.version, read.digest) == ("issuing", 3, digest(ours.entries))
    (found,) = differences(theirs.entries, read.authorities, end_missing=False)
    assert found.change == add()
    assert differences(ours.entries, read.authorities, end_missing=False) == []
    header = jwt.get_unverified_header(export.signed(authorities, ours, NOW))
    assert [base64.b64decode(one) for one in header["x5c"]] == [
        authorities.der("issuing"),
        authorities.der("root"),
    ]


def forged(authorities: Authorities, **header: object) -> str:
    """Return an export by another key that names our issuing CA."""
    good = export.signed(authorities, own_list(authorities, add()), NOW)
    claims = jwt.decode(good, options={"verify_signature": False})
    headers = {**jwt.get_unverified_header(good), **header}
    return jwt.encode(claims, ONE.key, algorithm="ES256", headers=headers)


def spoilt(compact: str) -> str:
    """Return an export with other contents under the same signature."""
    head, body, value = compact.split(".")
    raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    other = raw.replace(b'"leader"', b'"protocol"')
    assert other != raw
    return f"{head}.{base64.urlsafe_b64encode(other).decode().rstrip('=')}.{value}"


def test_a_forged_export_is_refused(authorities: Authorities) -> None:
    ours = own_list(authorities, add())
    good = export.signed(authorities, ours, NOW)
    stranger = base64.b64encode(der(TWO)).decode()
    cases = [
        spoilt(good),
        forged(authorities),
        forged(authorities, typ="JWT"),
        forged(authorities, x5c=[stranger]),
        forged(authorities, x5c=[]),
        forged(authorities, x5c="x"),
        good[:-4],
        "no export",
        "",
        good.split(".")[0] + "..",
    ]
    for one in cases:
        with pytest.raises(Problem, match="TRU-4222"):
            export.verified(one, ours.entries, until=LATER)
    ended = after(ours.entries, EndAuthority(action="end", name="issuing"), 9)
    with pytest.raises(Problem, match="TRU-4222"):
        export.verified(good, ended, until=LATER)


def test_a_listed_authority_that_is_not_trusted_for_that_signs_no_export(
    authorities: Authorities,
) -> None:
    ours = own_list(authorities, add())
    signer = base64.b64encode(ours.entries["one"].der).decode()
    with pytest.raises(Problem, match="TRU-4222"):
        export.verified(forged(authorities, x5c=[signer]), ours.entries, until=LATER)
