"""The demo's own letter: typst's PDF/A with object streams, signed by pyHanko's writer."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import datetime as dt
from collections.abc import Iterator
from functools import cache
from io import BytesIO

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.sign.validation.dss import DocumentSecurityStore

from infra.letter.render import Paper, Place, render_letter, stamp
from infra.letter.sample import sample_letter
from infra.pki.sign import CachedKeySigner, Frame, sign
from tests.conformance.case import Case, Dimension
from tests.conformance.cases import said
from tests.conformance.pki import Holder
from tests.conformance.trial import paper
from tests.conformance.world import World, row, rows
from tests.fixtures import tampering


def letters(world: World) -> Iterator[Case]:
    """Yield good letters: what our own signing makes."""
    yield _case(world, "structure", "letter", _signed(world))
    pdf, place = _letter().pdf, _letter().place
    left = Place(place.page, place.x - 22, place.y + 1)
    for by, field, look in (
        (world.leader, "NguoiKy", stamp("leader", "")),
        (world.seal, "CoQuan", stamp("seal", "Văn phòng Chính phủ")),
    ):
        pdf = sign(pdf, _signer(by), field=field, frame=Frame(left, 34, 24, look))
    yield _case(world, "structure", "letter-with-looks", pdf)


def changed_letters(world: World) -> Iterator[Case]:
    """Yield letters that were changed by pyHanko's writer."""
    for change in (tampering.note_added, tampering.page_replaced, tampering.field_added):
        name = f"letter-{change.__name__.replace('_', '-')}"
        yield _case(world, "changes", name, change(_signed(world)))

    yield _case(world, "changes", "letter-archived", _archived(world))
    for of_them in (said.refused, said.allowed):
        for name, file in of_them(_signed(world)):
            yield _case(world, "changes", f"letter-{name}", file)


def _archived(world: World) -> bytes:
    """Return the letter with certificates and lists in a security store (B-LT)."""
    output = BytesIO(_signed(world))
    listed = [one.der for one in world.setting().lists]
    DocumentSecurityStore.add_dss(
        output,
        sig_contents=None,
        certs=[asn1_x509.Certificate.load(one.der) for one in (world.issuing, world.seal)],
        crls=[asn1_crl.CertificateList.load(der) for der in listed],
        force_write=True,
    )
    return output.getvalue()


def _case(world: World, dimension: Dimension, name: str, file: bytes) -> Case:
    registered = rows(row(world.leader, "leader"), row(world.seal, "seal"))
    return paper(dimension, name, file, registered, world.setting())


@cache
def _letter() -> Paper:
    day = dt.date(2026, 11, 25)
    return render_letter(
        sample_letter(code="7816/VPCP-TTĐT", signer="Lê Minh An", promulgated_on=day)
    )


@cache
def _signed(world: World) -> bytes:
    led = sign(_letter().pdf, _signer(world.leader), field="NguoiKy")
    return sign(led, _signer(world.seal), field="CoQuan")


def _signer(of: Holder) -> CachedKeySigner:
    if not isinstance(of.key, ec.EllipticCurvePrivateKey):
        raise TypeError(of.name.rfc4514_string())
    return CachedKeySigner(x509.load_der_x509_certificate(of.der), of.key)
