"""The HTTP face of signing: `create()` puts its routes together."""

from fastapi import FastAPI

from services.signing.api import certificates, pki, reports, signatures, trust, validations
from shared import operating
from shared.http import create_app
from shared.restored import refuse_meanwhile


def create() -> FastAPI:
    """Return the application; `__main__` puts on its state what it needs at run time."""
    return create_app(
        title="Liên thông: signing",
        first=refuse_meanwhile,
        routers=[
            pki.router,
            reports.router,
            certificates.router,
            signatures.router,
            validations.router,
            trust.router,
            operating.router("signing"),
        ],
    )
