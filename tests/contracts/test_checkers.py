"""The documents' checkers are installed from their lock, and they find what is planted."""

import json
from pathlib import Path

from infra.contracts import node_packages, spectral
from infra.contracts.openapi import MERGED


def test_the_lock_pins_every_package_by_hash_and_names_no_host():
    lock = json.loads((node_packages.HERE / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: row for name, row in lock["packages"].items() if name}
    assert len(packages) > 100
    assert all(row["integrity"].startswith("sha512-") for row in packages.values())
    assert not [name for name, row in packages.items() if "resolved" in row]


def test_spectral_finds_what_is_planted(tmp_path: Path):
    document = json.loads(MERGED.read_text(encoding="utf-8"))
    del document["paths"]["/v1/me"]["get"]["operationId"]
    document["paths"]["/v1/me"]["get"]["tags"] = ["nowhere"]
    planted = tmp_path / "openapi.json"
    planted.write_text(json.dumps(document), encoding="utf-8")
    found = [line for line in spectral.findings(planted) if "/v1/me" in line]
    assert {line.split(":")[0] for line in found} >= {
        "operation-operationId",
        "operation-tag-defined",
    }


def test_the_parser_of_asyncapi_finds_what_is_planted(tmp_path: Path):
    document = {"asyncapi": "3.0.0", "info": {"title": "x", "version": "1"}}
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(document), encoding="utf-8")
    bad.write_text(json.dumps({**document, "channels": 7}), encoding="utf-8")
    script = node_packages.HERE / "asyncapi.cjs"
    answers = [json.loads(node_packages.run(script, file).stdout) for file in (good, bad)]
    assert answers[0]["parsed"]
    assert not answers[1]["parsed"]
    assert any(row["severity"] == 0 for row in answers[1]["findings"])
