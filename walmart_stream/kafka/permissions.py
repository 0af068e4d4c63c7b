"""Finds the permissions that this process's user lacks, as brokers report them; tries nothing.

Relies on, in aiokafka/admin/client.py: ``_send_request``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
    for_code,
)

from walmart_stream.kafka.acls import Acl, Resource, Role, role_acls
from walmart_stream.kafka.clients import admin_client
from walmart_stream.kafka.protocol import NOT_TOLD, GroupsRequest, TopicsRequest
from walmart_stream.settings import Settings

# A group's coordinator is chosen when somebody first asks for it.
ATTEMPTS_TIMEOUT = 30.0
ATTEMPT_INTERVAL = 0.5


class PermissionsError(Exception):
    """Some permission is missing; the message names all of them and what to do."""

    def __init__(self, missing: list[Acl]) -> None:
        self.missing = missing
        lines = "\n".join(f"  {acl}" for acl in missing)
        super().__init__(
            "its Kafka user lacks permissions; walmart-stream acl --role worker prints or creates "
            f"the ACLs:\n{lines}"
        )


async def require_permissions(settings: Settings) -> None:
    """Check that this user may do all that a worker does.

    Without TLS and login there is no user to give permissions to, and nothing is asked.

    Raises:
        PermissionsError: something is missing.
        KafkaError, OSError: the brokers cannot be reached or asked.
    """
    if settings.kafka_security_protocol == "PLAINTEXT":
        return
    missing = await missing_permissions(settings, role_acls(settings, Role.WORKER))
    if missing:
        raise PermissionsError(missing)


async def missing_permissions(settings: Settings, needed: Iterable[Acl]) -> list[Acl]:
    """Those of *needed* that the user of *settings* does not have.

    Of a topic that does not exist, only whether it may be seen is known; what a broker does not
    say counts as allowed.

    Raises:
        KafkaError, OSError: the brokers cannot be reached or asked.
    """
    needed = list(needed)
    deadline = time.monotonic() + ATTEMPTS_TIMEOUT
    while True:
        try:
            async with admin_client(settings) as admin:
                allowed = await _allowed(admin, needed)
            return [acl for acl in needed if not _includes(allowed[acl.resource, acl.name], acl)]
        except KafkaConnectionError:
            raise
        except KafkaError as exc:
            if not exc.retriable or time.monotonic() > deadline:
                raise
        await asyncio.sleep(ATTEMPT_INTERVAL)


async def _allowed(
    admin: AIOKafkaAdminClient, needed: list[Acl]
) -> dict[tuple[Resource, str], int]:
    """For each resource what Kafka says may be done with it: bit n is operation number n."""
    allowed = {(acl.resource, acl.name): NOT_TOLD for acl in needed}
    names = sorted({acl.name for acl in needed if acl.resource is Resource.TOPIC})
    response: Any = await admin._send_request(TopicsRequest(names))
    for error_code, name, _, _, operations in response.topics:
        if error_code == TopicAuthorizationFailedError.errno:
            operations = 0
        allowed[Resource.TOPIC, name] = operations
    for group in {acl.name for acl in needed if acl.resource is Resource.GROUP}:
        allowed[Resource.GROUP, group] = await _allowed_in_group(admin, group)
    return allowed


async def _allowed_in_group(admin: AIOKafkaAdminClient, group: str) -> int:
    try:
        coordinator = await admin.find_coordinator(group)
    except GroupAuthorizationFailedError:
        return 0
    response: Any = await admin._send_request(GroupsRequest([group]), coordinator)
    [(error_code, *_, operations)] = response.groups
    error = for_code(error_code)
    if error is GroupAuthorizationFailedError:
        return 0
    if error.errno != 0:
        raise error(group)
    allowed: int = operations
    return allowed


def _includes(allowed: int, acl: Acl) -> bool:
    return allowed == NOT_TOLD or bool(allowed >> acl.operation & 1)
