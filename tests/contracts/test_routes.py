"""The gateway's route table is what the services declare; nothing internal is in it."""

import json
import re

import pytest

from infra.contracts import openapi, routes


def test_the_committed_table_is_what_the_services_declare():
    assert routes.TABLE.read_text(encoding="utf-8") == routes.table(), (
        "stale: run python -m infra.contracts.routes"
    )


def test_the_committed_openapi_document_is_what_the_services_declare():
    assert openapi.MERGED.read_text(encoding="utf-8") == openapi.merged(), (
        "stale: run python -m infra.contracts.openapi"
    )


def test_every_reference_of_the_merged_document_leads_somewhere():
    document = json.loads(openapi.merged())
    wanted = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document)))
    assert wanted <= document["components"]["schemas"].keys()
    assert "Problem" in wanted


def test_the_document_and_the_table_know_the_same_operations():
    document = json.loads(openapi.merged())
    rows = json.loads(routes.TABLE.read_text(encoding="utf-8"))
    known = {(row["method"].lower(), row["path"]) for row in rows}
    assert known == {(m, path) for path, ops in document["paths"].items() for m in ops}


def test_no_internal_route_is_routed_and_only_named_ones_are_public():
    rows = json.loads(routes.TABLE.read_text(encoding="utf-8"))
    assert not [row for row in rows if row["path"].startswith("/internal")]
    public = {row["path"] for row in rows if row["scopes"] is None}
    assert public == {
        "/oauth/token",
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
        "/pki/{ca}/ca.crt",
        "/pki/{ca}/crl",
    }


def test_two_services_cannot_own_one_route():
    rows = [
        {"method": "GET", "path": "/v1/a/{x}", "service": "docs"},
        {"method": "GET", "path": "/v1/a/{y}", "service": "notify"},
    ]
    with pytest.raises(ValueError, match="docs and notify"):
        routes._refuse_twins(rows)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
