"""The gateway over HTTP: what it answers itself, and what it passes on."""

from fastapi import FastAPI

from services.gateway.api import connections, oauth, own, pages, passing, reference, register
from services.gateway.api.token_first import TokenFirst
from services.gateway.compress import Compress
from services.gateway.heads import Heads
from services.gateway.points import Points
from services.gateway.visit import Visiting, Visits
from shared import operating
from shared.http import create_app

__all__ = ["create"]


def create() -> FastAPI:
    """Return the gateway's application; `__main__` gives it what it needs at run time."""
    # What is passed on comes last: its route takes every path.
    operator = operating.router("gateway", route_class=TokenFirst)
    found = [own.router, oauth.router, reference.router, pages.router]
    routers = [*found, register.router, connections.router, operator, passing.router]
    app = create_app(title="Liên thông: gateway", routers=routers, edge=True)
    app.state.visits, app.state.points = Visits(), Points()
    app.add_middleware(Compress)
    app.add_middleware(Heads)
    app.add_middleware(Visiting)  # outermost: it counts what really comes and goes
    return app
