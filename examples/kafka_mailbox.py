"""A system's Kafka mailbox, each event once in a database: pip install aiohttp aiokafka pyjwt.
GATEWAY=http://127.0.0.1:8080 CLIENT=sys-g22 KEY=key.pem python kafka_mailbox.py mailbox.db"""
# pyright: basic

import asyncio
import os
import sqlite3
import sys
import time
import uuid
from pathlib import Path

import aiohttp
import jwt
from aiokafka import AIOKafkaConsumer
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

GATEWAY, CLIENT = os.environ["GATEWAY"], os.environ["CLIENT"]
KEY = Path(os.environ["KEY"]).read_bytes()
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Tokens(AbstractTokenProvider):  # Kafka takes the token of REST, at each connection anew
    async def token(self) -> str:
        endpoint, now = f"{GATEWAY}/oauth/token", int(time.time())
        proof = {"iss": CLIENT, "sub": CLIENT, "aud": endpoint, "iat": now, "exp": now + 60}
        signed = jwt.encode(proof | {"jti": str(uuid.uuid4())}, KEY, "ES256")
        form = {"grant_type": "client_credentials", "scope": "documents.receive"}
        form |= {"client_assertion_type": ASSERTION, "client_assertion": signed}
        try:
            async with aiohttp.request("POST", endpoint, data=form, raise_for_status=True) as said:
                return str((await said.json())["access_token"])
        except aiohttp.ClientError as away:  # of all errors aiokafka tries again after this one
            raise KafkaConnectionError(f"no token: {away}") from away


async def subscribe() -> dict:  # asking again answers the same mailbox
    head = {"Authorization": f"Bearer {await Tokens().token()}"}
    head["Idempotency-Key"] = str(uuid.uuid4())
    async with aiohttp.ClientSession(GATEWAY, headers=head, raise_for_status=True) as http:
        path = (await http.post("/v1/subscriptions", json={"kind": "kafka"})).headers["Location"]
        while not (kafka := (await (await http.get(path)).json())["kafka"]):  # noqa: ASYNC110
            await asyncio.sleep(1)
        return kafka


async def main(database: sqlite3.Connection) -> None:
    database.execute("create table if not exists events (ce_id text primary key, value blob)")
    kafka = await subscribe()
    settings = kafka["settings"]["aiokafka"] | {"sasl_oauth_token_provider": Tokens()}
    async with AIOKafkaConsumer(kafka["topic"], **settings) as consumer:
        async for record in consumer:
            with database:  # a transaction; a record that comes again changes nothing
                event = dict(record.headers)["ce_id"].decode(), record.value
                database.execute("insert or ignore into events values (?, ?)", event)
            await consumer.commit()  # only now: after a death records come again, none is lost


asyncio.run(main(sqlite3.connect(sys.argv[1])))
