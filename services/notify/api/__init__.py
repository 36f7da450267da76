"""The HTTP face of notify: `create()` puts its routes together."""

from fastapi import FastAPI

from services.notify.api import (
    acknowledgements,
    events,
    inbox,
    internal,
    lanes,
    provisioning,
    statuses,
    stream,
    subscriptions,
)
from shared import operating
from shared.http import create_app


def create() -> FastAPI:
    """Return the application.

    At run time `app.state` holds `db`, `guard`, `ears` (waiting requests), `desk` (what signs
    receipts) and `doors` (what a reader of Kafka has to know).
    """
    routers = [
        inbox.router,
        acknowledgements.router,
        statuses.router,
        events.router,
        stream.router,
        subscriptions.router,
        internal.router,
        provisioning.router,
        lanes.router,
        operating.router("notify"),
    ]
    return create_app(title="Liên thông: notify", routers=routers)
