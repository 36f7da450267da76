"""Makes room for a signature in a PDF, with its stamp. Runs in a worker process only."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Sequence
from io import BytesIO
from typing import Any, cast

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment, Margins, SimpleBoxLayoutRule
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter, enumerate_sig_fields
from pyhanko.sign.signers.cms_embedder import (
    PdfCMSEmbedder,
    SigAppearanceSetup,
    SigIOSetup,
    SigObjSetup,
)
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest, SignatureObject
from pyhanko.stamp import StaticStampStyle

from services.signing.look import Look
from services.signing.pipe import RESERVED, Preparation, Prepared
from services.signing.place import Spot, for_annex, for_leader, for_seal, size_of

_FIELDS = {"leader": "NguoiKy", "seal": "CoQuan", "annex": "CoQuan"}
_PAGES = 1_000
"""Pages from the end among which a signature is looked for."""
_CORNERS = ("left", "bottom", "right", "top")
_FILLED = SimpleBoxLayoutRule(AxisAlignment.ALIGN_MID, AxisAlignment.ALIGN_MID, Margins.uniform(0))


def prepare(content: bytes, wanted: Preparation) -> Prepared:
    """Return what follows the file's bytes: a field, its stamp, a dictionary with an empty gap.

    The file itself stays as it is (an incremental update). Raises what the parsers raise.
    """
    writer = IncrementalPdfFileWriter(BytesIO(content))
    reader = writer.prev
    spot = _place(content, wanted, reader)
    field = _free_name(reader, _FIELDS[wanted.shape])
    left, bottom, right, top = (round(corner) for corner in spot.box)
    spec = SigFieldSpec(field, on_page=spot.page, box=(left, bottom, right, top))
    steps = PdfCMSEmbedder(new_field_spec=spec).write_cms(field, writer)
    next(steps)
    style = StaticStampStyle(
        background=Look(wanted.stamp), border_width=0, background_layout=_FILLED
    )
    steps.send(
        SigObjSetup(
            sig_placeholder=SignatureObject(
                timestamp=wanted.at,
                subfilter=SigSeedSubFilter.PADES,
                name=wanted.signer,
                bytes_reserved=RESERVED,
            ),
            appearance_setup=SigAppearanceSetup(style, wanted.at, wanted.signer),
        )
    )
    digest, output = cast(
        "tuple[PreparedByteRangeDigest, BytesIO]", steps.send(SigIOSetup("sha256"))
    )
    whole = output.getvalue()
    if not whole.startswith(content):
        raise ValueError("the update is not incremental")
    return Prepared(whole[len(content) :], digest.reserved_region_start, digest.reserved_region_end)


def _place(content: bytes, wanted: Preparation, reader: PdfFileReader) -> Spot:
    size = size_of(wanted.stamp)
    if wanted.shape == "annex":
        return for_annex(content, size)
    if wanted.shape == "leader":
        return for_leader(content, size)
    # An external signature may be invisible: then the seal stands where it would have stood.
    leader = _last_shown(reader) or for_leader(content, _LEADER)
    return for_seal(content, size, leader)


_LEADER = (62 * 72 / 25.4, 20 * 72 / 25.4)
"""Width and height of our leader's stamp."""


def _last_shown(reader: PdfFileReader) -> Spot | None:
    """Return where the last signature of a file that can be seen stands."""
    for one in reversed(reader.embedded_regular_signatures):
        for annotation in _annotations(one.sig_field):
            box = [float(corner) for corner in annotation.get("/Rect", ())]
            if len(box) != len(_CORNERS) or box[2] <= box[0] or box[3] <= box[1]:
                continue
            page = _page_number(reader, annotation)
            if page is not None:
                return Spot(page, (box[0], box[1], box[2], box[3]))
    return None


def _annotations(field: Any) -> Sequence[Any]:  # noqa: ANN401 (a PDF dictionary)
    kids = field.get("/Kids")
    return [field] if kids is None else [kid.get_object() for kid in kids]


def _page_number(reader: PdfFileReader, annotation: Any) -> int | None:  # noqa: ANN401
    if "/P" not in annotation:
        return None
    wanted = annotation.raw_get("/P")
    count = int(cast("Any", reader.root)["/Pages"]["/Count"])
    for back in range(min(count, _PAGES)):  # signatures stand on the last page, mostly
        page = reader.find_page_for_modification(count - 1 - back)[0]
        if getattr(page, "reference", page) == getattr(wanted, "reference", None):
            return count - 1 - back
    return None


def _free_name(reader: PdfFileReader, wanted: str) -> str:
    taken = {name for name, _, _ in enumerate_sig_fields(reader)}
    names = [wanted, *(f"{wanted}{n}" for n in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
