"""What may follow a signature in a file, and what may not (EN 319 142-1 5.4, ISO 32000-2 12.8)."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

import pikepdf

from tests.conformance.pdf import (
    CATALOG,
    ENTRY,
    FONT,
    FORM,
    PAGE,
    PAGES,
    TEXT,
    Pdf,
    catalog,
    entry,
    form,
    page,
    stream,
    update,
)

_OTHER = b"BT /F1 12 Tf 72 720 Td (Cong van so 9999/VPCP-TTDT) Tj ET"


def archived(
    pdf: Pdf,
    *,
    certificates: Sequence[bytes] = (),
    lists: Sequence[bytes] = (),
    answers: Sequence[bytes] = (),
    about: bytes | None = None,
) -> Pdf:
    """Return the file with a document security store; `about`: with VRI of that signature."""
    number = pdf.count
    store, vri = number, number + 1
    objects: dict[int, bytes] = {}
    following = number + (1 if about is None else 2)
    kinds: dict[str, list[int]] = {"Cert": [], "CRL": [], "OCSP": []}
    for kind, values in zip(kinds, (certificates, lists, answers), strict=True):
        for value in values:
            objects[following] = stream(value)
            kinds[kind].append(following)
            following += 1
    arrays = {
        kind: b"[" + b" ".join(b"%d 0 R" % one for one in numbers) + b"]"
        for kind, numbers in kinds.items()
        if numbers
    }
    whole = b"".join(b"/%ss%s" % (kind.encode(), array) for kind, array in arrays.items())
    if about is not None:
        name = hashlib.sha1(about, usedforsecurity=False).hexdigest().upper().encode()
        own = b"".join(b"/%s%s" % (kind.encode(), array) for kind, array in arrays.items())
        objects[vri] = b"<</%s<<%s>>>>" % (name, own)
        whole += b"/VRI %d 0 R" % vri
    objects[store] = b"<</Type/DSS%s>>" % whole
    objects[CATALOG] = catalog(archive=store)
    return replace(update(pdf, objects), archive=store)


def entry_filled(pdf: Pdf) -> Pdf:
    """Fill in the form's field."""
    return update(pdf, {ENTRY: entry(b"1234")})


def note_added(pdf: Pdf) -> Pdf:
    """Write a note on the page."""
    note = b"<</Type/Annot/Subtype/FreeText/Contents(da sua)/Rect[50 50 300 90]/DA(/F1 9 Tf)>>"
    number = pdf.count
    notes = (*pdf.notes, number)
    objects = {number: note, PAGE: page((*notes, *pdf.fields))}
    return replace(update(pdf, objects), notes=notes)


def link_added(pdf: Pdf) -> Pdf:
    """Lay a link over the page."""
    link = b"<</Type/Annot/Subtype/Link/Rect[0 0 595 842]/A<</S/URI/URI(http://example.org)>>>>"
    number = pdf.count
    notes = (*pdf.notes, number)
    objects = {number: link, PAGE: page((*notes, *pdf.fields))}
    return replace(update(pdf, objects), notes=notes)


def text_overwritten(pdf: Pdf) -> Pdf:
    """Write the page's content anew, under its own number."""
    return update(pdf, {TEXT: stream(_OTHER)})


def text_replaced(pdf: Pdf) -> Pdf:
    """Let the page name another content."""
    number = pdf.count
    return update(pdf, {number: stream(_OTHER), PAGE: page(pdf.annotations, content=number)})


def font_replaced(pdf: Pdf) -> Pdf:
    """Let the same text look otherwise."""
    return update(pdf, {FONT: b"<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>"})


def page_turned(pdf: Pdf) -> Pdf:
    """Turn the page."""
    return update(pdf, {PAGE: page(pdf.annotations, more=b"/Rotate 180")})


def page_cropped(pdf: Pdf) -> Pdf:
    """Show only a part of the page."""
    return update(pdf, {PAGE: page(pdf.annotations, more=b"/CropBox[0 0 300 300]")})


def page_added(pdf: Pdf) -> Pdf:
    """Put another page behind."""
    number = pdf.count
    another = b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 595 842]>>" % PAGES
    kids = b"<</Type/Pages/Kids[%d 0 R %d 0 R]/Count 2>>" % (PAGE, number)
    return update(pdf, {number: another, PAGES: kids})


def page_swapped(pdf: Pdf) -> Pdf:
    """Put another page in the place of the one that was signed."""
    number = pdf.count
    another = b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 595 842]>>" % PAGES
    return update(pdf, {number: another, PAGES: b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % number})


def script_added(pdf: Pdf) -> Pdf:
    """Let a script run when the file is opened."""
    script = b"/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>"
    return update(pdf, {CATALOG: catalog(archive=pdf.archive, more=script)})


def names_added(pdf: Pdf) -> Pdf:
    """Add an embedded file to the catalogue."""
    number = pdf.count
    names = b"/Names<</EmbeddedFiles<</Names[(a)<</Type/Filespec/F(a)/EF<</F %d 0 R>>>>]>>>>"
    objects = {
        number: stream(b"khac", b"/Type/EmbeddedFile"),
        CATALOG: catalog(archive=pdf.archive, more=names % number),
    }
    return update(pdf, objects)


def layers_added(pdf: Pdf) -> Pdf:
    """Add optional content, by which parts of a page are hidden."""
    number = pdf.count
    more = b"/OCProperties<</OCGs[%d 0 R]/D<</OFF[%d 0 R]>>>>" % (number, number)
    objects = {number: b"<</Type/OCG/Name(an)>>", CATALOG: catalog(more=more)}
    return update(pdf, objects)


def field_added(pdf: Pdf) -> Pdf:
    """Add an empty signature field."""
    number = pdf.count
    fields = (*pdf.fields, number)
    field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(ThemSau)/Rect[0 0 0 0]/P %d 0 R/F 132>>" % PAGE
    return update(pdf, {number: field, FORM: form(fields), PAGE: page(fields)})


def text_field_added(pdf: Pdf) -> Pdf:
    """Add a field to be filled in."""
    number = pdf.count
    fields = (*pdf.fields, number)
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(Moi)/V(1)/Rect[72 500 200 520]/F 4>>"
    return update(pdf, {number: field, FORM: form(fields), PAGE: page(fields)})


def signature_removed(pdf: Pdf) -> Pdf:
    """Take the first signature out of the form and off the page."""
    fields = pdf.fields[1:]
    return replace(update(pdf, {FORM: form(fields), PAGE: page(fields)}), fields=fields)


def field_moved(pdf: Pdf) -> Pdf:
    """Give the first signature's field another name and a place on the page."""
    number = pdf.fields[0]
    moved = (
        b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Khac)/V %d 0 R/Rect[72 72 300 200]/P %d 0 R/F 132>>"
    ) % (number - 1, PAGE)
    return update(pdf, {number: moved})


def look_changed(pdf: Pdf) -> Pdf:
    """Give the first signature's field an appearance that it did not have."""
    number, look = pdf.fields[0], pdf.count
    shown = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(%s)/V %d 0 R/Rect[0 0 300 300]/P %d 0 R/F 132"
    old = _name(pdf, number)
    field = shown % (old, number - 1, PAGE) + b"/AP<</N %d 0 R>>>>" % look
    picture = stream(b"0 0 300 300 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 300 300]")
    return update(pdf, {number: field, look: picture})


def _name(pdf: Pdf, number: int) -> bytes:
    body = pdf.content[pdf.content.rindex(b"\n%d 0 obj" % number) :]
    return body[body.index(b"/T(") + 3 : body.index(b")/V")]


def encrypted(pdf: Pdf, *, user: str) -> bytes:
    """Return the file encrypted."""
    output = BytesIO()
    with pikepdf.open(BytesIO(pdf.content)) as opened:
        opened.save(output, encryption=pikepdf.Encryption(owner="chu", user=user))
    return output.getvalue()
