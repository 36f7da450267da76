"""Who may have signed an export of a trust list, and when (pure)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from infra.pki.authority import Authority
from services.signing.certificate import Registered, State
from services.signing.compare import differences
from services.signing.export import Export, check_signer
from services.signing.trustlist import AuthorityTerms, EndAuthority, Entry, after
from services.signing.validation.material import Purpose
from shared.errors import Problem
from tests.signing.elsewhere import der, make_ca, renewed

NOW = datetime.now(UTC).replace(microsecond=0)
ROOT = make_ca("CA gốc")
MIDDLE = make_ca("CA trung gian", by=ROOT)
SIGNER = make_ca("CA ký", by=MIDDLE)


def entry(name: str, one: Authority, *purposes: Purpose, until: datetime | None = None) -> Entry:
    """Return a listed authority that has been trusted for ten days."""
    begins = NOW - timedelta(days=10)
    terms = AuthorityTerms(
        trusted_from=begins, trusted_until=until, purposes=purposes, crl=(), ocsp=()
    )
    return Entry(name, der(one), name == "root", terms, 1)


LISTED = {
    "root": entry("root", ROOT, "authority"),
    "middle": entry("middle", MIDDLE, "authority"),
    "signer": entry("signer", SIGNER, "protocol"),
}


def rows(bad: str = "", state: State = "good") -> dict[str, Registered]:
    """Return the rows of the listed authorities' certificates, all good but one."""
    issuers = {"root": "root", "middle": "root", "signer": "middle"}
    found = [
        Registered(LISTED[name].sha256, "authority", None, by, state if name == bad else "good", 0)
        for name, by in issuers.items()
    ]
    return {one.sha256: one for one in found}


def export(*, ago: timedelta = timedelta(hours=1)) -> Export:
    """Return an export by the lowest authority."""
    return Export("signer", "", NOW - ago, 7, "", ())


def refused(listed: Mapping[str, Entry], registered: Mapping[str, Registered], made: Export) -> str:
    """Return why an export is not taken; empty: it is."""
    try:
        check_signer(made, listed, registered, NOW)
    except Problem as problem:
        return str(problem) if problem.vi and problem.code == "TRU-4222" else "another problem"
    return ""


def test_an_export_by_an_authority_that_is_good_up_to_its_root_is_taken() -> None:
    assert refused(LISTED, rows(), export()) == ""
    assert refused(LISTED, rows(), export(ago=timedelta(seconds=-200))) == "", "clocks differ"


@pytest.mark.parametrize("name", LISTED)
@pytest.mark.parametrize("state", ["revoked", "suspended"])
def test_whose_way_to_the_root_holds_a_revoked_authority_signs_nothing(
    name: str, state: State
) -> None:
    assert f"of {name} is revoked" in refused(LISTED, rows(name, state), export())


def test_a_state_that_is_not_known_is_not_a_good_one() -> None:
    known = rows()
    del known[LISTED["signer"].sha256]
    assert "its state is not known" in refused(LISTED, known, export())


@pytest.mark.parametrize(
    ("ago", "until"),
    [
        (timedelta(days=11), None),  # before it was trusted
        (timedelta(days=365), None),
        (timedelta(hours=1), NOW - timedelta(hours=2)),  # after its trust had ended
        (timedelta(hours=3), NOW - timedelta(hours=2)),  # says who may say anything since
    ],
)
def test_both_when_it_was_made_and_now_its_signer_must_be_trusted(
    ago: timedelta, until: datetime | None
) -> None:
    listed = {**LISTED, "signer": entry("signer", SIGNER, "protocol", until=until)}
    assert "signer was not valid and trusted" in refused(listed, rows(), export(ago=ago))


def test_an_expired_certificate_signs_nothing() -> None:
    old = make_ca("CA ký", by=MIDDLE, days=-1)
    one = entry("signer", old, "protocol")
    known = {**rows(), one.sha256: Registered(one.sha256, "authority", None, "middle", "good", 0)}
    made = export(ago=timedelta(days=5))
    assert "signer was not valid and trusted" in refused({**LISTED, "signer": one}, known, made)


def test_without_a_way_to_a_root_of_the_list_nothing_is_taken() -> None:
    ended = after(LISTED, EndAuthority(action="end", name="middle"), 9)
    assert "leads to no root" in refused(ended, rows(), export())
    narrow = {**LISTED, "middle": entry("middle", MIDDLE, "leader")}
    assert "leads to no root" in refused(narrow, rows(), export())
    known = {
        sha256: replace(one, issuer="middle") if one.issuer == "root" else one
        for sha256, one in rows().items()
    }
    assert "leads to no root" in refused(LISTED, known, export()), "a ring ends nowhere"


def test_what_an_export_lacks_is_ended_only_when_that_is_asked_for() -> None:
    (left,) = [one for one in differences(LISTED, (), end_missing=False) if one.name == "middle"]
    assert left.change is None
    assert "end_missing" in left.vi
    assert "end_missing" in left.en
    found = {one.name: one.change for one in differences(LISTED, (), end_missing=True)}
    assert found["middle"] == EndAuthority(action="end", name="middle")
    assert found["root"] is None, "never the own one"


RENEWED = entry("middle-2", renewed(MIDDLE), "authority")


def known_with(one: Entry, state: State, *, middle: State = "good") -> dict[str, Registered]:
    """Return the rows of the listed ones, and of the certificate that the middle has besides."""
    row = Registered(one.sha256, "authority", None, "root", state, 0)
    return {**rows("middle", middle), one.sha256: row}


def test_an_authority_that_was_renewed_leads_on_when_its_first_name_has_ended() -> None:
    """The signer's row names what its issuer was called when it was registered."""
    both = {**LISTED, "middle-2": RENEWED}
    ended = after(both, EndAuthority(action="end", name="middle"), 9)
    assert refused(ended, known_with(RENEWED, "good", middle="revoked"), export()) == ""
    why = refused(ended, known_with(RENEWED, "suspended", middle="revoked"), export())
    assert "of middle-2 is revoked or suspended" in why
    none = after(ended, EndAuthority(action="end", name="middle-2"), 10)
    assert "leads to no root" in refused(none, known_with(RENEWED, "revoked"), export())


def test_an_authority_that_was_renewed_is_as_good_as_one_of_its_certificates() -> None:
    over = NOW - timedelta(hours=2)
    both = {
        **LISTED,
        "middle": entry("middle", MIDDLE, "authority", until=over),
        "middle-2": RENEWED,
    }
    assert refused(both, known_with(RENEWED, "good"), export()) == ""
    assert "middle was not valid and trusted" in refused(
        both, known_with(RENEWED, "revoked"), export()
    )


def test_an_authority_of_the_same_name_with_another_key_leads_nowhere() -> None:
    other = entry("middle-2", make_ca("CA trung gian", by=ROOT), "authority")
    ended = after({**LISTED, "middle-2": other}, EndAuthority(action="end", name="middle"), 9)
    assert "leads to no root" in refused(ended, known_with(other, "good"), export())
