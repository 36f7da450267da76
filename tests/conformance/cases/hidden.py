"""What a signed file holds beside what its tables list, or packed as not all readers unpack it.

Later an honest seal, or one that was made for it, has a reader look for objects by itself.
"""

from collections.abc import Iterator
from dataclasses import replace

from tests.conformance import pdf
from tests.conformance.cases.inherited import drafted
from tests.conformance.cases.listed import leading, leads, odd_drafts, plain_drafts, tabled
from tests.conformance.cases.packed import (
    in_rows,
    packed_later,
    packed_nowhere,
    told_elsewhere,
    unlisted,
)
from tests.conformance.cases.referred import with_a_hidden_text
from tests.conformance.pdf import (
    CATALOG,
    FORM,
    PAGE,
    TEXT,
    Pdf,
    Place,
    catalog,
    form,
    page,
    stream,
    update,
)
from tests.conformance.world import World, blank, sealed

_SHOWN = Place(field="CoQuan", rect=b"[300 100 420 200]", look=b"1 0 0 rg 0 0 20 20 re f")
_FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]"
_HIDDEN = stream(b"0 0 500 500 re f", _FORM)
_NOWHERE, _LOOSE = 99, 98
_TITLES = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
    b' rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>%s</dc:title>'
    b"<dc:title>%s</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"
)


class Hidden:
    """Files of one world, each with its name."""

    def __init__(self, world: World) -> None:
        """Use a leader and a seal."""
        self._world = world

    def refused(self) -> Iterator[tuple[str, Pdf]]:
        """Yield what shows, or may show, something that nobody signed."""
        for name, resources in (
            ("nothing", b""),
            ("others", b"/Resources<</Font<<>>>>"),
            ("names-of-none", b"/Resources<</XObject<</Parent null>>>>"),
        ):
            yield f"seal-drawn-with-{name}-of-its-own", self._drawn(resources)
        for name, hidden in _LOOKS:
            yield f"draft-with-{name}", self._both(_behind(leading(_NOWHERE), hidden))
            within = _behind(leading(_NOWHERE), _within(hidden))
            yield f"draft-with-{name}-in-a-stream", self._both(within)
        for name, hidden in _TOLD:
            yield f"draft-with-{name}", self._both(_behind(blank(), hidden))
            yield f"draft-with-{name}-in-a-stream", self._both(_behind(blank(), _within(hidden)))
        yield "draft-with-an-older-object-of-another-generation", self._both(_older())
        for name, draft in odd_drafts():
            yield f"draft-{name}", self._both(draft)
        yield "draft-with-an-object-in-an-older-one", self._both(_overlapping())
        yield "draft-with-an-object-in-a-line-of-words", self._both(_in_words())
        yield "draft-with-an-object-in-the-line-of-another", self._both(_in_one_line())
        yield "draft-with-a-stream-whose-kind-is-told-elsewhere", self._both(told_elsewhere())
        yield "draft-with-objects-that-are-not-listed", self._both(unlisted())
        yield "draft-whose-objects-were-packed-later", self._both(packed_later())
        yield "draft-packed-that-leads-nowhere", self._both(packed_nowhere())
        yield (
            "draft-without-a-last-line-that-leads-nowhere",
            self._both(_unended(leading(_NOWHERE))),
        )
        yield "draft-that-only-some-unpack", self._filled(in_rows([2, 0, 2], field_is_drawn=True))
        yield "draft-with-more-in-its-first-line", self._both(_first_line())
        yield "titles-in-another-order", self._titles()

    def allowed(self) -> Iterator[tuple[str, Pdf]]:
        """Yield what looks alike and is right."""
        for name, draft in plain_drafts():
            yield f"draft-{name}", self._both(draft)
        yield "draft-with-old-objects", self._both(_behind(blank(), b""))
        yield "draft-with-an-object-nobody-uses", self._both(_behind(blank(), _object(_LOOSE)))
        yield "draft-packed-in-rows-of-all-kinds", self._filled(in_rows([1, 2, 3, 4, 0]))
        yield "draft-whose-writers-end-no-line", self._both(_unended(blank()))
        yield "draft-that-speaks-of-objects", self._both(_speaking())

    def _lead(self, file: Pdf) -> Pdf:
        return sealed(file, self._world.leader, place=Place(field="NguoiKy"))

    def _both(self, file: Pdf) -> Pdf:
        return sealed(self._lead(file), self._world.seal, place=_SHOWN)

    def _filled(self, file: Pdf) -> Pdf:
        """Have the seal fill the draft's only field."""
        place = replace(_SHOWN, fills=file.fields[0])
        return sealed(self._lead(file), self._world.seal, place=place)

    def _drawn(self, resources: bytes) -> Pdf:
        """The seal's drawing takes a name from the page: what it leads to is not there."""
        hidden = with_a_hidden_text()
        inner = hidden.count
        drawn = b"/XObject<</Parent %d 0 R>>" % inner
        file = update(
            replace(hidden, drawn=drawn), {inner: leads(_NOWHERE), PAGE: page(drawn=drawn)}
        )
        led = self._lead(file)
        look = led.count + 2
        place = replace(
            _SHOWN,
            look=None,
            widget=b"/AP<</N %d 0 R>>" % look,
            with_={look: stream(b"q /Parent Do Q", _FORM + resources)},
        )
        return sealed(led, self._world.seal, place=place)

    def _titles(self) -> Pdf:
        number = blank().count
        told = {CATALOG: catalog(more=b"/Metadata %d 0 R" % number)}
        one, other = b"So 7816", b"So 9999"
        both = self._both(update(blank(), {**told, number: _titled(one, other)}))
        return update(both, {number: _titled(other, one)})


def _titled(one: bytes, other: bytes) -> bytes:
    return stream(_TITLES % (one, other), b"/Type/Metadata/Subtype/XML")


def _object(number: int, generation: int = 0) -> bytes:
    return b"%d %d obj\n%s\nendobj\n" % (number, generation, _HIDDEN)


_LOOKS = (
    ("an-object-that-is-not-listed", _object(_NOWHERE)),
    ("an-object-behind-words", b"99 %% khong co\n0 obj\n%s\nendobj\n" % _HIDDEN),
    ("an-object-behind-long-words", b"99 0 %%%s\nobj\n%s\nendobj\n" % (b"x" * 900, _HIDDEN)),
    ("an-object-between-long-words", b"99 %%%s\n0 obj\n%s\nendobj\n" % (b"x" * 900, _HIDDEN)),
    ("an-object-behind-much-space", b"99 0 \v%s obj\n%s\nendobj\n" % (b" " * 900, _HIDDEN)),
    ("an-object-in-other-figures", b"99 +0 obj\n%s\nendobj\n" % _HIDDEN),
    ("an-object-of-many-figures", b"0000000000099 0 obj\n%s\nendobj\n" % _HIDDEN),
    ("an-object-without-a-space", b"99 0obj\n%s\nendobj\n" % _HIDDEN),
)
_TOLD = (
    ("an-object-twice", _object(TEXT)),
    ("an-object-of-another-generation", _object(TEXT, 7)),
    ("a-key-of-others", b"trailer\n<</Size 9/Root 1 0 R/Encrypt 98 0 R>>\n"),
    ("two-roots", b"trailer\n<</Size 9/Root 98 0 R>>\n"),
    ("a-root-in-other-letters", b"trailer\n<</Size 9/R#6Fot 98 0 R>>\n"),
)


def _behind(file: Pdf, hidden: bytes) -> Pdf:
    """Return a draft that was edited, with something that no table names behind what it was."""
    older = update(file, {TEXT: stream(b"BT /F1 12 Tf 72 700 Td (Du thao) Tj ET")})
    later = update(older, {TEXT: pdf.text()})
    return update(replace(later, content=later.content + hidden), {FORM: form()})


def _within(hidden: bytes) -> bytes:
    """Return an object that nobody uses, with hidden bytes at the begin of a line in its stream."""
    return b"%d 0 obj\n%s\nendobj\n" % (_LOOSE, stream(b"\n" + hidden))


def _older() -> Pdf:
    """Return a draft whose text was another object of the same number before, of a later one."""
    hidden = blank().content + _object(TEXT, 7)
    return update(replace(blank(), content=hidden), {TEXT: pdf.text()})


def _overlapping() -> Pdf:
    """Return a draft whose text stands in the middle of another object."""
    words = b"endstream endobj\n%d 0 obj\n%s\nendobj\n" % (TEXT, pdf.text())
    file = update(blank(), {blank().count: stream(words)})
    place = file.content.rindex(b"%d 0 obj" % TEXT)
    return tabled(file, [(TEXT, place)])


def _speaking() -> Pdf:
    """Return a draft whose text, not packed, has words that objects begin with."""
    words = b"BT /F1 12 Tf 72 720 Td (An object, no obj, 12 objects) Tj ET"
    return update(blank(), {TEXT: stream(words)})


def _first_line() -> Pdf:
    """Return a draft that says in its header how long it is."""
    told = b"%PDF-1.7 50 0 obj<</Linearized 1/L 60000>>endobj\n"
    return drafted(replace(blank(), content=told, startxref=0, count=1))


def _in_words() -> Pdf:
    """Return a draft whose form, written anew, begins in a line of words: a comment to readers."""
    file = _behind(blank(), b"%chu \n")
    content = file.content.replace(b"%%chu \n%d" % FORM, b"%%chu  %d" % FORM)
    return replace(file, content=content)


def _in_one_line() -> Pdf:
    """Return a draft whose text, written anew, begins in the line that ends an object."""
    file = update(_behind(blank(), b""), {TEXT - 1: page(), TEXT: pdf.text()})
    begin = b"endobj\n%d 0 obj" % TEXT
    at = file.content.rindex(begin)
    line = begin.replace(b"\n", b" ")
    return replace(file, content=file.content[:at] + line + file.content[at + len(begin) :])


def _unended(file: Pdf) -> Pdf:
    """Return a draft whose first writer ended no line, and whose second began none."""
    file = _behind(file, b"")
    begin = b"%%%%EOF\n%d 0 obj" % TEXT
    content = file.content.replace(begin, b"\n%%%%EOF%d 0 obj" % TEXT, 1)
    return replace(file, content=content)
