"""What an integrator copies and pastes to read its Kafka mailbox: addresses, settings, kcat."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from shlex import quote
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.notify.store.subscriptions import StoredSubscription
from shared.chain import Lane
from shared.events.types import AGENCIES
from shared.ids import AgencyId

_SCOPE = "documents.receive"
_LOGIN = "org.apache.kafka.common.security.oauthbearer."
_ALLOWED = "-Dorg.apache.kafka.sasl.oauthbearer.allowed."
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SECRET = "$LIENTHONG_SECRET"  # noqa: S105 (the name of a variable)
KEY = "/path/to/private.pem"


@dataclass(frozen=True, slots=True)
class Doors:
    """What a reader of Kafka needs of the rest of the exchange."""

    token_endpoint: str
    audience: str
    protocol: Literal["SASL_PLAINTEXT", "SASL_SSL"] = "SASL_PLAINTEXT"


class Security(BaseModel):
    """How to log in: the same token as for REST."""

    protocol: Literal["SASL_PLAINTEXT", "SASL_SSL"]
    mechanism: Literal["OAUTHBEARER"] = "OAUTHBEARER"
    token_endpoint: str
    scope: str
    audience: str
    """`aud` of the token; it is the default, so it need not be asked for."""


class ClientSettings(BaseModel):
    """Settings of Kafka clients, as each names them."""

    java: dict[str, str]
    """`kafka-clients` ≥ 4.4, which signs its own client assertion (`private_key_jwt`)."""
    java_with_secret: dict[str, str]
    """`kafka-clients` ≥ 4.1, with a client secret."""
    java_options: str
    """What the JVM has to be told: no address is asked and no file read that is not named."""
    librdkafka: dict[str, str]
    """librdkafka ≥ 2.11 (kcat, confluent-kafka, .NET, Go, PHP), which signs its own assertion.

    With an RS256 key: what it signs by ES256 is not what RFC 7518 says.
    """
    librdkafka_with_secret: dict[str, str]
    """librdkafka ≥ 2.0, with a client secret."""
    aiokafka: dict[str, str | bool]
    """Beside `sasl_oauth_token_provider`, an `AbstractTokenProvider` that returns our token."""


class Start(BaseModel):
    """The last entry of a lane that may be missing on the topic: read up to it by `GET /v1/inbox`.

    Entries around it may come both ways; agency, lane and sequence tell them apart.
    """

    agency: str
    lane: Lane
    sequence: int


class KafkaMailbox(BaseModel):
    """Everything to connect."""

    bootstrap: str
    topic: str
    agencies_topic: str
    group_prefix: str
    """Every consumer group of this system begins so."""
    security: Security
    kcat: str = Field(
        description="One line that shows what stands on the topic; with an RS256 key."
    )
    kcat_with_secret: str
    settings: ClientSettings
    starts_after: list[Start]


class Subscription(BaseModel):
    """A subscription of a system."""

    id: UUID
    kind: Literal["kafka"]
    state: Literal["pending", "ready", "ended"]
    version: int
    created_at: datetime
    ready_at: datetime | None
    ended_at: datetime | None
    ended_because: str | None
    """`asked`, `revoked` (the system may not receive any more), `agency_removed` (it lost one)."""
    kafka: KafkaMailbox | None = None


def show(found: StoredSubscription, doors: Doors, codes: Mapping[AgencyId, str]) -> Subscription:
    """Return a subscription as its system sees it; how to connect only while it is ready."""
    kafka = None
    if found.state == "ready" and found.bootstrap is not None:
        kafka = _mailbox(found, found.bootstrap, doors, codes)
    return Subscription(
        id=found.id,
        kind="kafka",
        state=found.state,
        version=found.version,
        created_at=found.created_at,
        ready_at=found.ready_at,
        ended_at=found.ended_at,
        ended_because=found.ended_because,
        kafka=kafka,
    )


def _mailbox(
    found: StoredSubscription, bootstrap: str, doors: Doors, codes: Mapping[AgencyId, str]
) -> KafkaMailbox:
    client, prefix = found.client_id, f"{found.client_id}."
    by_key = _librdkafka(client, bootstrap, doors, with_secret=False)
    by_secret = _librdkafka(client, bootstrap, doors, with_secret=True)
    return KafkaMailbox(
        bootstrap=bootstrap,
        topic=found.topic,
        agencies_topic=AGENCIES,
        group_prefix=prefix,
        security=Security(
            protocol=doors.protocol,
            token_endpoint=doors.token_endpoint,
            scope=_SCOPE,
            audience=doors.audience,
        ),
        kcat=_kcat(found.topic, bootstrap, by_key),
        kcat_with_secret=_kcat(found.topic, bootstrap, by_secret),
        settings=ClientSettings(
            java=_java(client, bootstrap, doors, with_secret=False),
            java_with_secret=_java(client, bootstrap, doors, with_secret=True),
            java_options=f"{_ALLOWED}urls={doors.token_endpoint} {_ALLOWED}files={KEY}",
            librdkafka={**by_key, "group.id": f"{prefix}reader"},
            librdkafka_with_secret={**by_secret, "group.id": f"{prefix}reader"},
            aiokafka={
                "bootstrap_servers": bootstrap,
                "security_protocol": doors.protocol,
                "sasl_mechanism": "OAUTHBEARER",
                "group_id": f"{prefix}reader",
                "enable_auto_commit": False,
                "auto_offset_reset": "earliest",
            },
        ),
        starts_after=[
            Start(agency=codes[agency], lane=lane, sequence=sequence)
            for agency, lane, sequence in found.starts
            if agency in codes
        ],
    )


def _librdkafka(client: str, bootstrap: str, doors: Doors, *, with_secret: bool) -> dict[str, str]:
    common = {
        "bootstrap.servers": bootstrap,
        "security.protocol": doors.protocol,
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.token.endpoint.url": doors.token_endpoint,
        "sasl.oauthbearer.scope": _SCOPE,
    }
    if with_secret:
        return common | {
            "sasl.oauthbearer.client.id": client,
            "sasl.oauthbearer.client.secret": SECRET,
        }
    grant = {"sasl.oauthbearer.grant.type": _JWT_BEARER}
    return common | grant | _assertion(client, doors, algorithm="RS256")


def _assertion(client: str, doors: Doors, *, algorithm: str) -> dict[str, str]:
    return {
        "sasl.oauthbearer.assertion.private.key.file": KEY,
        "sasl.oauthbearer.assertion.algorithm": algorithm,
        "sasl.oauthbearer.assertion.claim.iss": client,
        "sasl.oauthbearer.assertion.claim.sub": client,
        "sasl.oauthbearer.assertion.claim.aud": doors.token_endpoint,
        "sasl.oauthbearer.assertion.claim.exp.seconds": "60",
        "sasl.oauthbearer.assertion.claim.jti.include": "true",
    }


def _kcat(topic: str, bootstrap: str, settings: Mapping[str, str]) -> str:
    named = " ".join(
        f'-X {name}="{SECRET}"' if value == SECRET else f"-X {quote(f'{name}={value}')}"
        for name, value in settings.items()
        if name != "bootstrap.servers"
    )
    shown = r"'%k %h\n%s\n'"
    return f"kcat -C -b {quote(bootstrap)} -t {quote(topic)} -o beginning -f {shown} {named}"


def _java(client: str, bootstrap: str, doors: Doors, *, with_secret: bool) -> dict[str, str]:
    common = {
        "bootstrap.servers": bootstrap,
        "group.id": f"{client}.reader",
        "enable.auto.commit": "false",
        "auto.offset.reset": "earliest",
        "security.protocol": doors.protocol,
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.jaas.config": f"{_LOGIN}OAuthBearerLoginModule required;",
        "sasl.login.callback.handler.class": f"{_LOGIN}OAuthBearerLoginCallbackHandler",
        "sasl.oauthbearer.token.endpoint.url": doors.token_endpoint,
        "sasl.oauthbearer.scope": _SCOPE,
    }
    if with_secret:
        return common | {
            "sasl.oauthbearer.client.credentials.client.id": client,
            "sasl.oauthbearer.client.credentials.client.secret": SECRET,
        }
    named = {"sasl.oauthbearer.client.credentials.client.id": client}
    return common | named | _assertion(client, doors, algorithm="ES256")
