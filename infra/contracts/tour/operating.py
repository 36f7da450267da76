"""The tour of whoever is new, and of an operator: tokens, what codes mean, what is stuck."""

from infra.client import ASSERTION, assertion
from infra.contracts.tour.guide import Guide
from infra.contracts.tour.receiving import BY as RECIPIENT
from infra.demo.plan import PROVINCE
from shared.events.topics import SERVICES

BY = "operator"


async def access(guide: Guide) -> None:
    """Get a token, and see what it is worth."""
    client = guide.systems[RECIPIENT].access

    def form() -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "scope": "documents.receive",
            "client_assertion_type": ASSERTION,
            "client_assertion": assertion(client),
        }

    await guide.go("POST /oauth/token", form=form)
    await guide.go("POST /oauth/token", form=lambda: {"grant_type": "password"}, expect=400)
    await guide.go("POST /oauth/token", form=lambda: {**form(), "client_id": "no-such"}, expect=401)
    await guide.go("GET /.well-known/oauth-authorization-server")
    await guide.go("GET /.well-known/jwks.json")
    await guide.go("GET /v1", RECIPIENT)
    await guide.go("GET /v1/me", RECIPIENT)


async def reference(guide: Guide) -> None:
    """Look up what codes mean."""
    await guide.go("GET /v1/problems", RECIPIENT)
    await guide.go("GET /v1/problems/{code}", RECIPIENT, code="DSP-4222")
    await guide.go("GET /v1/status-codes", RECIPIENT)


async def operate(guide: Guide) -> None:
    """See who is connected and what is parked; restart a lane; set the levels of the logs."""
    await guide.go("GET /v1/agencies/{code}/connection", RECIPIENT, code=PROVINCE)
    await guide.go("GET /v1/connections", BY)
    restart = "POST /v1/lanes/{agency_code}/{lane}/restart"
    await guide.go(restart, BY, agency_code=PROVINCE, lane="urgent")
    for service in SERVICES:
        await guide.go(f"GET /v1/parked/{service}", BY)
        await guide.go(f"PUT /v1/log-level/{service}", BY, body={"level": "info"})
        # On a healthy exchange nothing is parked, so there is nothing to release.
        path = f"POST /v1/parked/{service}/{{item_id}}/release"
        await guide.go(path, BY, item_id="0", expect=404)
