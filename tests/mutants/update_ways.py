"""Revisions that are written behind a signed letter: right ones in form, most not allowed."""

import random
import re
from collections.abc import Callable
from typing import TypeAlias

from tests.mutants.corpus import Corpus
from tests.mutants.letters import newest

Objects: TypeAlias = dict[int, bytes]
Way: TypeAlias = Callable[[Corpus, Objects, random.Random], Objects]
EMPTY, ARCHIVE, AGAIN = "empty update", "archive update", "same objects again"
"""What changes nothing that is signed or shown, by construction."""
_TRAILER = re.compile(rb"trailer\s*<<(.*)>>\s*startxref\s+(\d+)\s+%%EOF\s*\Z", re.DOTALL)
_RECT = b"/Rect [10 10 300 300]"


def update(pdf: bytes, changed: Objects, dice: random.Random) -> bytes:
    """Append a revision with these objects. Raises ValueError."""
    match = _TRAILER.search(pdf[-1_000:])
    if match is None:
        raise ValueError("no trailer")
    body = pdf if pdf.endswith(b"\n") else pdf + b"\n"
    rows: list[bytes] = []
    for number, content in sorted(changed.items()):
        rows.append(b"%d 1\n%010d 00000 n \n" % (number, len(body)))
        body += b"%d 0 obj%sendobj\n" % (number, content)
    kept = re.sub(rb"/Prev\s+\d+|/Size\s+\d+", b"", match[1])
    size = int((re.search(rb"/Size\s+(\d+)", match[1]) or [b"", b"1"])[1])
    size = max([size, *(number + 1 for number in changed)])
    start = len(body)
    table = b"xref\n" + (b"".join(rows) or b"0 0\n")
    prev = match[2] if dice.random() < 0.97 else b"%d" % dice.randrange(len(pdf))
    trailer = b"trailer\n<<%s/Size %d/Prev %s>>\nstartxref\n%d\n%%%%EOF\n" % (
        kept,
        size,
        prev,
        start,
    )
    return body + table + trailer


def _find(objects: Objects, *words: bytes) -> int:
    return max(n for n, one in objects.items() if all(word in one for word in words))


def _with(body: bytes, extra: bytes) -> bytes:
    """Write something into a dictionary, before its end."""
    place = body.rfind(b">>")
    return body[:place] + extra + body[place:]


def _free(objects: Objects) -> int:
    return max(objects) + 1


def _stream(data: bytes, extra: bytes = b"") -> bytes:
    return b"\n<</Length %d%s>>\nstream\n%s\nendstream\n" % (len(data), extra, data)


def _nothing(_corpus: Corpus, _objects: Objects, _dice: random.Random) -> Objects:
    return {}


def _again(_corpus: Corpus, objects: Objects, dice: random.Random) -> Objects:
    number = dice.choice(
        [*sorted(objects), _find(objects, b"/Catalog"), _find(objects, b"/AcroForm")]
    )
    return {number: objects[number]}


def _page(_corpus: Corpus, objects: Objects, dice: random.Random) -> Objects:
    number, new = _find(objects, b"/Type /Page\n"), _free(objects)
    body = objects[number]
    choice = dice.randrange(5)
    if choice == 0:
        return {
            number: re.sub(rb"/Contents \d+ 0 R", b"/Contents %d 0 R" % new, body),
            new: _stream(b"0 0 9 9 re f"),
        }
    if choice == 1:
        return {number: _with(body, b"/Rotate 90")}
    if choice == 2:
        return {number: re.sub(rb"/MediaBox \[[^]]*\]", b"/MediaBox [0 0 9 9]", body)}
    if choice == 3:
        note = b"\n<</Type/Annot/Subtype/FreeText/Contents(!)" + _RECT + b">>\n"
        return {number: body.replace(b"/Annots [", b"/Annots [ %d 0 R" % new), new: note}
    return {number: _with(body, b"/AA<</O<</S/JavaScript/JS(1)>>>>")}


def _catalog(_corpus: Corpus, objects: Objects, dice: random.Random) -> Objects:
    number, new = _find(objects, b"/Catalog"), _free(objects)
    body = objects[number]
    extras = (
        b"/OpenAction<</S/JavaScript/JS(1)>>",
        b"/Names<</EmbeddedFiles<</Names[(a)%d 0 R]>>>>" % new,
        b"/OCProperties<</OCGs[]/D<<>>>>",
        b"/NeedsRendering true",
        b"/Perms<</DocMDP %d 0 R>>" % new,
        b"/Extensions<</X<</BaseVersion/1.7/ExtensionLevel 3>>>>",
        b"/PageLabels<</Nums[0<</P(9)>>]>>",
        b"/Collection<<>>",
        b"/Outlines %d 0 R" % new,
        b"/PageMode/UseAttachments",
        b"/Version/2.0",
        b"/Lang(en)",
    )
    if dice.random() < 0.2:
        return {number: re.sub(rb"/(Metadata|Lang|OutputIntents)\b", b"/X\\1", body, count=1)}
    return {number: _with(body, dice.choice(extras)), new: b"\n<<>>\n"}


def _form(_corpus: Corpus, objects: Objects, dice: random.Random) -> Objects:
    fields = [n for n, one in objects.items() if b"/SigFlags" in one]
    number, new = max(fields), _free(objects)
    body = objects[number]
    choice = dice.randrange(5)
    if choice == 0:
        return {number: re.sub(rb"/Fields \[[^]]*\]", b"/Fields []", body)}
    if choice == 1:
        text = b"\n<</FT/Tx/T(a)/V(b)/Type/Annot/Subtype/Widget" + _RECT + b">>\n"
        return {number: body.replace(b"/Fields [", b"/Fields [ %d 0 R" % new), new: text}
    if choice == 2:
        empty = b"\n<</FT/Sig/T(Moi)/Type/Annot/Subtype/Widget/Rect[0 0 0 0]>>\n"
        return {number: body.replace(b"/Fields [", b"/Fields [ %d 0 R" % new), new: empty}
    if choice == 3:
        return {number: re.sub(rb"/SigFlags \d", b"/SigFlags %d" % dice.randrange(3), body)}
    extra = dice.choice((b"/NeedAppearances true", b"/XFA(x)", b"/DA(x)", b"/DR<<>>", b"/CO[]"))
    return {number: _with(body, extra)}


def _field(_corpus: Corpus, objects: Objects, dice: random.Random) -> Objects:
    numbers = [n for n, one in objects.items() if b"/FT /Sig" in one]
    number, new = dice.choice(numbers), _free(objects)
    body = objects[number]
    other = re.search(rb"/V (\d+) 0 R", objects[dice.choice(numbers)])
    to = int(other[1]) if other else new
    choice = dice.randrange(5)
    if choice == 0:
        return {number: re.sub(rb"/V \d+ 0 R", b"", body)}
    if choice == 1:
        return {number: re.sub(rb"/V \d+ 0 R", b"/V %d 0 R" % to, body)}
    if choice == 2:
        return {number: re.sub(rb"/Rect \[[^]]*\]", _RECT, body)}
    if choice == 3:
        look = _stream(b"0 0 99 99 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]")
        return {number: _with(body, b"/AP<</N %d 0 R>>" % new), new: look}
    return {
        number: _with(body, dice.choice((b"/Lock<</Action/All>>", b"/MK<<>>", b"/TU(x)", b"/F 4")))
    }


def _signature(_corpus: Corpus, objects: Objects, dice: random.Random) -> Objects:
    numbers = [n for n, one in objects.items() if b"/ByteRange" in one]
    number = dice.choice(numbers)
    body = objects[number]
    extra = dice.choice((b"/Name(X)", b"/Reason(X)", b"/M(D:20200101000000Z)", b"/Location(X)"))
    return {number: dice.choice((body, _with(body, extra), objects[dice.choice(numbers)]))}


def _described(_corpus: Corpus, objects: Objects, dice: random.Random) -> Objects:
    """Say something else of the letter: its title, its metadata."""
    info, meta = _find(objects, b"/Producer"), _find(objects, b"/Type /Metadata")
    if dice.random() < 0.5:
        return {
            info: re.sub(rb"/Title \(.*?(?<!\\)\)", b"/Title (X)", objects[info], flags=re.DOTALL)
        }
    return {meta: _stream(b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", b"/Type/Metadata/Subtype/XML")}


def _orphan(_corpus: Corpus, objects: Objects, dice: random.Random) -> Objects:
    """Add objects that nothing refers to."""
    body = dice.choice((b"\n(a note)\n", _stream(b"a note"), b"\n<</Type/Page>>\n"))
    return {_free(objects) + dice.randrange(3): body}


def _any(_corpus: Corpus, objects: Objects, dice: random.Random) -> Objects:
    """Put the content of any object in the place of any other."""
    one, other = dice.sample(sorted(objects), 2)
    return {one: objects[other]}


def _store(corpus: Corpus, objects: Objects, dice: random.Random, *, junk: bool) -> Objects:
    catalog, new = _find(objects, b"/Catalog"), _free(objects)
    certificates = (
        dice.choice((tuple(sorted(corpus.authorities)), (b"a note",)))
        if junk
        else tuple(sorted(corpus.authorities))
    )
    lists = (b"a note",) if junk and certificates != (b"a note",) else corpus.lists
    made: Objects = {}
    names = {b"/Certs": certificates, b"/CRLs": lists}
    entries = b""
    for name, contents in names.items():
        numbers: list[bytes] = []
        for content in contents:
            number = new + 1 + len(made)
            made[number] = _stream(content)
            numbers.append(b"%d 0 R" % number)
        entries += b"%s[%s]" % (name, b" ".join(numbers))
    store = {new: b"\n<</Type/DSS%s>>\n" % entries}
    return {catalog: _with(objects[catalog], b"/DSS %d 0 R" % new), **store, **made}


def _archive(corpus: Corpus, objects: Objects, dice: random.Random) -> Objects:
    return _store(corpus, objects, dice, junk=False)


def _junk(corpus: Corpus, objects: Objects, dice: random.Random) -> Objects:
    return _store(corpus, objects, dice, junk=True)


WAYS: tuple[Way, ...] = (
    *(_nothing, _again, _page, _catalog, _form, _field, _signature, _described, _orphan, _any),
    *(_archive, _junk),
)


def changed(corpus: Corpus, pdf: bytes, dice: random.Random) -> tuple[str, bytes, str | None]:
    """Return a letter with a revision more, the way's name, and whether it changes nothing."""
    before = newest(pdf)
    ways = [dice.choice(WAYS)]
    if dice.random() < 0.15:
        ways.append(dice.choice(WAYS))
    made: Objects = {}
    changing: list[Way] = []
    for way in ways:
        now = before | made
        written = way(corpus, now, dice)
        if any(now.get(number) != content for number, content in written.items()):
            changing.append(way)
        made |= written
    name = "update" + "".join(way.__name__ for way in ways)
    return name, update(pdf, made, dice), _harmless(changing, made)


def _harmless(changing: list[Way], made: Objects) -> str | None:
    """Say why a revision changes nothing: it says the same, or brings what proves the chain."""
    if not changing:
        return AGAIN if made else EMPTY
    return ARCHIVE if all(way is _archive for way in changing) else None
