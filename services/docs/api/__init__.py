"""The HTTP face of docs: `create()` puts its routes together."""

from fastapi import FastAPI

from services.docs.api import (
    agencies,
    attachments,
    content,
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
from shared.restored import refuse_meanwhile


def create() -> FastAPI:
    """Return the application of docs; `__main__` puts on its state what it needs at run time."""
    return create_app(
        title="docs",
        first=refuse_meanwhile,
        routers=[
            agencies.router,
            registry.router,
            documents.router,
            attachments.router,
            content.router,
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
