"""Several sorted streams of rows, read side by side: all rows of one key together."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, TypeAlias

from infra.audit.finding import Row

Key: TypeAlias = tuple[Any, ...]
Case: TypeAlias = Mapping[str, Sequence[Row]]
"""The rows of one key, by the names of their streams; a stream without such a row has none."""


async def cogroup(
    streams: Mapping[str, AsyncIterator[Row]], key: Sequence[str]
) -> AsyncGenerator[tuple[Key, Case]]:
    """Yield every key that any stream has, in order, with the rows of each stream.

    Each stream is sorted by the columns of `key`. One key's rows are in memory at a time.
    """
    ahead: dict[str, Row] = {}

    async def advance(name: str) -> None:
        row = await anext(streams[name], None)
        if row is None:
            ahead.pop(name, None)
        else:
            ahead[name] = row

    def of(row: Row) -> Key:
        return tuple(row[column] for column in key)

    for name in streams:
        await advance(name)
    while ahead:
        least = min(of(row) for row in ahead.values())
        case: dict[str, list[Row]] = {name: [] for name in streams}
        for name in streams:
            while name in ahead and of(ahead[name]) == least:
                case[name].append(ahead[name])
                await advance(name)
        yield least, case
