"""Gives Kafka's users the passwords that are in files: ``kafka_users.py release worker …``.

It logs in as ``admin``, with the password of ``KAFKA_PASSWORD_FILE`` or, where the brokers do not
know that yet, with one of those before, which it then replaces. It ends when every broker lets
every user in. Repeating is harmless; a user's sessions go on.

Relies on, in aiokafka/admin/client.py: ``_send_request``. aiokafka has no request for users.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from walmart_stream.kafka.clients import admin_client
from walmart_stream.settings import Settings, load_settings

ADMIN = "admin"
SCRAM_SHA_512 = 2
# Kafka's least; the passwords are random, so that more of them would slow down nobody who guesses.
ITERATIONS = 4096
SALT_BYTES = 32
KNOWN_WITHIN = 60.0
LOOK_INTERVAL = 0.2


class AlterUserScramCredentialsResponse_v0(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class AlterUserScramCredentialsRequest_v0(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = AlterUserScramCredentialsResponse_v0
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(
                ("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)
            ),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class AlterUserScramCredentialsRequest(
    Request[AlterUserScramCredentialsRequest_v0]  # type: ignore[misc]
):
    """Set the passwords of users, by name. Brokers are told salted hashes only."""

    API_KEY = 51

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = passwords

    def build(
        self, request_struct_class: type[AlterUserScramCredentialsRequest_v0]
    ) -> AlterUserScramCredentialsRequest_v0:
        upsertions: list[tuple[Any, ...]] = []
        for name, password in self._passwords.items():
            salt = secrets.token_bytes(SALT_BYTES)
            salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
            upsertions.append((name, SCRAM_SHA_512, ITERATIONS, salt, salted, {}))
        return request_struct_class([], upsertions, {})


async def set_passwords(settings: Settings, passwords: Mapping[str, str]) -> None:
    """Give the users named in *passwords* theirs, as the user of *settings*.

    Raises:
        KafkaError: the brokers are away, do not let this user in, or refused one of the users.
    """
    async with admin_client(settings) as admin:
        response = await admin._send_request(AlterUserScramCredentialsRequest(passwords))
    for user, code, message, *_ in response.results:
        if code != 0:
            raise for_code(code)(f"{user}: {message or 'refused'}")


async def as_admin(settings: Settings, former: Sequence[str]) -> Settings:
    """*settings* with that password, its own or one of *former*, which the brokers take.

    Raises:
        KafkaError: they take none of them; what the last one failed of.
    """
    refusal: KafkaError | None = None
    own = settings.kafka_password
    assert own is not None
    for password in (own.get_secret_value(), *former):
        login = _login(settings, ADMIN, password)
        try:
            async with admin_client(login) as admin:
                await admin.describe_cluster()
        except KafkaError as exc:
            refusal = exc
        else:
            return login
    assert refusal is not None
    raise refusal


async def until_known(settings: Settings, name: str, password: str) -> None:
    """Wait until every broker lets *name* in: each learns of a change a moment later.

    Raises:
        TimeoutError: one does not within a minute.
    """
    async with asyncio.timeout(KNOWN_WITHIN):
        for broker in settings.kafka_brokers:
            login = _login(settings, name, password, kafka_brokers=(broker,))
            while not await _gets_in(login):  # noqa: ASYNC110 - nothing sets an Event
                await asyncio.sleep(LOOK_INTERVAL)


async def _gets_in(settings: Settings) -> bool:
    try:
        async with admin_client(settings):
            return True
    except KafkaError:
        return False


def _login(settings: Settings, name: str, password: str, **further: Any) -> Settings:
    fields = {"kafka_username": name, "kafka_password": password, **further}
    return Settings.model_validate(settings.model_dump() | fields)


async def run(settings: Settings, folder: Path, names: Sequence[str]) -> None:
    """Set the passwords of *names* and of ``admin`` to those of the files in *folder*."""
    files = {name: folder / f"kafka-{name}-password" for name in (*names, ADMIN)}
    passwords = {name: file.read_text(encoding="ascii").strip() for name, file in files.items()}
    former = (folder / "kafka-admin-passwords-before").read_text(encoding="ascii").split()
    await set_passwords(await as_admin(settings, former), passwords)
    for name, password in passwords.items():
        await until_known(settings, name, password)
        print(f"Kafka: {name} has its password")


if __name__ == "__main__":
    secrets_folder = Path(os.environ["KAFKA_PASSWORD_FILE"]).parent
    try:
        asyncio.run(run(load_settings(), secrets_folder, sys.argv[1:]))
    except (KafkaError, TimeoutError, OSError) as exc:
        sys.exit(f"Kafka: {type(exc).__name__}: {exc}")
