"""The HTTP face of notify: `create()` puts its routes together."""

from fastapi import FastAPI

from services.notify.api import acknowledgements, events, inbox, internal, statuses
from shared import operating
from shared.http import create_app


def create() -> FastAPI:
    """Return the application.

    At run time `app.state` holds `db`, `guard`, `ears` (waiting requests) and `desk` (what signs
    receipts).
    """
    routers = [
        inbox.router,
        acknowledgements.router,
        statuses.router,
        events.router,
        internal.router,
        operating.router("notify"),
    ]
    return create_app(title="Liên thông: notify", routers=routers)
