"""The smallest bench on the running stack: every case sends, arrives and is accounted for."""

import json
import os
import subprocess
import sys

import pytest

from infra.bench import cases
from infra.stack.folder import TREE
from tests.fixtures.stack import Stack

FLOORS = {"postgres", "disk", "kafka", "verification"}
PROCESSES = {"gateway", "docs", "signing", "signing workers", "notify", "postgres", "kafka"}


@pytest.mark.timeout(240)
def test_the_bench_measures_and_finds_everything_it_sent(stack: Stack):
    run = stack.folder.path
    done = subprocess.run(
        [sys.executable, "-m", "infra.bench", "--tiny"],
        cwd=TREE,
        env={**os.environ, "LIENTHONG_RUN": str(run)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    told = json.loads((run / "bench.json").read_text(encoding="utf-8"))
    (network,) = told["networks"]
    assert {floor["name"] for floor in network["floors"]} == FLOORS
    assert all(floor["per_second"] > 0 for floor in network["floors"])
    found = {case["name"]: case for case in network["cases"]}
    assert list(found) == [case.name for case in cases.TINY[0].cases]
    for case in cases.TINY[0].cases:
        figures = found[case.name]
        urgent = figures["urgent_mailbox_ms"]
        assert figures["documents"] > 0
        assert figures["accept_ms"]["of"] == figures["documents"]
        assert figures["deliveries"] == figures["documents"] * case.recipients
        assert (urgent is not None) == (case.urgent_rate > 0)
        assert set(figures["cpu_ms_per_document"]) >= PROCESSES
        assert set(figures["memory_mb"]) >= PROCESSES
    taken = found["open-100k-1-receipts"]
    assert taken["receipt_ms"]["of"] == taken["documents"]
