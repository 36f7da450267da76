"""What a signature shows: drawn by typst as a one-page PDF, after Decree 30/2020, appendix I."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import typst
from cryptography import x509
from cryptography.x509.oid import NameOID

from services.signing.pipe import Shape
from services.signing.report.wording import VIETNAM
from services.signing.signature import Holder, Signature

_HERE = Path(__file__).with_name("stamps")


@dataclass(frozen=True, slots=True)
class Words:
    """What stands in a stamp."""

    kind: Shape
    agency: str
    person: str
    at: str


def words(asked: Signature, holder: Holder, at: datetime) -> Words:
    """Return what the stamp of a signature says: names as the certificate has them."""
    subject = x509.load_der_x509_certificate(holder.der).subject
    agency = _name(subject, NameOID.ORGANIZATION_NAME)
    person = holder.person or _name(subject, NameOID.COMMON_NAME)
    local = at.astimezone(VIETNAM)
    if asked.role == "ANNEX":
        # II.8: number and notation; time as day, clock and zone, in the upper right corner.
        return Words("annex", agency, asked.document_code, f"{local:%d/%m/%Y; %H:%M:%S}; +07:00")
    return Words(asked.kind, agency, person, local.isoformat(timespec="seconds"))


def _name(subject: x509.Name, part: x509.ObjectIdentifier) -> str:
    found = subject.get_attributes_for_oid(part)
    return str(found[0].value) if found else ""


def draw(shown: Words) -> bytes:
    """Return the stamp as a PDF of one page, as large as it is to be shown. Takes some 20 ms."""
    return typst.compile(
        str(_HERE / "stamp.typ"),
        format="pdf",
        font_paths=[str(_HERE / "fonts")],
        ignore_system_fonts=True,
        sys_inputs={
            "kind": shown.kind,
            "agency": shown.agency,
            "person": shown.person,
            "at": shown.at,
        },
    )
