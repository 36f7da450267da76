"""Schemathesis against a running stack: generated requests, real tokens, answers as documented."""

import importlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok

# Its generic types have open parameters everywhere, of which strict checking would complain.
schemathesis: Any = importlib.import_module("schemathesis")
_promises: Any = importlib.import_module("schemathesis.specs.openapi.checks")
Case: TypeAlias = Any
APIOperation: TypeAlias = Any
Response: TypeAlias = Any

SEED = 20_261_126
TIMEOUT_S = 15
_LONGEST_WAIT_S = 20
_CHECKS: list[Any] = [
    schemathesis.checks.not_a_server_error,
    _promises.status_code_conformance,
    _promises.content_type_conformance,
    _promises.response_schema_conformance,
]
_NO_MATTER = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
_MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
_TOO_MANY = 429


@schemathesis.serializer("application/pdf")
def _as_it_is(_context: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@dataclass(frozen=True, slots=True)
class Subject:
    """How an operation is asked: with whose token, and about which objects."""

    token: str | None
    places: Mapping[str, str]
    """Living objects by the names of the path's parameters."""


@dataclass(slots=True)
class Findings:
    """What came of it."""

    operations: int = 0
    statuses: Counter[int] = field(default_factory=Counter[int])
    server_errors: list[str] = field(default_factory=list[str])
    undocumented: list[str] = field(default_factory=list[str])


def fuzz(
    document: Mapping[str, Any], gateway: str, subjects: Mapping[str, Subject], *, examples: int
) -> Findings:
    """Ask each operation that has a subject with `examples` good and as many bad requests.

    Deterministic but for ids. Every second request is about an object that is there, and names no
    agency that acts; the others are made up in these too.
    """
    config = schemathesis.Config.from_dict({"max-stream-events": 1})
    schema: Any = schemathesis.openapi.from_dict(dict(document), config=config)
    schema.config.update(base_url=gateway)
    found = Findings()
    with requests.Session() as session:
        for result in schema.get_all_operations():
            if not isinstance(result, Ok):
                found.undocumented.append(str(result.err()))
                continue
            operation: APIOperation = _inside(result)
            subject = subjects.get(operation.label)
            if subject is not None:
                found.operations += 1
                for mode in _MODES:
                    _ask(operation, mode, examples, _Asking(session, subject, found))
    return found


def _inside(result: Any) -> APIOperation:  # noqa: ANN401 (see above)
    return result.ok()


@dataclass(slots=True)
class _Asking:
    session: requests.Session
    subject: Subject
    found: Findings
    asked: int = 0
    waited: int = 0

    def ask(self, case: Case) -> None:
        self.asked += 1
        if self.asked % 2:
            known = case.path_parameters.keys() & self.subject.places.keys()
            case.path_parameters.update({name: self.subject.places[name] for name in known})
            case.headers.pop("On-Behalf-Of", None)  # made up, it names nobody
        response = self._send(case)
        self.found.statuses[response.status_code] += 1
        try:
            case.validate_response(response, checks=_CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                self._keep(case, response.status_code, failure)

    def _send(self, case: Case) -> Response:
        token = self.subject.token
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        while True:
            response = case.call(session=self.session, headers=headers, timeout=TIMEOUT_S)
            if response.status_code != _TOO_MANY or self.waited >= _LONGEST_WAIT_S:
                return response
            wait = int(response.headers.get("retry-after", ["1"])[0])
            self.waited += wait
            time.sleep(wait)  # noqa: TID251 (the server says how long)

    def _keep(self, case: Case, status: int, failure: BaseException) -> None:
        title = failure.title if isinstance(failure, Failure) else type(failure).__name__
        line = f"{case.operation.label}: {status}: {title}: {str(failure)[:600]}"
        kept = self.found.server_errors if status >= 500 else self.found.undocumented  # noqa: PLR2004
        kept.append(f"{line}\n    {case.as_curl_command()[:1500]}")


def _ask(operation: APIOperation, mode: GenerationMode, examples: int, asking: _Asking) -> None:
    @seeded(SEED)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=_NO_MATTER,
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Case) -> None:
        asking.ask(case)

    try:
        run()
    except Unsatisfiable:
        if mode is GenerationMode.POSITIVE:
            raise  # an operation without parameters has nothing that could be wrong
