"""``walmart-stream acl``: the ACLs of a role, as commands of Kafka's or as JSON, or made at once.

Relies on, in aiokafka/admin/client.py: ``_send_request``. aiokafka's admin client has no method for
ACLs, but its protocol has the request.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import orjson
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    UnsupportedVersionError,
    for_code,
)
from aiokafka.protocol.admin import CreateAclsRequest

from walmart_stream.kafka.acls import Acl
from walmart_stream.kafka.clients import admin_client
from walmart_stream.kafka.topic_check import tool
from walmart_stream.settings import Settings

# In Kafka's protocol.
_LITERAL = 3
_ALLOW = 3
_EVERY_HOST = "*"


def command(settings: Settings, principal: str, acl: Acl) -> str:
    """The ``kafka-acls`` command that makes one ACL."""
    return (
        f"{tool('kafka-acls', settings)} --add --allow-principal {shlex.quote(principal)} "
        f"--operation {acl.operation.kafka_name} --{acl.resource.name.lower()} {acl.name} "
        "--resource-pattern-type literal"
    )


def as_json(principal: str, acls: Iterable[Acl]) -> str:
    """All ACLs as one JSON array, with the names that Kafka has for the fields."""
    entries = [
        {
            "principal": principal,
            "host": _EVERY_HOST,
            "resourceType": acl.resource.name,
            "resourceName": acl.name,
            "patternType": "LITERAL",
            "operation": acl.operation.name,
            "permissionType": "ALLOW",
        }
        for acl in acls
    ]
    return orjson.dumps(entries, option=orjson.OPT_INDENT_2).decode()


async def apply(settings: Settings, principal: str, acls: Iterable[Acl]) -> None:
    """Make *acls*; those that are there stay. The user of *settings* must be allowed to.

    Raises:
        KafkaError, OSError: the broker refused one, which the message names, has no ACLs, or
            cannot be reached. Those before it have been made; repeating is harmless.
    """
    async with admin_client(settings) as admin:
        for acl in acls:
            request = CreateAclsRequest(
                acl.resource, acl.name, _LITERAL, principal, _EVERY_HOST, acl.operation, _ALLOW
            )
            try:
                with _without_logs("aiokafka.conn"):
                    response = await admin._send_request(request)
            except (IncompatibleBrokerVersion, UnsupportedVersionError, KafkaConnectionError):
                raise KafkaError(
                    f"{acl}: the broker does not answer requests for ACLs; it may lack them, "
                    "like the embedded one of local, or may have stopped"
                ) from None
            [(code, message)] = response.creation_responses
            if code != 0:
                error: KafkaError = for_code(code)(f"{acl}: {message or 'refused'}")
                raise error


@contextmanager
def _without_logs(logger: str) -> Iterator[None]:
    """Keeps a *logger* silent: a broker without ACLs breaks off, which is said in one sentence."""

    def none(record: logging.LogRecord) -> bool:
        return False

    chosen = logging.getLogger(logger)
    chosen.addFilter(none)
    try:
        yield
    finally:
        chosen.removeFilter(none)
