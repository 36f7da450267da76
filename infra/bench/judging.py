"""`python -m infra.bench.judging`: judgements against bare library calls, in one process, in turn.

What is measured is CPU time: the ratio is that of one core, whatever else the machine does.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import gc
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

from asn1crypto.parser import peek
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pydantic import TypeAdapter
from pyhanko.pdf_utils.reader import PdfFileReader

from services.signing import hexstring
from services.signing.validation.material import Material
from services.signing.validation.pades import validate_pdf
from services.signing.validation.revisions import POLICY
from services.signing.validation.structures import Attribute, ContentInfo, encoded
from services.signing.validation.trust import Trust

Key = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
MATERIALS = TypeAdapter(Material)


def main() -> None:
    """Read what to measure from standard input; write figures as JSON."""
    logging.disable(logging.CRITICAL)
    hexstring.install()
    gc.collect()
    gc.freeze()
    given = json.load(sys.stdin)
    judge = Judge(MATERIALS.validate_json(json.dumps(given["material"])))
    files = [Path(path).read_bytes() for path in given["files"]]
    measure: Mapping[str, Callable[[], dict[str, Any]]] = {
        "pairs": lambda: pairs(judge, files, given["pairs"]),
        "memory": lambda: memory(judge, files, given["files_judged"]),
        "cold": lambda: cold(judge.material, files, given["pairs"]),
    }
    json.dump(measure[given["what"]](), sys.stdout)


class Judge:
    """Judges as a worker does: warm trust, memory collected after each file."""

    def __init__(self, material: Material) -> None:
        """Read what is trusted."""
        self.material = material
        self.trust = Trust(material)
        self.at = datetime.now(UTC)

    def whole(self, content: bytes) -> None:
        """Judge a file. Raises ValueError when it is not sound."""
        found = validate_pdf(content, self.trust, self.at)
        if found.outcome != "sound":
            raise ValueError(f"a paper of the bench is {found.outcome}: {found.detail}")
        del found
        gc.collect()


class Floor:
    """What no judgement can do without: read, compare revisions, digest, check a value."""

    def __init__(self) -> None:
        """Know no key yet."""
        self._keys: dict[bytes, Key] = {}

    def whole(self, content: bytes) -> None:
        """Do the bare calls for each signature of a file; the digest is computed once."""
        reader = PdfFileReader(BytesIO(content), strict=True)
        for one in reader.embedded_signatures:
            one.compute_integrity_info(POLICY)
            cms = one.pkcs7_content[: peek(one.pkcs7_content)]
            signed = asn1.decode_der(ContentInfo, cms).content
            signer = signed.signers.as_list()[0]
            if not signed.certificates or not signer.signed:
                raise ValueError("not a paper of the bench")
            key = self._key(encoded(signed.certificates.as_list()[0]))
            attributes: asn1.SetOf[Attribute] = signer.signed
            if one.compute_digest() not in asn1.encode_der(attributes):
                raise ValueError("another digest")
            _verify(key, signer.value, asn1.encode_der(attributes))

    def _key(self, der: bytes) -> Key:
        if der not in self._keys:
            key = x509.load_der_x509_certificate(der).public_key()
            if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
                raise TypeError("another kind of key")
            self._keys[der] = key
        return self._keys[der]


def _verify(key: Key, value: bytes, content: bytes) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(value, content, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.verify(value, content, ec.ECDSA(hashes.SHA256()))


def pairs(judge: Judge, files: list[bytes], count: int) -> dict[str, Any]:
    """Judge each file, and do the bare calls with it, one after the other, first in turn."""
    floor = Floor()
    for content in files:  # loads what is loaded at first use
        judge.whole(content)
        floor.whole(content)
    ours: list[float] = []
    bare: list[float] = []
    clock: list[float] = []
    for number, content in zip(range(count), cycle(files), strict=False):
        for turn in (number % 2, 1 - number % 2):
            if turn:
                bare.append(_cpu(floor.whole, content))
            else:
                began = time.perf_counter()
                ours.append(_cpu(judge.whole, content))
                clock.append(time.perf_counter() - began)
    gc.collect()
    return {"ours": ours, "bare": bare, "clock": clock}


def _cpu(work: Callable[[bytes], None], content: bytes) -> float:
    began = time.process_time()
    work(content)
    return time.process_time() - began


def memory(judge: Judge, files: list[bytes], count: int) -> dict[str, Any]:
    """Judge many files; return MB after the first few, after half and after all, and the most."""
    marks: dict[int, float] = {}
    for judged, content in zip(range(1, count + 1), cycle(files), strict=False):
        judge.whole(content)
        if judged in (count // 20, count // 2, count):
            marks[judged] = _memory("VmRSS")
    begun, half, end = marks.values()
    return {"begun": begun, "half": half, "end": end, "most": _memory("VmHWM")}


def _memory(name: str) -> float:
    """Return megabytes of resident memory: now (VmRSS), at most so far (VmHWM)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024


def cold(material: Material, files: list[bytes], count: int) -> dict[str, Any]:
    """Judge each file with trust that was read anew, and again with the chain at hand."""
    read: list[float] = []
    first: list[float] = []
    warm: list[float] = []
    Judge(material).whole(files[0])
    for _, content in zip(range(count), cycle(files), strict=False):
        began = time.process_time()
        judge = Judge(material)
        read.append(time.process_time() - began)
        first.append(_cpu(judge.whole, content))
        warm.append(_cpu(judge.whole, content))
    return {"read": read, "first": first, "warm": warm}


if __name__ == "__main__":
    main()
