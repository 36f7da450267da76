"""`python -m infra.bench.bare`: the floor of a judgement, bare library calls in their own process.

Imports nothing of the project's services: what it measures is pyHanko's and cryptography's alone.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import asyncio
import hashlib
import logging
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from typing import Any

from asn1crypto import algos, cms, keys, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import (
    async_validate_detached_cms,
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.sig_validate import (
    DEFAULT_VALIDATION_CONTEXT,
    DefaultSignatureValidator,
    SignatureValidationContext,
    SignatureValidator,
)

from infra.bench.lines import Json, Paper, begin, papers, serve


def main() -> None:
    """Do either floor with papers as standard input says."""
    logging.disable(logging.CRITICAL)
    told = begin()
    given = papers(told)
    library, bare = Library(told["material"]), Bare(told["material"])
    with asyncio.Runner() as runner:

        def whole(paper: Paper) -> None:
            runner.run(library.validate(paper))

        for paper in given:
            runner.run(bare.learn(paper))
        serve({"library": whole, "crypto": bare.whole}, given)


class Library:
    """What a user of pyHanko writes: one context for all that is trusted, its default policy."""

    def __init__(self, material: Json, validator: SignatureValidator | None = None) -> None:
        """Read roots, other authorities and revocation lists; nothing is fetched."""
        found = {True: list[x509.Certificate](), False: list[x509.Certificate]()}
        for one in material["authorities"]:
            found[one["anchor"]].append(x509.Certificate.load(b64decode(one["der"])))
        self._context = ValidationContext(
            trust_roots=found[True],
            other_certs=found[False],
            crls=[b64decode(one["der"]) for one in material["lists"]],
            revocation_mode="hard-fail",
            signature_validator=validator,
        )

    async def validate(self, paper: Paper) -> None:
        """Validate all signatures of a paper. Raises ValueError when one is not sound."""
        if paper.signature is not None:
            signed = cms.ContentInfo.load(paper.signature)["content"]
            status = await async_validate_detached_cms(paper.content, signed, self._context)
            _check(sound=status.bottom_line)
            return
        reader = PdfFileReader(BytesIO(paper.content))
        for one in reader.embedded_regular_signatures:
            _check(sound=(await async_validate_pdf_signature(one, self._context)).bottom_line)
        for one in reader.embedded_timestamp_signatures:
            stamp = await async_validate_pdf_timestamp(one, self._context)
            _check(sound=stamp.trusted and stamp.docmdp_ok is not False)


def _check(*, sound: bool) -> None:
    if not sound:
        raise ValueError("a paper of the bench is not sound for pyHanko")


class _Noted(DefaultSignatureValidator):
    """Verifies as pyHanko does, and notes each value as a call of cryptography alone."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: keys.PublicKeyInfo,
        signature_algorithm: algos.SignedDigestAlgorithm,
        context: SignatureValidationContext = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        """Verify and note. Raises what verifying raises."""
        super().validate_signature(
            signature, signed_data, public_key_info, signature_algorithm, context
        )
        key = serialization.load_der_public_key(public_key_info.dump())
        self.calls.append(partial(_verify, key, signature, signed_data))


def _verify(key: object, value: bytes, content: bytes) -> None:
    """Verify as all papers of the bench are signed. Raises InvalidSignature or TypeError."""
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(value, content, padding.PKCS1v15(), hashes.SHA256())
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(value, content, ec.ECDSA(hashes.SHA256()))
    else:
        raise TypeError("another kind of key")


class Bare:
    """Cryptography alone: digests of what is signed, and the values that the library verifies.

    Those are the signers', their certificates' and the lists', as often as pyHanko verifies them
    with a context that has met the signers before.
    """

    def __init__(self, material: Json) -> None:
        """Know no paper yet."""
        self._noted = _Noted()
        self._library = Library(material, self._noted)
        self._calls: dict[int, list[Callable[[], None]]] = {}
        self._ranges: dict[int, list[list[tuple[int, int]]]] = {}

    async def learn(self, paper: Paper) -> None:
        """Note what there is to compute for a paper; those of a process have the same signers."""
        if not self._calls:
            await self._library.validate(paper)
        self._noted.calls.clear()
        await self._library.validate(paper)
        self._calls[id(paper)] = list(self._noted.calls)
        self._ranges[id(paper)] = list(_ranges(paper))

    def counts(self, paper: Paper) -> tuple[int, int]:
        """Return how many digests and how many values there are to compute."""
        return len(self._ranges[id(paper)]), len(self._calls[id(paper)])

    def whole(self, paper: Paper) -> None:
        """Compute it. Raises InvalidSignature."""
        view = memoryview(paper.content)
        for parts in self._ranges[id(paper)]:
            hashing = hashlib.sha256()
            for begins, ends in parts:
                hashing.update(view[begins:ends])
            hashing.digest()
        for verify in self._calls[id(paper)]:
            verify()


def _ranges(paper: Paper) -> Iterator[list[tuple[int, int]]]:
    """Yield what each signature is over."""
    if paper.signature is not None:
        yield [(0, len(paper.content))]
        return
    for one in PdfFileReader(BytesIO(paper.content)).embedded_signatures:
        numbers: Any = one.byte_range
        start, size, resume, rest = map(int, numbers)
        yield [(start, start + size), (resume, resume + rest)]


if __name__ == "__main__":
    main()
