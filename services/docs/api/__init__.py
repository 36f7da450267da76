"""The HTTP face of docs: `create()` puts its routes together."""

from fastapi import FastAPI

from services.docs.api import (
    agencies,
    attachments,
    deliveries,
    dispatches,
    documents,
    internal_directory,
    internal_mailboxes,
    registry,
    signatures,
    timeline,
    validation,
)
from shared import operating
from shared.http import create_app


def create() -> FastAPI:
    """Return the application of docs; `__main__` puts `db`, `guard` and `blobs` on its state."""
    return create_app(
        title="docs",
        routers=[
            agencies.router,
            registry.router,
            documents.router,
            attachments.router,
            signatures.router,
            dispatches.router,
            deliveries.router,
            timeline.router,
            validation.router,
            internal_directory.router,
            internal_mailboxes.router,
            operating.router("docs"),
        ],
    )
