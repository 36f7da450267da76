"""What an update says again: alike for every reader, or another thing."""

import pytest

from services.signing.validation.kept import File, Written, are_same, check_kept
from services.signing.validation.syntax import Name, Odd, Reference, Value, parse


def _said(text: bytes) -> Value:
    return parse(text, 0)[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"/OFF", b"(/OFF)"),
        (b"/#C3#A8", b"/#E8"),
        (b"<C3A8>", b"<E8>"),
        (b"1", b"1.0"),
        (b"1", b"true"),
        (b"null", b"false"),
        (b"4 0 R", b"4 1 R"),
        (b"(a\\\n\nb)", b"(ab)"),
        (b"(a\r\nb)", b"(a\nb)"),
        (b"(\\8)", b"(8)"),
        (b"(\\53)", b"(+)"),
        (b"<414>", b"(A@)"),
        (b"[1 2]", b"[1 2 3]"),
        (b"[1 2]", b"[2 1]"),
        (b"<</A 1>>", b"<</A 1/B null>>"),
        (b"<</Rotate 90.0>>", b"<</Rotate 90>>"),
        (b"4294967206", b"4294967206"),
        (b"<</CA[/Indexed/DeviceRGB 1 <00>]>>", b"<</CA[/Indexed/DeviceRGB 1.0 <00>]>>"),
        (b"<</BBox[1 2 3]>>", b"<</BBox[1.0 2 3]>>"),
        (b"<</BBox<</A 1>>>>", b"<</BBox<</A 1.0>>>>"),
        (b"<</MediaBox[0 0 1 9999999999]>>", b"<</MediaBox[0 0 1 9999999999.0]>>"),
        (b"<</MediaBox[0 0 1 1]/F 2.0>>", b"<</MediaBox[0 0 1 1]/F 2>>"),
    ],
)
def test_what_readers_may_take_for_another_thing_is_not_the_same(one: bytes, other: bytes):
    assert not are_same(_said(one), _said(other))
    assert not are_same(_said(other), _said(one))


@pytest.mark.parametrize("text", [b"+5", b"+.5", b"/" + b"#41" * 43])
def test_what_readers_cut_or_read_otherwise_is_no_object(text: bytes):
    with pytest.raises(Odd):
        parse(text, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"/N#6frmal", b"/Normal"),
        (b"(abc)", b"<61 62\n63>"),
        (b"(a\\053\\(\\n)", b"<612B280A>"),
        (b"(a\r\nb)", b"(a\r\nb)"),
        (b"-05", b"-5"),
        (b".50", b"0.5"),
        (b"<</MediaBox[0 0 595.0 842.0]>>", b"<</MediaBox[0 0 595 842]>>"),
        (b"<</CA 1.0/Matrix[1 0 0 1 0 0]>>", b"<</CA 1/Matrix[1.0 0 0 1.0 0 0]>>"),
        (b"<</A[1 (x)]/B<</C/D>>>>", b"<</B<</C/D>>/A[1<78>]>>"),
    ],
)
def test_what_every_reader_takes_alike_is_the_same(one: bytes, other: bytes):
    assert are_same(_said(one), _said(other))


_ROOT, _PAGE, _FORM, _FIELD, _LOOK, _NOTE, _LIST = range(1, 8)
_OBJECTS = {
    _ROOT: b"<</Type/Catalog/AcroForm 3 0 R/Pages 9 0 R>>",
    _PAGE: b"<</Type/Page/Contents 5 0 R/Annots[6 0 R]>>",
    _FORM: b"<</Fields[4 0 R]/DA(/F1 9 Tf)>>",
    _FIELD: b"<</FT/Sig/T(a)/F 4>>",
    _NOTE: b"<</Subtype/Square/F 4>>",
    _LIST: b"[4 0 R 6 0 R]",
}
_FILE = File(
    {number: Written(_said(text)) for number, text in _OBJECTS.items()}
    | {_LOOK: Written({}, b"q Q")},
    _ROOT,
    None,
)


def _check(number: int, said: bytes, data: bytes | None = None) -> None:
    brought = {number: Written(_said(said), data)}
    check_kept(_FILE, brought.keys(), _FILE.with_update(brought, None))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (_ROOT, b"<</Type/Catalog/AcroForm 3 0 R/Pages 9 0 R/DSS 20 0 R/Version/1.7>>"),
        (_ROOT, b"<</Type/Catalog/AcroForm<</Fields[4 0 R]/DA(/F1 9 Tf)>>/Pages 9 0 R>>"),
        (_PAGE, b"<</Type/Page/Contents 5 0 R/Annots[6 0 R 20 0 R]>>"),
        (_PAGE, b"<</Type/Page/Contents 5 0 R/Annots[20 0 R 6 0 R]>>"),
        (_FORM, b"<</Fields[4 0 R 20 0 R]/SigFlags 3/DA(/F1 9 Tf)/DR<<>>>>"),
        (_FIELD, b"<</FT/Sig/T(a)/F 132/V 20 0 R/AP<</N 21 0 R>>/Type/Annot>>"),
        (_LIST, b"[4 0 R 20 0 R 6 0 R]"),
        (20, b"(what is new)"),
    ],
)
def test_what_may_be_brought_again(number: int, said: bytes):
    _check(number, said)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (_ROOT, b"<</Type/Catalog/AcroForm 3 0 R/Pages 8 0 R>>"),
        (_ROOT, b"<</Type/Catalog/Pages 9 0 R>>"),
        (_ROOT, b"<</Type/Catalog/AcroForm<</Fields[4 0 R]/DA/F1>>/Pages 9 0 R>>"),
        (_PAGE, b"<</Type/Page/Contents(5 0 R)/Annots[6 0 R]>>"),
        (_PAGE, b"<</Type/Page/Contents 5 0 R/Annots[]>>"),
        (_PAGE, b"<</Type/Page/Contents 5 0 R/Annots[6 0 R<<>>]>>"),
        (_PAGE, b"<</Type/Page/Contents 5 0 R>>"),
        (_FORM, b"<</Fields[4 0 R]/DA(/F1 8 Tf)>>"),
        (_FORM, b"<</Fields[]/DA(/F1 9 Tf)>>"),
        (_FORM, b"<</Fields[4 0 R]/DA(/F1 9 Tf)/NeedAppearances true>>"),
        (_FIELD, b"<</FT/Sig/T/a/F 4>>"),
        (_NOTE, b"<</Subtype/Square/F 2>>"),
        (_LIST, b"[6 0 R 4 0 R]"),
        (_LIST, b"[4 0 R]"),
        (_LOOK, b"<<>>"),
        (_LOOK, b"(none)"),
    ],
)
def test_what_may_not(number: int, said: bytes):
    with pytest.raises(Odd, match="something else"):
        _check(number, said)


def test_a_stream_is_its_bytes():
    _check(_LOOK, b"<<>>", b"q Q")
    with pytest.raises(Odd):
        _check(_LOOK, b"<<>>", b"q q")


@pytest.mark.parametrize(
    "said",
    [
        b"<</FT/Sig/T(a)/F 4/V 9 0 R>>",
        b"<</FT/Sig/T(a)/F 4.0/V 8 0 R>>",
        b"<</FT/Sig/T(a)/F 4/V 8 0 R/AP<</N 9 0 R>>>>",
        b"<</FT/Sig/T(a)/F 4/V 8 0 R/AS/On>>",
    ],
)
def test_a_field_that_was_signed_stays(said: bytes):
    signed = _FILE.with_update({_FIELD: Written(_said(b"<</FT/Sig/T(a)/F 4/V 8 0 R>>"))}, None)
    other = {_FIELD: Written(_said(said))}
    with pytest.raises(Odd):
        check_kept(signed, other.keys(), signed.with_update(other, None))


def test_what_shows_a_field_that_was_signed_stays():
    kid = {20: Written(_said(b"<</Subtype/Widget/Parent 4 0 R/AS/#C3#A8>>"))}
    other = {20: Written(_said(b"<</Subtype/Widget/Parent 4 0 R/AS/#E8>>"))}
    empty = _FILE.with_update(kid, None)
    check_kept(empty, other.keys(), empty.with_update(other, None))
    filled = {_FIELD: Written(_said(b"<</FT/Sig/T(a)/F 4/V 8 0 R>>"))}
    signed = empty.with_update(filled, None)
    with pytest.raises(Odd):
        check_kept(signed, other.keys(), signed.with_update(other, None))


_STORE, _KEPT, _OTHER = 30, 31, 32
_ARCHIVED = {
    _ROOT: Written(_said(b"<</Type/Catalog/DSS 30 0 R/Extensions 32 0 R>>")),
    _STORE: Written(_said(b"<</Certs[31 0 R]/X[32 0 R]/VRI<</A<</CRL[33 0 R]>>>>>>")),
    _KEPT: Written(_said(b"<</Foo[2 0 R 6 0 R]>>"), b"der"),
}


def test_archive_data_are_looked_at_elsewhere_and_what_they_lead_to_is_not():
    file = _FILE.with_update(_ARCHIVED, None)
    new = {_STORE: Written(_said(b"<</Certs[]>>")), _KEPT: Written({}, b"other")}
    check_kept(file, new.keys(), file.with_update(new, None))
    for number, said in ((_NOTE, b"<</F 2>>"), (_PAGE, b"<</Type/Page>>")):
        other = {number: Written(_said(said))}
        with pytest.raises(Odd):
            check_kept(file, other.keys(), file.with_update(other, None))


@pytest.mark.parametrize("key", [b"Extensions", b"Metadata", b"DSS"])
def test_a_catalogue_that_is_something_else_too_is_a_catalogue(key: bytes):
    own = b"<</Type/Catalog/%s 1 0 R/X %s>>"
    file = _FILE.with_update({_ROOT: Written(_said(own % (key, b"1")))}, None)
    other = {_ROOT: Written(_said(own % (key, b"2")))}
    with pytest.raises(Odd):
        check_kept(file, other.keys(), file.with_update(other, None))


def test_info_keeps_its_title():
    file = File({1: Written({b"Title": b"a", b"ModDate": b"x"})}, 9, Reference(1, 0))
    later = {2: Written({b"Title": b"a", b"ModDate": b"y", b"Producer": b"z"})}
    check_kept(file, later.keys(), file.with_update(later, Reference(2, 0)))
    other = {2: Written({b"Title": Name(b"a")})}
    for brought, info in ((other, Reference(2, 0)), (later, None)):
        with pytest.raises(Odd, match="Info"):
            check_kept(file, brought.keys(), file.with_update(brought, info))
