"""Odd values where text stands: in paths, queries, headers and names of files."""

_ADDRESSES = """
%20 %00 a%00b .. . %2e%2e ..%2f..%2fetc%2fpasswd ....// %2F // %5c %ff %c0%af %ed%a0%80
%f4%90%80%80 %E2%80%AE %EF%BB%BF %25%30%30 % %g1 %u0041 ' %27%20or%201=1-- %22 %3Cscript%3E
{{7*7}} $%7Bjndi%7D * %2A ;a=b a;b a,b -1 0 1 1e400 -1e400 NaN inf 0x10 1_0 %2B1 01 1.0
9223372036854775807 9223372036854775808 -9223372036854775809 %D9%A1 2147483648 true null {01a21563}
00000000-0000-0000-0000-000000000000 ffffffff-ffff-ffff-ffff-ffffffffffff [] %7B%7D
urn:uuid:01a21563-39c8-7e8f-99af-6c28e21cdb87 01A21563-39C8-7E8F-99AF-6C28E21CDB87 01a2156339c87e8f
%0d%0aX-Evil:%20y %0a %0d %09 + %E1%BB%99 o%CC%A3%CC%82 %F0%9F%98%80 a/b/c/d 2026-02-30 9999-12-31
PT5M -PT5M P99999999Y H22.11.15 h22.11.15 e30= AAAA .... eyJhIjoxfQ issuing root
"""  # the one agency that nobody needs: an operator's right request may suspend it
_LONG = ("9" * 400, "A" * 8_000, "%41" * 2_000, "_" * 4_096, "_" * 4_097, "0" * 64, "g" * 64)

IN_ADDRESSES = ("", *_ADDRESSES.split(), *_LONG)
"""As they stand in a request's first line: percent-encoded where they have to be."""

_PLAIN = """
,;,,,;=;";"";"1";W/"1";*;1;-1;"1","2";W/;G22;G01;H14;g22;G22,G22;G22 ;..;H14.01.01;{};[];true;null
bytes=0-0;bytes=-1;bytes=5-1;bytes=0-,0-;bytes=9999999999999999999-;bytes=a-b;lines=1-2;%00;vi;en
q=0;gzip;br, gzip;sha-256=:AAAA:;sha-256=::;00-zz-zz-01;multipart/form-data;Bearer;Bearer ;Basic x
Bearer a.b.c;Basic Og==;DPoP x;100-continue;Thu, 99 Foo 9999 99:99:99 GMT;vi,en,vi,en;text/csv;*/*
"""
_QUALITIES = ("*/*;q=2", "text/csv;q=nan", "a/b;q=1e400", "vi;q=-1,en", "identity;q=0, *;q=0")
_FOREIGN = ("ă", "\u202e", "\udcff", "\udc80\udc81", "a\x7f", " ", "\t", "", ";", "bearer \x0b")
_LARGE = (
    *('"' * 5_000, "é" * 3_000, "A" * 60_000, "0" * 5_000, "e" * 255, "e" * 256),
    *("bytes=" + "0-0," * 2_000, "sha-256=:" + "A" * 9_000, "Bearer " + "a" * 100_000),
    "00-" + "0" * 32 + "-" + "0" * 16 + "-00",
)

IN_HEADERS = (*_PLAIN.strip().replace("\n", ";").split(";"), *_QUALITIES, *_FOREIGN, *_LARGE)

_FIELDS = """
Accept Accept-Language Accept-Encoding Authorization On-Behalf-Of Idempotency-Key If-Match
If-None-Match Range If-Range Last-Event-ID Content-Type Content-Encoding Repr-Digest Prefer
traceparent tracestate baggage X-Forwarded-For X-Forwarded-Host Forwarded Origin Cookie Via
X-HTTP-Method-Override X-Original-URL Content-Disposition Digest TE Trailer
"""
HEADERS = tuple(_FIELDS.split())

_NAMES = """
cong-van.pdf|công văn số 7816.pdf|co\u0302ng va\u0306n.pdf||.pdf|..|../../etc/passwd|a/b.pdf|😀.pdf
..\\..\\boot.ini|C:\\a.pdf|/etc/passwd|a\0.pdf|a.pdf\0.exe|\u202efdp.exe|a\u202e.pdf|a\u200b.pdf
\ufeffa.pdf|con.pdf|NUL|LPT1.pdf|a.pdf.| a.pdf|a.pdf |a:b.pdf|a*.pdf|a?.pdf|<a>.pdf|a".pdf|a.PDF
a.pdf/|~/.ssh/id.pdf|%2e%2e%2fa.pdf|-rf.pdf|a.docx|a.pdf.js|a\ud800.pdf|\u0301.pdf|a\u2028.pdf
"""

FILE_NAMES = (
    *_NAMES.strip("\n").replace("\n", "|").split("|"),
    *("a\r\nX: y.pdf", "a|b.pdf", "a" * 251 + ".pdf", "a" * 252 + ".pdf", "đ" * 300 + ".pdf"),
)
