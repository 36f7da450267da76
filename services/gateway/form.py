"""A token request's form, and the errors it may be answered with (RFC 6749 4.4.2 and 5.2)."""

import re
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse

NO_STORE = {"Cache-Control": "no-store"}
FORM_BYTES = 64 << 10
"""Of a token request: whoever sends it has proved nothing yet."""
_MOST_FIELDS = 50
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class OAuthError(Exception):
    """An error of RFC 6749 5.2 (RFC 8707 2 for `invalid_target`)."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        """Name the error and, for a person, what is wrong."""
        super().__init__(description)
        self.error, self.description, self.status = error, description, status

    def response(self) -> JSONResponse:
        """Render it; after a failed Basic authentication the challenge is due."""
        headers = dict(NO_STORE)
        if self.status == 401:  # noqa: PLR2004
            headers["WWW-Authenticate"] = 'Basic realm="lienthong"'
        body = {"error": self.error, "error_description": self.description}
        return JSONResponse(body, self.status, headers)


def parse_form(body: bytes) -> dict[str, str]:
    """Return the parameters of a token request. Raises OAuthError: none may come twice."""
    try:
        # Surrogates come through, so that a client id with one is `invalid_client` in the end.
        text = body.decode(errors="surrogatepass")
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="surrogatepass",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise OAuthError("invalid_request", "the body is not form-encoded") from None
    form = {name: value for name, value in pairs if value}
    if len({name for name, _ in pairs}) != len(pairs):
        if [name for name, _ in pairs].count("resource") > 1:
            raise OAuthError("invalid_target", "one resource at a time")
        raise OAuthError("invalid_request", "a parameter comes twice")
    if any(_UNSTORABLE.search(value) for name, value in form.items() if name != "client_id"):
        raise OAuthError("invalid_request", "NUL and lone surrogates are not allowed")
    return form
