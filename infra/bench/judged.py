"""From times to figures of `make bench SIGNING=1`: rates, ratios, delays; table and last line."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from infra.bench.poison import Window, mean
from infra.bench.report import percentile

LEAST_RATIO, MOST_DELAY, MOST_GROWTH_MB = 0.7, 10.0, 8.0
Json: TypeAlias = dict[str, Any]


def compared(name: str, found: Json) -> Json:
    """Return the figures of one kind: rates per core and how near to both floors."""
    ours, bare, clock, crypto = (found[key] for key in ("judge", "library", "clock", "crypto"))
    return {
        "name": name,
        "per_core": len(ours) / sum(ours),
        "floor_per_core": len(bare) / sum(bare),
        "ratio": sum(bare) / sum(ours),
        "crypto_per_core": len(crypto) / sum(crypto),
        "crypto_ratio": sum(crypto) / sum(ours),
        "p50_ms": milliseconds(clock, 0.5),
        "p99_ms": milliseconds(clock, 0.99),
        "cpu_p99_ms": milliseconds(ours, 0.99),
    }


def line(row: Json) -> str:
    """Return one kind's figures as they are said."""
    return (
        f"{row['per_core']:.1f}/s, floor {row['floor_per_core']:.1f}/s, ratio {row['ratio']:.2f},"
        f" cryptography alone {row['crypto_per_core']:.0f}/s, ratio {row['crypto_ratio']:.3f},"
        f" p50 {row['p50_ms']:.1f} ms, p99 {row['p99_ms']:.1f} ms (of CPU {row['cpu_p99_ms']:.1f})"
    )


def delayed(name: str, calm: Sequence[Window], foul: Sequence[Window], *, promised: bool) -> Json:
    """Return by how much poison delays others' files, in percent of the mean.

    `promised`: it may not be by more than is promised.
    """
    times = {name: _times(windows) for name, windows in (("calm", calm), ("foul", foul))}
    ends = [end for window in foul for end in window.ends]
    return {
        "name": name,
        **times,
        "delay": 100 * (mean(foul) / mean(calm) - 1),
        "delay_p50": 100 * (times["foul"]["p50_ms"] / times["calm"]["p50_ms"] - 1),
        "delay_p99": 100 * (times["foul"]["p99_ms"] / times["calm"]["p99_ms"] - 1),
        "promised": promised,
        "ends": {end: ends.count(end) for end in sorted(set(ends))},
    }


def _times(windows: Sequence[Window]) -> Json:
    found = [one for window in windows for one in window.seconds]
    return {
        "due": sum(window.due for window in windows),
        "judged": len(found),
        "mean_ms": 1000 * mean(windows),
        "p50_ms": milliseconds(found, 0.5),
        "p99_ms": milliseconds(found, 0.99),
    }


def table(told: Json) -> str:
    """Return the figures as they are shown."""
    lines = [
        "| files | per core and s | pyHanko | ratio | cryptography | ratio | p50 ms | p99 ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['name']} | {row['per_core']:.1f} | {row['floor_per_core']:.1f} |"
        f" {row['ratio']:.2f} | {row['crypto_per_core']:.0f} | {row['crypto_ratio']:.3f} |"
        f" {row['p50_ms']:.1f} | {row['p99_ms']:.1f} |"
        for row in told["kinds"]
    ]
    lines += [
        f"cold ({row['name']}): trust read {row['read_ms']:.1f} ms, first file"
        f" {row['first_ms']:.1f} ms, then {row['warm_ms']:.1f} ms"
        for row in told["cold"]
    ]
    kept = told["memory"]
    lines.append(
        f"memory of a worker, {kept['files']} files: {kept['begun']:.0f} MB,"
        f" half {kept['half']:.0f}, end {kept['end']:.0f}, most {kept['most']:.0f} MB"
    )
    lines += [
        f"beside poison, {row['name']}: mean"
        f" {row['calm']['mean_ms']:.1f} → {row['foul']['mean_ms']:.1f} ms ({row['delay']:+.1f} %),"
        f" p50 {row['calm']['p50_ms']:.1f} → {row['foul']['p50_ms']:.1f} ms"
        f" ({row['delay_p50']:+.1f} %), p99 {row['calm']['p99_ms']:.1f} →"
        f" {row['foul']['p99_ms']:.1f} ms ({row['delay_p99']:+.1f} %), judged"
        f" {row['foul']['judged']} of {row['foul']['due']}; poison ended: {row['ends']}"
        for row in told["beside"]
    ]
    return "\n".join(lines)


def summary(told: Json) -> str:
    """Return the last line."""
    first = told["kinds"][0]
    return (
        f"BENCH SIGNING per_core={first['per_core']:.1f}"
        f" ratio={min(row['ratio'] for row in told['kinds']):.2f} p99_ms={first['p99_ms']:.1f}"
        f" rss_mb={told['memory']['most']:.0f} poison_delay={_delay(told):.1f}%"
        f" crypto_floor_ratio={min(row['crypto_ratio'] for row in told['kinds']):.3f}"
    )


def sound(told: Json) -> bool:
    """Say whether everything is as it must be."""
    kept = told["memory"]
    return (
        min(row["ratio"] for row in told["kinds"]) >= LEAST_RATIO
        and kept["end"] - kept["half"] <= MOST_GROWTH_MB
        and _delay(told) <= MOST_DELAY
    )


def _delay(told: Json) -> float:
    """Return the longest delay at any door, of the means."""
    return max(row["delay"] for row in told["beside"] if row["promised"])


def milliseconds(values: Sequence[float], share: float) -> float:
    """Return a percentile in milliseconds."""
    return 1000 * (percentile(values, share) or 0.0)
