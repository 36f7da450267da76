"""Signed papers, fast: one PDF per size is prepared once, each document is a canary and two CMS.

The same canary and signer give the same bytes: a paper need not be kept to be sent again.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import hashlib
import random
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol, cast

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from typing_extensions import Buffer

from tests.proof.cms import PASSWORD, Signer

CANARY = re.compile(rb"canary-[0-9]{9}-[0-9a-f]{16}")
BLANK = "canary-000000000-0000000000000000"
_GAP = 6_144
"""Hexadecimal digits kept for one signature."""
_RANGE = re.compile(rb"/ByteRange ?\[ ?(\d+) (\d+) (\d+) (\d+) *\]")


def canary(number: int, secret: str) -> str:
    """Return the canary of a document: 33 characters, found again in any bytes."""
    tail = hashlib.sha256(f"{secret}/{number}".encode()).hexdigest()[:16]
    return f"canary-{number:09}-{tail}"


@dataclass(frozen=True, slots=True)
class Gap:
    """Where one signature goes in a prepared file, and how far its signed range reaches."""

    start: int
    """Of the first hexadecimal digit."""
    end: int
    """After the last one."""
    until: int
    """End of the signed range."""


@dataclass(frozen=True, slots=True)
class Template:
    """A file with everything in it but its canary and its signatures."""

    content: bytes
    canary_at: int
    gaps: tuple[Gap, ...]
    """Of the leader and of the seal."""

    @classmethod
    def load(cls, content: bytes) -> "Template":
        """Find the places in a prepared file. Raises ValueError when they are not there."""
        at = content.find(BLANK.encode())
        gaps = tuple(
            Gap(int(first) + 1, int(resume) - 1, int(resume) + int(rest))
            for _, first, resume, rest in _RANGE.findall(content)
        )
        if at < 0 or len(gaps) != len(_FIELDS):
            raise ValueError("not a prepared paper")
        return cls(content, at, gaps)


_FIELDS = ("NguoiKy", "CoQuan")


class Hasher(Protocol):
    """A hash that goes on from what it has seen."""

    def update(self, data: Buffer, /) -> None: ...
    def digest(self) -> bytes: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> "Hasher": ...


class Desk:
    """Makes papers: templates by size and the signers of the senders, read at first use."""

    def __init__(self, pki: Path, folder: Path) -> None:
        """Sign with the keys of `pki`; prepared files are kept in `folder`."""
        self._pki, self._folder = pki, folder
        self._templates: dict[int, Template] = {}
        self._signers: dict[str, Signer] = {}
        self._prefixes: dict[int, Hasher] = {}

    def write(self, sender: str, size: int, mark: str) -> bytes:
        """Return a paper signed by the sender's leader and sealed, with this canary in it."""
        template = self._template(size)
        paper = bytearray(template.content)
        paper[template.canary_at : template.canary_at + len(mark)] = mark.encode()
        for use, gap in zip(("leader", "seal"), template.gaps, strict=True):
            digest = self._hasher(size, template)
            digest.update(memoryview(paper)[template.canary_at : gap.start - 1])
            digest.update(memoryview(paper)[gap.end + 1 : gap.until])
            value = self.signer(sender, use).sign(digest.digest()).hex().encode()
            paper[gap.start : gap.start + len(value)] = value
        return bytes(paper)

    def prepare(self, sizes: Iterable[int]) -> None:
        """Prepare files of these sizes; pyHanko runs an event loop of its own: call in a thread."""
        for size in sizes:
            self._template(size)

    def digest(self, size: int, paper: bytes) -> str:
        """Return the SHA-256 of a paper of that size."""
        template = self._template(size)
        digest = self._hasher(size, template)
        digest.update(memoryview(paper)[template.canary_at :])
        return digest.hexdigest()

    def signer(self, code: str, use: str) -> Signer:
        """Return the signer of an agency's `leader` or `seal` certificate."""
        name = f"{code}.{use}.p12"
        if name not in self._signers:
            self._signers[name] = Signer(self._pki / name)
        return self._signers[name]

    def forget(self, code: str, use: str) -> None:
        """Read an agency's signer anew when it is needed: it has another certificate."""
        self._signers.pop(f"{code}.{use}.p12", None)

    def _hasher(self, size: int, template: Template) -> Hasher:
        """Return a hash that has seen what all papers of a size begin with."""
        if size not in self._prefixes:
            seen = hashlib.sha256(memoryview(template.content)[: template.canary_at])
            self._prefixes[size] = seen
        return self._prefixes[size].copy()

    def _template(self, size: int) -> Template:
        if size not in self._templates:
            path = self._folder / f"paper-{size}.pdf"
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                half = path.with_suffix(".half")
                seal = next(self._pki.glob("*.seal.p12"))
                with ThreadPoolExecutor(1) as thread:  # pyHanko wants a thread without a loop
                    half.write_bytes(thread.submit(prepare, size, seal).result())
                half.replace(path)
            self._templates[size] = Template.load(path.read_bytes())
        return self._templates[size]


def unsigned(size: int) -> bytes:
    """Return a one-page PDF of about that size, with a blank canary and no signature."""
    noise = random.Random(size).randbytes(max(0, size - 2 * _GAP - 6_000))  # noqa: S311 (bytes to carry)
    text = f"BT /F1 12 Tf 72 760 Td ({BLANK}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 6 0 R /Resources 7 0 R >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        # What all papers of a size have in common stands before the canary: it is hashed once.
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(noise), noise),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
        b"<< /Font << /F1 4 0 R >> >>",
    ]
    out, places = BytesIO(), list[int]()
    out.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    for number, content in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
    start = out.tell()
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    out.write(b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(objects) + 1, rows))
    out.write(
        b"trailer\n<< /Size %d /Root 1 0 R /ID [<%032x> <%032x>] >>\n"
        % (len(objects) + 1, size, size)
    )
    out.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return out.getvalue()


def prepare(size: int, any_key: Path) -> bytes:
    """Return a paper with two signature fields whose contents are still to be filled in.

    The signatures of `any_key` only make the places.
    """
    paper = unsigned(size)
    by = SimpleSigner.load_pkcs12(str(any_key), passphrase=PASSWORD)
    if by is None:
        raise ValueError(f"{any_key.name} holds no key")
    for field in _FIELDS:
        metadata = PdfSignatureMetadata(
            field_name=field, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
        )
        signer = PdfSigner(metadata, by, new_field_spec=SigFieldSpec(field))
        signed = signer.sign_pdf(
            IncrementalPdfFileWriter(BytesIO(paper)), bytes_reserved=_GAP, output=BytesIO()
        )
        paper = cast("BytesIO", signed).getvalue()
    return _emptied(paper)


def _emptied(paper: bytes) -> bytes:
    content = bytearray(paper)
    for _, first, resume, _ in _RANGE.findall(paper):
        start, end = int(first) + 1, int(resume) - 1
        content[start:end] = b"0" * (end - start)
    return bytes(content)
