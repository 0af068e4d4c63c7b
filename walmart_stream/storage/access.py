"""Whether MongoDB lets a worker in, asked before it begins to work; and outages in words."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import (
    ConfigurationError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from walmart_stream.settings import Settings
from walmart_stream.storage.documents import OFFERS
from walmart_stream.storage.mongo import INDEXES, Document, connect

# What a worker does to its collections, as MongoDB calls it. The role readWrite has all of it.
ACTIONS = frozenset({"find", "insert", "update", "createIndex"})

AUTHENTICATION_FAILED = (18, 8000)  # the second one is MongoDB Atlas's
UNAUTHORIZED = 13

logger = logging.getLogger(__name__)


class AccessRefused(Exception):
    """MongoDB does not let this client in, or not do its work; the message says what to do."""


async def require_access(settings: Settings) -> None:
    """Check that MongoDB lets us in, and do all that a worker does. Nothing is changed.

    A worker starts while the database is away.

    Raises:
        AccessRefused: the login, a certificate or a permission is not right, or the server too old.
        SettingsError: see :func:`connect`.
    """
    client = connect(settings)
    where = "MongoDB (MONGODB_URI)"
    try:
        status = await client.admin.command({"connectionStatus": 1, "showPrivileges": True})
        authentication = status["authInfo"]
        missing = _missing(authentication["authenticatedUserPrivileges"], settings.mongodb_database)
        if authentication["authenticatedUsers"] and missing:
            raise AccessRefused(
                f"{where}: its user may not {', '.join(sorted(missing))} in the database "
                f"{settings.mongodb_database}; the role readWrite of that database is enough"
            )
        # Without a login there are no privileges either, which is right where none is asked for.
        await client[settings.mongodb_database][OFFERS].find_one({}, {"_id": 1})
    except OperationFailure as exc:
        if exc.code in AUTHENTICATION_FAILED:
            raise AccessRefused(
                f"{where} refuses the login: check user, password and authSource"
            ) from None
        if exc.code == UNAUTHORIZED:
            raise AccessRefused(f"{where} lets nobody in without a login") from None
        logger.warning("MongoDB cannot say what it allows: %s", reason(exc))
    except ServerSelectionTimeoutError as exc:
        faults = _certificate_faults(client)
        if faults:
            raise AccessRefused(
                f"{where}: its certificate is not accepted: {'; '.join(faults)}; "
                "tlsCAFile names the authority that signs"
            ) from None
        logger.warning("MongoDB is away: %s", reason(exc))
    except ConfigurationError as exc:
        # The driver needs the release that we need.
        raise AccessRefused(f"{where}: {exc}") from None
    except PyMongoError as exc:
        logger.warning("MongoDB is away: %s", reason(exc))
    finally:
        client.close()


def _certificate_faults(client: AsyncIOMotorClient[Document]) -> list[str]:
    """Why no server can be trusted; empty if that is not why none could be used."""
    topology: Any = client.topology_description
    servers = topology.server_descriptions().values()
    faults = [str(server.error) for server in servers]
    if not all("certificate verify failed" in fault for fault in faults):
        return []
    return sorted({_brief(fault) for fault in faults})


def reason(error: PyMongoError) -> str:
    """The text of *error* without the driver's description of the servers."""
    words = f"{type(error).__name__}: {_brief(str(error))}"
    if "connection closed" in words:
        # The server says no more to whom it does not want to talk.
        words += " (it may want tls=true, or a client's certificate by tlsCertificateKeyFile)"
    return words


def _brief(words: str) -> str:
    for rest in (" (_ssl.c", " (configured timeouts", ", Timeout: "):
        words = words.partition(rest)[0]
    return words


def _missing(privileges: Iterable[Mapping[str, Any]], database: str) -> set[str]:
    """Those of :data:`ACTIONS` that are not allowed on all collections of the results."""
    allowed: dict[str, set[str]] = {collection: set() for collection in INDEXES}
    for privilege in privileges:
        resource = privilege["resource"]
        everywhere = resource.get("anyResource", False)
        for collection, actions in allowed.items():
            here = resource.get("db") in ("", database) and resource.get("collection") in (
                "",
                collection,
            )
            if here or everywhere:
                actions.update(privilege["actions"])
    return set().union(*(ACTIONS - actions for actions in allowed.values()))
