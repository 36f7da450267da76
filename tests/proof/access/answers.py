"""What an answer says once everything that a caller has told itself is taken out of it."""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import aiohttp

_TRACE = re.compile(r"\b[0-9a-f]{32}\b")
_OF_THE_MOMENT = frozenset({"date", "trace-id", "traceresponse", "server"})


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, and how long it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def told(self, mentioned: Iterable[str]) -> str:
        """Return status, headers and body without what the request named, trace ids and times."""
        lines = [f"{self.status}"]
        lines += sorted(
            f"{name.lower()}: {value}"
            for name, value in self.headers.items()
            if name.lower() not in _OF_THE_MOMENT
        )
        text = "\n".join([*lines, self.body.decode(errors="replace")])
        for word in sorted(set(mentioned), key=len, reverse=True):
            text = text.replace(word, "…")
        return _TRACE.sub("…", text)

    def shows(self, secrets: Iterable[str], mentioned: Iterable[str]) -> list[str]:
        """Return which of these words stand in it though the request did not name them."""
        asked = set(mentioned)
        text = self.body.decode(errors="replace") + "\n".join(map(str, self.headers.items()))
        return [word for word in secrets if word not in asked and word in text]


@dataclass(frozen=True, slots=True)
class Wire:
    """Sends requests with any token, once."""

    session: aiohttp.ClientSession

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | None
    ) -> Answer:
        """Ask; of a stream only the beginning is read."""
        began = time.perf_counter()
        async with self.session.request(method, url, headers=headers, data=data) as answer:
            stream = answer.content_type == "text/event-stream"
            body = b"" if stream else await answer.read()
            return Answer(answer.status, answer.headers, body, time.perf_counter() - began)
