"""The gateway over HTTP: what it answers itself, and what it passes on."""

from fastapi import FastAPI

from services.gateway.api import connections, own, pages, passing, register
from shared import operating
from shared.http import create_app

__all__ = ["create"]


def create() -> FastAPI:
    """Return the gateway's application; `__main__` gives it what it needs at run time."""
    # What is passed on comes last: its route takes every path.
    operator = operating.router("gateway")
    routers = [own.router, pages.router, register.router, connections.router, operator, passing.router]
    return create_app(title="Liên thông: gateway", routers=routers, edge=True)
