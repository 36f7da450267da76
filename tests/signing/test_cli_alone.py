"""`lienthong verify` by an exported trust list: what a third party has, and nothing else."""

import base64
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from infra.pki.authority import sign_list
from services.signing.cli import main
from services.signing.export import TYPE, signed
from services.signing.keys import Authorities
from services.signing.store.trust import TrustList
from services.signing.trustlist import AuthorityTerms, Entry
from services.signing.validation.material import Purpose
from tests.fixtures import tampering
from tests.fixtures.papers import Papers, days
from tests.signing.elsewhere import crl, der, make_ca
from tests.signing.test_evidence import known

_PURPOSES: dict[str, tuple[Purpose, ...]] = {
    "root": ("authority",),
    "issuing": ("leader", "seal", "protocol"),
}
_SINCE = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Laid:
    """A third party's folder."""

    folder: Path

    def verify(self, *more: str, file: str = "paper.pdf", lists: Sequence[str] = ()) -> int:
        """Verify a file of the folder; returns the exit code."""
        named = {"--trust": "trust.jws", "--root": "root.cer"}
        given = [one for name, value in named.items() for one in (name, str(self.folder / value))]
        for name in lists or ("root.crl", "issuing.crl"):
            given += ["--crl", str(self.folder / name)]
        return main(["verify", str(self.folder / file), *given, *more])

    def lay(self, name: str, content: bytes) -> str:
        """Lay a file into the folder; returns where."""
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)


@pytest.fixture
def laid(papers: Papers, tmp_path: Path) -> Laid:
    """A good file, the export, the root and both lists."""
    authorities = Authorities(papers.office.folder)
    entries = {
        name: Entry(
            name,
            authorities.der(name),
            name == "root",
            AuthorityTerms.model_validate({"trusted_from": _SINCE, "purposes": purposes}),
            1,
        )
        for name, purposes in _PURPOSES.items()
    }
    made = Laid(tmp_path)
    made.lay("paper.pdf", papers.good_main.content)
    made.lay("trust.jws", signed(authorities, TrustList(1, entries), datetime.now(UTC)).encode())
    made.lay("root.cer", authorities.der("root"))
    for one in known(papers).lists:
        made.lay(f"{one.authority}.crl", one.der)
    return made


def test_a_third_party_comes_to_the_same_verdict(
    laid: Laid, papers: Papers, capsys: pytest.CaptureFixture[str]
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert laid.verify() == 0
    told = capsys.readouterr().out
    assert told.startswith("TOTAL-PASSED")
    made_at = re.search(r"  trust list 1, made at (\S+)", told)
    assert made_at
    assert abs(datetime.fromisoformat(made_at[1]) - before) < timedelta(minutes=5)
    assert re.search("  trust anchor root [0-9a-f]{64}\n", told)
    laid.lay("changed.pdf", tampering.changed_byte(papers.good_main.content))
    assert laid.verify(file="changed.pdf") == 1
    laid.lay("unsigned.pdf", papers.letter.pdf)
    assert laid.verify(file="unsigned.pdf") == 1


def test_what_is_not_known_to_be_unrevoked_is_not_passed(
    laid: Laid, capsys: pytest.CaptureFixture[str]
) -> None:
    assert laid.verify(lists=["root.crl"]) == 3
    assert "revocation.known" in capsys.readouterr().out


def test_pem_is_as_good_as_der(laid: Laid) -> None:
    root = x509.load_der_x509_certificate((laid.folder / "root.cer").read_bytes())
    laid.lay("root.cer", root.public_bytes(Encoding.PEM))
    issuing = x509.load_der_x509_crl((laid.folder / "issuing.crl").read_bytes())
    laid.lay("issuing.crl", issuing.public_bytes(Encoding.PEM))
    assert laid.verify() == 0


def test_an_export_is_believed_below_the_root_alone(
    laid: Laid, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = make_ca("CA gốc khác")
    whole = (laid.folder / "trust.jws").read_text()
    header, claims, value = whole.split(".")
    forged = jwt.encode({"iat": 1}, "x" * 64, headers={"x5c": ["AAAA"]})
    texts = ["", "…", "a.b.c", forged, f"{header}.{claims}x.{value}", f"{header}.{claims}."]
    for text in texts:
        laid.lay("trust.jws", text.encode())
        assert laid.verify() == 4
        assert "lienthong: the trust list: " in capsys.readouterr().err
    laid.lay("trust.jws", whole.encode())
    laid.lay("root.cer", der(stranger))
    assert laid.verify() == 4
    assert "its signer is of another root" in capsys.readouterr().err
    laid.lay("root.cer", b"0")
    assert laid.verify() == 4
    laid.lay("root.cer", b"-----BEGIN CERTIFICATE-----")
    assert laid.verify() == 4


def test_an_export_is_of_an_authority_that_is_not_revoked(
    laid: Laid, papers: Papers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert laid.verify(lists=["issuing.crl"]) == 4
    assert "give the root's revocation list" in capsys.readouterr().err
    office = papers.office
    revoked = crl(office.root, office.issuing.certificate.serial_number, number=9)
    laid.lay("root.crl", revoked)
    assert laid.verify() == 4
    assert "its signer is revoked" in capsys.readouterr().err


def test_the_roots_list_is_of_the_moment_that_is_judged(
    laid: Laid, papers: Papers, capsys: pytest.CaptureFixture[str]
) -> None:
    assert laid.verify("--at", "2035-01-01T00:00:00+07:00") == 4
    assert "the root's list is not of that time" in capsys.readouterr().err
    root = papers.office.root
    old = laid.lay("old.crl", sign_list(root, number=1, period=days(-9, -2)))
    assert laid.verify(lists=["old.crl", "issuing.crl"]) == 4
    assert "the root's list is not of that time" in capsys.readouterr().err
    assert laid.verify("--crl", old) == 0
    yet_to_come = sign_list(root, number=9, period=days(2, 9))
    laid.lay("later.crl", yet_to_come)
    assert laid.verify(lists=["later.crl", "issuing.crl"]) == 4


def test_the_roots_newest_list_says_whether_an_exports_signer_is_revoked(
    laid: Laid, papers: Papers, capsys: pytest.CaptureFixture[str]
) -> None:
    root, serial = papers.office.root, papers.office.issuing.certificate.serial_number
    suspended = x509.ReasonFlags.certificate_hold
    ended = crl(root, serial, number=2, period=days(-3, 3), reason=suspended)
    assert laid.verify("--crl", laid.lay("ended.crl", ended)) == 0
    laid.lay("newer.crl", crl(root, serial, number=9, period=days(0, 3)))
    lists = ["root.crl", "newer.crl", "issuing.crl"]
    assert laid.verify(lists=lists) == 4
    assert "its signer is revoked" in capsys.readouterr().err


def test_who_signs_an_export_is_an_authority(
    laid: Laid, papers: Papers, capsys: pytest.CaptureFixture[str]
) -> None:
    leaf = make_ca("Không phải CA", by=papers.office.root, ca=False)
    none: list[str] = []
    claims = {"iat": int(time.time()), "version": 1, "digest": "", "authorities": none}
    headers = {"typ": TYPE, "x5c": [base64.b64encode(der(leaf)).decode()]}
    made = jwt.encode(claims, leaf.key, algorithm="ES256", headers=headers)
    laid.lay("trust.jws", made.encode())
    assert laid.verify() == 4
    assert "not an authority's certificate" in capsys.readouterr().err


def test_lists_are_of_the_trust_lists_authorities(
    laid: Laid, capsys: pytest.CaptureFixture[str]
) -> None:
    for content, said in ((b"", "no revocation list"), (b"0\x00", "no revocation list")):
        laid.lay("issuing.crl", content)
        assert laid.verify() == 4
        assert f"issuing.crl: {said}" in capsys.readouterr().err
    laid.lay("issuing.crl", crl(make_ca("CA gốc khác"), number=1))
    assert laid.verify() == 4
    assert "of no authority of the trust list" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["--trust", "x"],
        ["--root", "x"],
        ["--trust", "x", "--root", "x", "--root", "y"],
        ["--trust", "x", "--root", "x", "--sha256", "0" * 64],
        ["--evidence", "x", "--trust", "x", "--root", "x"],
        ["--evidence", "x", "--sha256", "x"],
    ],
)
def test_what_it_is_judged_by_is_to_be_said(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", "x.pdf", *given])
    assert ended.value.code == 2
    assert "--evidence" in capsys.readouterr().err
