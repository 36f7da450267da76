"""An access token by `private_key_jwt` (RFC 7523): `python examples/get_token.py sys-g22`."""

import json
import os
import sys
import time
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

import jwt  # PyJWT


def token(client_id: str, private_key: str, endpoint: str, scope: str) -> str:
    """Return a token that is good for 15 minutes at most. Raises HTTPError with the problem."""
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": endpoint, "iat": now, "exp": now + 60}
    assertion = jwt.encode(claims | {"jti": str(uuid.uuid4())}, private_key, algorithm="ES256")
    form = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    with urllib.request.urlopen(endpoint, urllib.parse.urlencode(form).encode()) as answer:
        return json.load(answer)["access_token"]


if __name__ == "__main__":
    run = Path(os.environ.get("LIENTHONG_RUN", ".run"))
    for row in json.loads((run / "clients.json").read_text(encoding="utf-8")):
        if row["client_id"] == sys.argv[1]:
            key = Path(row["private_key"]).read_text(encoding="ascii")
            print(token(row["client_id"], key, row["token_endpoint"], row["scope"]))
