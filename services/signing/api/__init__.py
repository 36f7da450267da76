"""The HTTP face of signing: `create()` puts its routes together."""

from fastapi import FastAPI

from services.signing.api import certificates, pki, signatures
from shared import operating
from shared.http import create_app


def create() -> FastAPI:
    """Return the application; `__main__` puts db, guard, authorities and bench on its state."""
    return create_app(
        title="Liên thông: signing",
        routers=[
            pki.router,
            certificates.router,
            signatures.router,
            operating.router("signing"),
        ],
    )
