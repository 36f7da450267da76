"""OpenSSL as a peer: `openssl cms` for signatures, `ts` for time stamps, `ocsp` and `verify`.

It judges a PDF's CMS over the bytes that ByteRange names; it knows nothing of PDF. A signature's
time stamp is asked about first: where it is good, the signature may be judged at its moment.
"""

# asn1crypto is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.conformance.peers.cut import Cut, NotThere, cut, is_token
from tests.conformance.peers.peer import (
    Asked,
    Done,
    Said,
    Verdict,
    Worst,
    at_moment,
    certificates_pem,
    known_answers,
    known_lists,
    lists_pem,
    run,
)

_NO_LIST = "unable to get certificate CRL"
_UNKNOWN = frozenset(
    {
        _NO_LIST,
        "CRL has expired",
        "CRL is not yet valid",
        "CRL signature failure",
        "different CRL scope",
        "key usage does not include CRL signing",
        "unhandled critical CRL extension",
    }
)
"""OpenSSL's words (crypto/x509/x509_txt.c) where it has no revocation list that it can use."""
_EXPIRED = "certificate has expired"
_REVOKED = "certificate revoked"
_BROKEN = ("message imprint mismatch", "signature failure", "bad signature", "digest failure")
_STATES = {"good": "OCSP: good", "revoked": _REVOKED, "unknown": "OCSP: unknown"}
_ANY_POLICY = "2.5.29.32.0"
_ALONE = ("-no-CApath", "-no-CAstore")
"""Never the certificates that the system trusts."""


@dataclass(frozen=True, slots=True)
class _Files:
    """The question as files."""

    folder: Path
    at: datetime
    ocsps: Sequence[bytes]
    authorities: Sequence[bytes]

    @classmethod
    def write(cls, folder: Path, asked: Asked) -> "_Files":
        # `cms` builds chains from the CMS and the store only (-certfile finds signers), and has no
        # option for revocation lists: both go into the store. What is not self-signed there is no
        # anchor (no -partial_chain); a self-signed one that is not a root must stay out.
        below = [one for one in asked.intermediates if not _self_signed(one)]
        store = certificates_pem([*asked.roots, *below])
        (folder / "plain.pem").write_bytes(store)
        (folder / "store.pem").write_bytes(store + lists_pem(known_lists(asked)))
        authorities = [*below, *asked.roots]
        return cls(folder, asked.at, known_answers(asked), authorities)

    def put(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def trust(self, *, at: datetime | None, lists: bool) -> list[str | Path]:
        """Return the options of trust; without a moment no time is looked at."""
        moment = ["-no_check_time"] if at is None else ["-attime", str(int(at.timestamp()))]
        store = self.folder / ("store.pem" if lists else "plain.pem")
        return ["-CAfile", store, *moment, *(["-crl_check_all"] if lists else [])]


def ask(asked: Asked) -> Said:
    """Return OpenSSL's verdict on all signatures of a file."""
    try:
        found = cut(asked.file) if asked.content is None else [Cut(asked.file, asked.content)]
    except NotThere as why:
        return Said("bad", str(why))
    with tempfile.TemporaryDirectory() as folder:
        files = _Files.write(Path(folder), asked)
        return Worst([_one(files, one) for one in found]).as_one()


def _one(files: _Files, one: Cut) -> Said:
    files.put("signed", one.signed)
    files.put("cms", one.cms)
    if one.token:
        return _said(_stamp(files, one.cms, one.signed))
    now = _now(files)
    moments: list[datetime] = []
    for token, over in _signature_stamps(one.cms):
        stamped = _said(_stamp(files, token, over))
        if stamped.verdict == "good":
            moments.append(_moment(token))
        elif any(word in stamped.words for word in _BROKEN):
            return Said("bad", f"time stamp: {stamped.words}")
    return _at_stamp(files, now, min(moments)) if moments else now


def _now(files: _Files) -> Said:
    """Judge at the moment asked for: all but revocation first, whose lack would hide the rest."""
    plain = _said(_cms(files, at=files.at, lists=False))
    if plain.verdict != "good":
        return plain
    listed = _said(_cms(files, at=files.at, lists=True))
    if listed.verdict != "unknown" or not files.ocsps:
        return listed
    leaf = files.folder / "leaf.pem"
    what = ["-in", files.folder / "cms", "-content", files.folder / "signed"]
    look = ["-inform", "DER", "-binary", "-noverify", "-signer", leaf]
    _openssl("cms", "-verify", *look, *what, "-out", "/dev/null")
    return _by_answers(files, leaf)


def _at_stamp(files: _Files, now: Said, moment: datetime) -> Said:
    """Judge at a good time stamp's moment what is too late today."""
    if now.words == _EXPIRED:
        then = _said(_cms(files, at=moment, lists=False))
        if then.verdict != "good":
            return then
        now = _said(_cms(files, at=None, lists=True))
    if now.words == _REVOKED:
        return Said("not applicable", "weighs no time stamp against a revocation")
    return now


def _cms(files: _Files, *, at: datetime | None, lists: bool) -> Done:
    """Verify a signature with its reference to the signer's certificate (-cades)."""
    trust = files.trust(at=at, lists=lists)
    # Which usages an official's certificate must have is the policy's business: any purpose. Its
    # policies are processed, where a certificate asks for that: any policy.
    any_one = ["-purpose", "any", "-policy_check", "-policy", _ANY_POLICY]
    how = ["-inform", "DER", "-binary", "-cades", *any_one, *trust]
    what = ["-in", files.folder / "cms", "-content", files.folder / "signed"]
    return _openssl("cms", "-verify", *how, *what, "-out", "/dev/null", *_ALONE)


def _stamp(files: _Files, token: bytes, over: bytes) -> Done:
    trust = files.trust(at=files.at, lists=True)
    what = ["-in", files.put("token", token), "-token_in", "-data", files.put("over", over)]
    return _openssl("ts", "-verify", *what, *trust)


def _by_answers(files: _Files, of: Path) -> Said:
    """Judge where a revocation state is known by OCSP; the authorities' may be so by lists."""
    certificate = x509.load_pem_x509_certificate(of.read_bytes())
    issuer = _issuer(files, certificate)
    if issuer is None:
        return Said("unknown", _NO_LIST)
    if not _self_signed(ssl.PEM_cert_to_DER_cert(issuer.read_text())):
        trust = files.trust(at=files.at, lists=True)
        above = _said(_openssl("verify", *trust, *_ALONE, issuer))
        if above.verdict == "unknown":
            above = _by_answers(files, issuer)
        if above.verdict != "good":
            return above
    said = [_answer(files, of, issuer, answer) for answer in files.ocsps]
    # The newest answer that can be used is the one that counts.
    usable = [one for one in said if one.words in _STATES.values()]
    return (usable or said)[-1]


def _answer(files: _Files, of: Path, issuer: Path, answer: bytes) -> Said:
    digest = ocsp.load_der_ocsp_response(answer).hash_algorithm.name
    which = [f"-{digest}", "-issuer", issuer, "-verify_other", issuer, "-cert", of]
    source = ["-respin", files.put("answer", answer), "-no_nonce"]
    trust = files.trust(at=files.at, lists=False)
    # The moment that is asked for counts for the chain only, the answer's own times for now.
    done = _openssl("ocsp", *source, *which, *trust, *_ALONE, env=at_moment(files.at))
    state = re.search(rf"{of.name}: (\w+)", done.out)
    if "Response verify OK" not in done.err or state is None or state[1] not in _STATES:
        return Said("unknown", f"OCSP: {_reason(done)}")
    verdicts: dict[str, Verdict] = {"good": "good", "revoked": "bad"}
    return Said(verdicts.get(state[1], "unknown"), _STATES[state[1]])


def _issuer(files: _Files, leaf: x509.Certificate) -> Path | None:
    """Return the file of the authority that has issued a certificate."""
    for der in files.authorities:
        one = x509.load_der_x509_certificate(der)
        if one.subject == leaf.issuer:
            return files.put(f"{one.serial_number:x}.pem", one.public_bytes(Encoding.PEM))
    return None


def _openssl(*words: str | Path, env: Mapping[str, str] | None = None) -> Done:
    done = run(["openssl", *words], env=env)
    if "Use -help for summary" in done.err:
        raise RuntimeError(f"openssl does not know an option: {done.err}")
    return done


def _said(done: Done) -> Said:
    if done.status == 0:
        return Said("good", "verified")
    reason = _reason(done)
    return Said("unknown" if reason in _UNKNOWN else "bad", reason)


def _reason(done: Done) -> str:
    """Return OpenSSL's own reason: why a chain does not hold, else its last error."""
    text = f"{done.err}\n{done.out}"
    chain = re.search(r"Verify error: ?(.+)", text) or re.search(r"depth lookup: (.+)", text)
    if chain:
        return chain[1].strip()
    errors = re.findall(r":error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):", text)
    return errors[0] if errors else text.strip()[-120:]


def _signature_stamps(content: bytes) -> list[tuple[bytes, bytes]]:
    """Return a signature's time stamps, each with the bytes that it is over."""
    found: list[tuple[bytes, bytes]] = []
    # What asn1crypto cannot read, OpenSSL has already said its word about.
    with suppress(ValueError, TypeError, KeyError, IndexError):
        signer = cms.ContentInfo.load(content)["content"]["signer_infos"][0]
        for attribute in signer["unsigned_attrs"] or ():
            if attribute["type"].native == "signature_time_stamp_token":
                tokens = [value.dump() for value in attribute["values"]]
                found += [(one, signer["signature"].native) for one in tokens if is_token(one)]
    return found


def _self_signed(der: bytes) -> bool:
    one = x509.load_der_x509_certificate(der)
    try:
        one.verify_directly_issued_by(one)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _moment(token: bytes) -> datetime:
    content = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
    if not isinstance(content, tsp.TSTInfo):
        raise TypeError("not a time stamp, which OpenSSL had verified")
    return cast("datetime", content["gen_time"].native)
