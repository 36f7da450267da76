"""BENCH.md: a run as tables between two marks; what stands outside of them is kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from infra.bench.report import aims, percentiles

Json: TypeAlias = dict[str, Any]


def write(path: Path, told: Json, name: str) -> None:
    """Replace the section `name`; the file must have its marks. Raises ValueError."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    text = path.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{path.name} has no section {begin} … {end}")
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    half = path.with_suffix(".half")
    half.write_text(f"{before}{begin}\n{section(told)}\n{end}{after}", encoding="utf-8")
    half.replace(path)


def section(told: Json) -> str:
    """Return a run as Markdown."""
    machine = told["machine"]
    host = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mb']:,} MB"
    when = f"{told['date']}, commit `{told['commit']}`"
    parts = [f"{when}, {host}, {machine['kernel']}; {told['seconds']:.0f} s."]
    for network in told["networks"]:
        parts.append(f"**{network['agencies']:,} agencies** (`SEED={network['seed']}`)")
        parts += [_cases(network["cases"]), _cpu(network), _memory(network["cases"])]
        if network["floors"]:
            parts.append(_floors(network["floors"]))
    parts += [_aims(told), _troubles(told)]
    return "\n\n".join(parts)


def _cases(cases: list[Json]) -> str:
    rows = [
        (
            case["name"],
            f"{case['stored_before']:,}",
            case["documents"],
            case["documents_per_s"],
            case["deliveries_per_s"],
            percentiles(case["accept_ms"]),
            percentiles(case["mailbox_ms"]),
            percentiles(case["last_mailbox_ms"]),
            percentiles(case["receipt_ms"]),
            percentiles(case["urgent_mailbox_ms"]),
        )
        for case in cases
    ]
    heads = ("case", "stored", "docs", "docs/s", "deliveries/s", "accept", "mailbox")
    return _table((*heads, "last mailbox", "receipt", "urgent mailbox"), rows)


def _cpu(network: Json) -> str:
    """CPU milliseconds per document by process, and of the idle stack per second."""
    names = sorted({name for case in network["cases"] for name in case["cpu_ms_per_document"]})
    names = [name for name in names if name != "all but driver"]
    rows = [
        (
            case["name"],
            *(case["cpu_ms_per_document"].get(name, "–") for name in names),
            case["cpu_ms_per_document"].get("all but driver", "–"),
        )
        for case in network["cases"]
    ]
    idle = network["idle_cpu_ms_per_s"]
    rows.append(("idle, per second", *(idle.get(name, "–") for name in names), "–"))
    return _table(("CPU ms per document", *names, "all but driver"), rows)


def _memory(cases: list[Json]) -> str:
    """The most that each process held after any of the cases."""
    names = sorted({name for case in cases for name in case["memory_mb"]})
    most = [max(case["memory_mb"].get(name, 0) for case in cases) for name in names]
    return _table(("memory, MB", *names), [("most", *most)])


def _floors(floors: list[Json]) -> str:
    rows = [
        (
            floor["name"],
            floor["what"],
            f"{floor['per_second']:,.0f}",
            f"{floor['cpu_ms']:.3f}",
            "–" if floor["pipeline_ratio"] is None else f"{floor['pipeline_ratio']:.4f}",
        )
        for floor in floors
    ]
    return _table(("floor", "what", "per second", "CPU ms", "pipeline's docs/s ÷ floor"), rows)


def _aims(told: Json) -> str:
    rows = [(what, aim, is_, "√" if met else "missed") for what, aim, is_, met in aims(told)]
    return _table(("what", "aim", "reached", ""), rows)


def _troubles(told: Json) -> str:
    cases = [case for network in told["networks"] for case in network["cases"]]
    sums = {name: sum(case[name] for case in cases) for name in ("failures", "missing", "doubled")}
    other = sum(case["other_cpu_s"] for case in cases)
    return (
        f"Refused or late: {sums['failures']}; missing: {sums['missing']};"
        f" doubled: {sums['doubled']}. CPU used by others meanwhile: {other:.1f} s."
    )


def _table(heads: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
