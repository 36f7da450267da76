"""How many workers signing has unless it is told."""

import subprocess
import sys

import pytest

from infra.stack.folder import TREE

_ASK = """
import os
from services.signing.settings import Settings
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(%r)])
print(Settings.model_fields["workers"].get_default(call_default_factory=True))
print(len(os.sched_getaffinity(0)))
"""


@pytest.mark.parametrize("most", [1, 1024])
def test_there_is_a_worker_for_each_processor_that_may_be_used_and_at_least_two(most: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ASK % most], cwd=TREE, capture_output=True, text=True, check=True
    )
    workers, processors = map(int, done.stdout.split())
    assert workers == min(max(processors, 2), 64)
