"""A service that is not told everything says all that is missing at once, and exits with 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.events.topics import SERVICES
from tests.fixtures.stack import TREE


def start(service: str, **env: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if "_" not in name}
    return subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        cwd=TREE,
        env=clean | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("service", SERVICES)
def test_every_fault_is_listed_with_the_name_of_its_variable(service: str):
    prefix = service.upper()
    done = start(service, **{f"{prefix}_LISTEN_FD": "three", f"{prefix}_KAFKA_PASSWORD": "hunter2"})
    assert done.returncode == 2
    lines = dict(line.split(": ", 1) for line in done.stderr.splitlines())
    assert lines[f"{prefix}_LISTEN_FD"].startswith("Input should be a valid integer")
    for name in ("INSTANCE", "DATABASE_OWNER", "KAFKA_BOOTSTRAP", "ISSUER", "CLIENT_KEY"):
        assert lines[f"{prefix}_{name}"] == "Field required"
    assert f"{prefix}_KAFKA_PASSWORD" not in lines
    assert "hunter2" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_the_gateway_names_its_own_variables_too():
    done = start("gateway")
    for name in ("GATEWAY_TOKEN_KEYS", "GATEWAY_PUBLIC_URL", "GATEWAY_DOCS_URL"):
        assert f"{name}: Field required" in done.stderr


def test_a_faulty_secret_is_not_repeated(tmp_path: Path):
    done = start("gateway", GATEWAY_EXTERNAL_ISSUER="perhaps", HOME=str(tmp_path))
    assert "GATEWAY_EXTERNAL_ISSUER: Input should be a valid boolean" in done.stderr
