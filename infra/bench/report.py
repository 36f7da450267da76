"""From samples to figures: percentiles, rates, CPU per document; as lines and as JSON."""

import math
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

from infra.bench import processes
from infra.bench.floors import Floor
from infra.bench.measure import Result
from infra.stack.folder import TREE

Json: TypeAlias = dict[str, Any]
AIM_RATE = 20
AIM_MAILBOX_MS = {"p50": 150, "p99": 1000}
AIM_WIDE_MS = 2000
AIM_MB = {"gateway": 150, "docs": 150, "notify": 150, "signing": 250}
"""Signing without its workers."""
BASE = "closed-100k-1"
"""The case whose documents per second are compared with the floors."""


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that so large a share does not exceed; None when there is none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def times(values: Sequence[float]) -> Json | None:
    """Return percentiles in milliseconds, and of how many; None for no values."""
    if not values:
        return None
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    found = {
        name: round(1000 * (percentile(values, share) or 0), 1) for name, share in shares.items()
    }
    return {**found, "of": len(values)}


def figures(result: Result) -> Json:
    """Return one case's figures."""
    case, documents = result.case, result.documents
    return {
        "name": case.name,
        "loop": case.loop,
        "size": case.size,
        "recipients": case.recipients,
        "due_per_s": case.rate or None,
        "in_flight": case.flight or None,
        "receiving": case.receiving,
        "agencies": result.agencies,
        "stored_before": result.stored,
        "documents": documents,
        "deliveries": result.deliveries,
        "seconds": round(result.seconds, 2),
        "documents_per_s": round(documents / result.seconds, 2),
        "deliveries_per_s": round(result.deliveries / result.seconds, 1),
        "accept_ms": times(result.accept),
        "mailbox_ms": times(result.mailbox),
        "last_mailbox_ms": times(result.last_mailbox) if case.recipients > 1 else None,
        "receipt_ms": times(result.receipt),
        "urgent_mailbox_ms": times(result.urgent_mailbox),
        "failures": len(result.failures),
        "first_failures": result.failures[:3],
        "missing": result.missing,
        "doubled": result.doubled,
        "cpu_ms_per_document": _per_document(result.cpu, documents),
        "other_cpu_s": round(result.other_cpu, 2),
        "memory_mb": {name: round(mb) for name, mb in sorted(result.memory.items())},
    }


def _per_document(cpu: Mapping[str, float], documents: int) -> dict[str, float]:
    if not documents:
        return {}
    each = {name: round(1000 * used / documents, 2) for name, used in sorted(cpu.items())}
    system = sum(used for name, used in cpu.items() if name != processes.DRIVER)
    return {**each, "all but driver": round(1000 * system / documents, 2)}


def line(case: Json) -> str:
    """Return one case's figures as one line."""
    head = f"{case['name']:<24} docs={case['documents']} docs_s={case['documents_per_s']}"
    parts = [f"{head} deliveries_s={case['deliveries_per_s']}"]
    names = {
        "accept_ms": "accept",
        "mailbox_ms": "mailbox",
        "last_mailbox_ms": "last",
        "receipt_ms": "receipt",
        "urgent_mailbox_ms": "urgent",
    }
    parts += [f"{word}={percentiles(case[name])}" for name, word in names.items() if case[name]]
    parts.append(f"cpu_ms_doc={case['cpu_ms_per_document'].get('all but driver', '-')}")
    bad = {name: case[name] for name in ("failures", "missing", "doubled") if case[name]}
    return " ".join([*parts, *(f"{name.upper()}={count}" for name, count in bad.items())])


def percentiles(found: Json | None) -> str:
    """Return p50/p95/p99 in milliseconds."""
    return "–" if found is None else f"{found['p50']:.0f}/{found['p95']:.0f}/{found['p99']:.0f}"


def with_ratios(floors: Sequence[Floor], cases: Sequence[Json]) -> list[Json]:
    """Return the floors, each with what share of it the pipeline's documents per second are."""
    base = next((case for case in cases if case["name"] == BASE), None)
    reached = None if base is None else base["documents_per_s"]
    return [
        {
            **asdict(floor),
            "per_second": round(floor.per_second, 1),
            "cpu_ms": round(floor.cpu_ms, 4),
            "pipeline_ratio": None if reached is None else round(reached / floor.per_second, 5),
        }
        for floor in floors
    ]


def where_and_when() -> Json:
    """Return date, commit and machine."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    changed = bool(_git("status", "--porcelain", "--untracked-files=no"))
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": f"{commit}{' with changes' if changed else ''}",
        "machine": processes.describe(),
    }


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words],  # noqa: S607 (whichever git there is)
            cwd=TREE,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return "unknown"
    return done.stdout.strip() or ("" if words[0] == "status" else "unknown")


def aims(told: Json) -> list[tuple[str, str, str, bool]]:
    """Return what is aimed at: what, aim, reached, whether it is met; of cases that ran."""
    cases = {case["name"]: case for network in told["networks"] for case in network["cases"]}
    found: list[tuple[str, str, str, bool]] = []
    for name in (
        name
        for name in cases
        if name.startswith("open-100k-1") and cases[name]["due_per_s"] == AIM_RATE
    ):
        for share, most in AIM_MAILBOX_MS.items():
            reached = cases[name]["mailbox_ms"][share]
            what = f"{name}: {share} to mailbox at {AIM_RATE} documents/s"
            found.append((what, f"≤ {most} ms", f"{reached:.0f} ms", reached <= most))
    for name in (name for name in cases if name.startswith("open-100k-161")):
        reached = cases[name]["last_mailbox_ms"]["p50"]
        aim = f"≤ {AIM_WIDE_MS} ms"
        found.append(
            (
                f"{name}: 1 → 161, last mailbox, p50",
                aim,
                f"{reached:.0f} ms",
                reached <= AIM_WIDE_MS,
            )
        )
    for name, most in AIM_MB.items():
        reached = max((case["memory_mb"].get(name, 0) for case in cases.values()), default=0)
        found.append((f"memory of {name}", f"≤ {most} MB", f"{reached} MB", reached <= most))
    return found


def sound(told: Json) -> bool:
    """Say whether every case sent something, and nothing was lost, doubled or refused."""
    cases = [case for network in told["networks"] for case in network["cases"]]
    return bool(cases) and all(
        case["documents"] and not (case["failures"] or case["missing"] or case["doubled"])
        for case in cases
    )
