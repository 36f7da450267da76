"""Schemathesis with its checks against every operation, with real tokens and living objects."""

import importlib
from typing import Any

import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable

from tests.proof.fuzz.doors import Doors, Operation
from tests.proof.fuzz.tally import Shot, Tally
from tests.proof.fuzz.wire import HANG_S, Reply

# Its generic types have open parameters everywhere, of which strict checking would complain.
schemathesis: Any = importlib.import_module("schemathesis")
_promises: Any = importlib.import_module("schemathesis.specs.openapi.checks")
_failures: Any = importlib.import_module("schemathesis.core.failures")
_modes: Any = schemathesis.GenerationMode

CHECKS: list[Any] = [
    schemathesis.checks.not_a_server_error,
    _promises.status_code_conformance,
    _promises.content_type_conformance,
    _promises.response_headers_conformance,
    _promises.response_schema_conformance,
    _promises.missing_required_header,
    _promises.unsupported_method,
    _promises.ignored_auth,
]
"""Of those that look at one answer; which are left out, and why, decisions 79 and 97 say."""
_OF_BAD = [*CHECKS, _promises.negative_data_rejection]
_WITH_A_LIST = "GET /v1/agencies"
"""`code=0` is taken there for a number where a list is due; it comes as a good list of one text."""
_REFUSED = {"expected-statuses": ["4xx"]}
_NO_MATTER = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@schemathesis.serializer("application/pdf")
def _as_it_is(_context: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def generated(doors: Doors, tally: Tally, seed: int, examples: int) -> None:
    """Ask each operation with `examples` good and as many bad requests (blocking: a thread's)."""
    config = schemathesis.Config.from_dict(
        # However it is refused: a head may be too large, a version out of date.
        {"max-stream-events": 1, "checks": {"negative_data_rejection": _REFUSED}}
    )
    schema: Any = schemathesis.openapi.from_dict(dict(doors.document), config=config)
    schema.config.update(base_url=doors.gateway)
    ours = {operation.label: operation for operation in doors.operations}
    with requests.Session() as session:
        for result in schema.get_all_operations():
            operation = result.ok()
            asking = _Asking(doors, tally, session, ours[operation.label])
            asking.options(operation)
            for mode in (_modes.POSITIVE, _modes.NEGATIVE):
                _ask(operation, mode, seed, examples, asking)


class _Asking:
    """Asks one operation, and judges the answers."""

    def __init__(
        self, doors: Doors, tally: Tally, session: requests.Session, operation: Operation
    ) -> None:
        self._doors, self._tally, self._session = doors, tally, session
        self._operation, self._asked = operation, 0
        self._checks = CHECKS if operation.label == _WITH_A_LIST else _OF_BAD

    def ask(self, case: Any) -> None:  # noqa: ANN401 (see above)
        self._asked += 1
        if self._asked % 2:
            self._name_what_is_there(case)
        self._judge(case, self._checks)

    def _judge(self, case: Any, checks: list[Any]) -> None:  # noqa: ANN401
        by = self._doors.caller(self._operation)
        shot = Shot("schema", self._operation.label, "gateway", b"", by)
        try:
            response = case.call(
                session=self._session, headers=self._doors.bearer(by), timeout=HANG_S
            )
        except requests.Timeout:
            self._tally.hung(shot, f"no answer\n{case.as_curl_command()}")
            return
        names = {name.lower(): row[0] for name, row in response.headers.items()}
        self._tally.answered(shot, Reply(response.status_code, names, response.content))
        try:
            case.validate_response(response, checks=checks)
        except _failures.FailureGroup as group:
            for failure in group.exceptions:
                self._tally.broken("schema", f"{self._operation.label}: {failure}"[:600])

    def options(self, operation: Any) -> None:  # noqa: ANN401
        """Ask which methods its path has: what `Allow` says is what the document says."""
        places = {name: self._doors.places.get(name, "x") for name in self._operation.places}
        case = operation.Case(method="OPTIONS", path_parameters=places)
        self._judge(case, [_promises.allow_header_conformance])

    def _name_what_is_there(self, case: Any) -> None:  # noqa: ANN401
        """Name living objects, unless just the names are what has to be refused."""
        bad = {place.value for place, how in case.meta.components.items() if how.mode.is_negative}
        places = self._doors.places
        if "path" not in bad:
            known = case.path_parameters.keys() & places.keys()
            case.path_parameters.update({name: places[name] for name in known})
        if "header" not in bad:
            case.headers.pop("On-Behalf-Of", None)  # made up, it names nobody


def _ask(operation: Any, mode: Any, seed: int, examples: int, asking: _Asking) -> None:  # noqa: ANN401
    @seeded(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=_NO_MATTER,
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:  # noqa: ANN401
        asking.ask(case)

    try:
        run()
    except Unsatisfiable:
        if mode is _modes.POSITIVE:
            raise  # an operation without parameters has nothing that could be wrong
