"""`python -m infra.provision`: roles, databases, Kafka's users, rights and topics, made anew."""

import asyncio
import sys

import asyncpg
from confluent_kafka import KafkaException

from infra.kafka.provision import provision as provision_kafka
from infra.postgres.provision import provision as provision_postgres
from infra.stack.folder import Folder
from infra.stack.trouble import Trouble

_TRIES = 50
_PAUSE = 0.2


async def provision(folder: Folder) -> None:
    """Make in PostgreSQL and Kafka what the services expect, as every start does; harmless again.

    Raises Trouble when one of them does not answer.
    """
    ports = folder.read("ports.json")
    if not {"postgres", "kafka"} <= ports.keys():
        raise Trouble(f"no stack in {folder.path}", f"{folder.hint('')} make up".strip())
    try:
        await provision_postgres(str(ports["postgres"]), folder.secret)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Trouble(f"PostgreSQL: {error}", "make start P=postgres") from error
    try:
        for _ in range(_TRIES):
            # What was only just asked for takes a moment to count.
            if await asyncio.to_thread(provision_kafka, str(ports["kafka"]), folder.secret):
                return
            await asyncio.sleep(_PAUSE)
    except (KafkaException, TimeoutError) as error:
        raise Trouble(f"Kafka: {error}", "make start P=kafka") from error
    raise Trouble("Kafka does not keep the rights that it is given", "make logs P=kafka")


def main() -> int:
    """Do it for the folder that LIENTHONG_RUN names."""
    try:
        asyncio.run(provision(Folder.here()))
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    print("provisioned: roles, databases, users, rights and topics are as they have to be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
