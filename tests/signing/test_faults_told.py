"""What is wrong with a certificate, an address or base64 is told in Vietnamese, too."""

import re
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.signing.api.validations import DetachedSignature
from services.signing.trustlist import (
    CHANGES,
    NO_AUTHORITY,
    NO_ISSUING_KEY,
    TOO_WEAK,
    Unfit,
    check_proposed,
)
from shared.faults import from_model
from tests.signing.test_trustlist import NOW, add, facts

_ENGLISH = re.compile(r"\b(the|not|its|invalid|error|certificate|address)\b", re.IGNORECASE)


def told(adapter: TypeAdapter[Any], body: dict[str, Any]) -> tuple[str, str]:
    """Return what is said of the one fault of a body, in Vietnamese and English."""
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(body)
    (fault,) = from_model(caught.value, body).faults
    return fault.detail, fault.detail_en


@pytest.mark.parametrize(
    ("other", "vi", "en"),
    [
        ({"crl": ["ftp://ca.example/crl"]}, "http hoặc https", "http or https only"),
        ({"ocsp": ["http://ca.example/{x}#y"]}, "http hoặc https", "a fragment does not belong"),
        ({"certificate": "x"}, "dạng PEM", "One certificate in PEM"),
    ],
)
def test_a_change_that_cannot_be_read_says_why_in_both(
    other: dict[str, Any], vi: str, en: str
) -> None:
    said = told(CHANGES, {**add().model_dump(mode="json"), **other})
    assert vi in said[0]
    assert en in said[1]


def test_what_is_not_base64_says_so_in_both() -> None:
    said = told(TypeAdapter(DetachedSignature), {"content": "AAAA", "signature": "!"})
    assert said == ("Phải là base64 (RFC 4648, mục 4).", "it is not base64 (RFC 4648 4)")


@pytest.mark.parametrize(
    ("objection", "vi"),
    [
        (NO_AUTHORITY, "không phải chứng thư số của CA"),
        (NO_ISSUING_KEY, "không được phép ký chứng thư số"),
        (f"{TOO_WEAK}rsa 1024", "quá yếu (rsa 1024)"),
        ("PathBuildingError", "đường dẫn chứng thực không hợp lệ"),
    ],
)
def test_why_a_certificate_is_no_authoritys_is_said_without_english(
    objection: str, vi: str
) -> None:
    with pytest.raises(Unfit) as caught:
        check_proposed(add(), replace(facts(), objection=objection), NOW)
    assert vi in caught.value.vi
    assert not _ENGLISH.search(caught.value.vi)
    assert objection in caught.value.en
