"""A certification authority of somebody else, and where its revocation data is found."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from infra.pki.authority import Addresses, Authority, Period, Use, issue, new_key, subject
from infra.pki.establish import Office

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
DER = serialization.Encoding.DER


def make_ca(
    name: str, *, by: Authority | None = None, ca: bool = True, days: int = 3650
) -> Authority:
    """Make an authority: a root, or one that another has issued."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = subject(common_name=name, organisation="CA khác")
    begins = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(days=30)
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(by.certificate.subject if by else own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=30 + days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(_ca_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Authority(builder.sign(by.key if by else key, hashes.SHA256()), key)


def renewed(one: Authority) -> Authority:
    """Make a root's next certificate: the same name and key, another number and time."""
    before = one.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(before.subject)
        .issuer_name(before.subject)
        .public_key(one.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(before.not_valid_before_utc + dt.timedelta(days=1))
        .not_valid_after(before.not_valid_after_utc + dt.timedelta(days=365))
    )
    for extension in before.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return Authority(builder.sign(one.key, hashes.SHA256()), one.key)


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def pem(one: Authority) -> str:
    """Return an authority's certificate as PEM."""
    return one.certificate.public_bytes(serialization.Encoding.PEM).decode()


def der(one: Authority) -> bytes:
    """Return an authority's certificate in DER."""
    return one.certificate.public_bytes(DER)


def crl(
    by: Authority,
    *revoked: int,
    number: int | None,
    period: Period | None = None,
    reason: x509.ReasonFlags | None = None,
    scope: x509.ExtensionType | None = None,
) -> bytes:
    """Return a revocation list, with or without a number; `scope`: of what it speaks."""
    when = period or lasting(hours=24)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(when.begins)
        .next_update(when.ends)
    )
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    if scope is not None:
        builder = builder.add_extension(scope, critical=True)
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when.begins)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(by.key, hashes.SHA256()).public_bytes(DER)


def lasting(*, hours: float, since_minutes: float = 1) -> Period:
    """Return a period that began a while ago."""
    begins = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(minutes=since_minutes)
    return Period(begins, begins + dt.timedelta(hours=hours))


def answered(
    by: Authority,
    request: bytes,
    about: x509.Certificate,
    *,
    revoked: bool = False,
    reason: x509.ReasonFlags = x509.ReasonFlags.key_compromise,
    hours_old: float = 0,
    nonce: bytes | None = None,
) -> bytes:
    """Return an OCSP answer to a request; with its nonce, or another one."""
    asked = ocsp.load_der_ocsp_request(request)
    assert asked.serial_number == about.serial_number
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=about,
        issuer=by.certificate,
        algorithm=hashes.SHA1(),  # noqa: S303 (as was asked)
        cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
        this_update=now - dt.timedelta(hours=hours_old),
        next_update=now + dt.timedelta(hours=1),
        revocation_time=now if revoked else None,
        revocation_reason=reason if revoked else None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    sent = asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    builder = builder.add_extension(x509.OCSPNonce(nonce or sent), critical=False)
    return builder.sign(by.key, hashes.SHA256()).public_bytes(DER)


@dataclass(slots=True)
class Site:
    """A web server whose paths answer as a test says; it counts who came."""

    base: str
    handlers: dict[str, Handler] = field(default_factory=dict[str, Handler])
    asked: list[str] = field(default_factory=list[str])

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"{self.base}{path}"

    def serve(self, path: str, content: bytes) -> str:
        """Answer a path with these bytes; returns its address."""

        async def answer(_: web.Request) -> web.Response:
            return web.Response(body=content)

        self.handlers[path] = answer
        return self.url(path)

    def office(self, ca: Authority, folder: Path) -> Office:
        """Return a desk of an authority whose certificates name this site as their source."""
        return Office(folder, ca, ca, Addresses(self.base))


@asynccontextmanager
async def open_site(host: str = "127.0.0.1") -> AsyncGenerator[Site]:
    """Open a web server on an address of loopback for the length of a `with`."""
    site = Site("")

    async def answer(request: web.Request) -> web.StreamResponse:
        site.asked.append(request.path)
        handler = site.handlers.get(request.path)
        return await handler(request) if handler else web.Response(status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)  # 0 would be for ever
    await runner.setup()
    listening = web.TCPSite(runner, host, 0)
    await listening.start()
    try:
        port = runner.addresses[0][1]
        site.base = f"http://{host}:{port}"
        yield site
    finally:
        await runner.cleanup()


async def dribble(request: web.Request) -> web.StreamResponse:
    """Answer a byte now and then, without end."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"0")
        await asyncio.sleep(0.05)


async def flood(request: web.Request) -> web.StreamResponse:
    """Answer much more than anybody wants."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(40):
        await response.write(bytes(1 << 20))
    return response


def redirect(target: str) -> Handler:
    """Send whoever asks elsewhere."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": target})

    return answer


async def compressed(_: web.Request) -> web.Response:
    """Answer little that would become much."""
    return web.Response(body=b"x", headers={"Content-Encoding": "gzip"})


def leaf(ca: Authority, use: Use = Use.LEADER, base: str = "http://127.0.0.1:9") -> bytes:
    """Return a certificate of an authority (DER)."""
    name = subject(common_name="Lê Minh An", organisation="Văn phòng Chính phủ", code="G22")
    made = issue(ca, name, new_key(), use=use, addresses=Addresses(base))
    return made.public_bytes(DER)
