"""Connecting to MongoDB, and the indexes that the queries need."""

from __future__ import annotations

import warnings
from typing import Any

import pymongo
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, IndexModel, WriteConcern
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError

from walmart_stream.credentials import mongodb
from walmart_stream.credentials.redaction import Redactor
from walmart_stream.settings import Settings, SettingsError
from walmart_stream.storage.documents import (
    ALERT_DELIVERIES,
    ALERTS,
    DEAD_LETTERS,
    ITEMS,
    OFFERS,
    PRICE_CHANGES,
    PRICE_WINDOWS,
)

Document = dict[str, Any]

# Milliseconds. The driver waits for ever for an answer, and half a minute for a server; both would
# keep a partition from being handed over. MONGODB_URI may say otherwise.
DEFAULTS: dict[str, Any] = {
    "appName": "walmart-stream",
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 30_000,
}

# Journalled, too: a standalone server's majority is itself, and it may be killed.
MAJORITY = WriteConcern(w="majority", j=True)

# What a list of items can be sorted by, and the field that it is.
ITEM_SORTS = {
    "item_id": "_id",
    "name": "name_key",
    "changed_at": "changed_at",
    "own": "own.landed_cents",
    "best_rival": "best_rival.landed_cents",
    "featured": "featured.landed_cents",
    "marketplace": "marketplace.landed_cents",
    "gap_cents": "gap_cents",
    "gap_pct": "gap_pct",
    "state": "state",
    "holder": "holder",
}

INDEXES = {
    OFFERS: [IndexModel([("item_id", ASCENDING), ("offer", ASCENDING)])],
    PRICE_CHANGES: [
        IndexModel([("item_id", ASCENDING), ("observed_at", ASCENDING), ("offer", ASCENDING)]),
        # Of one offer, which may be one in hundreds of an item's changes.
        IndexModel([("item_id", ASCENDING), ("offer", ASCENDING), ("observed_at", ASCENDING)]),
        # Of all items together.
        IndexModel([("observed_at", ASCENDING), ("_id", ASCENDING)]),
    ],
    PRICE_WINDOWS: [
        IndexModel([("item_id", ASCENDING), ("start", ASCENDING), ("offer", ASCENDING)])
    ],
    ITEMS: [
        # The filter first, then the order, then what settles ties: see `facets`.
        *(
            IndexModel([("facets", ASCENDING), (field, ASCENDING), ("_id", ASCENDING)])
            for field in ITEM_SORTS.values()
            if field != "_id"
        ),
        IndexModel([("facets", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("words", ASCENDING), ("_id", ASCENDING)]),
    ],
    ALERTS: [
        IndexModel([("raised_at", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("item_id", ASCENDING), ("raised_at", DESCENDING), ("_id", DESCENDING)]),
        # By severity and state, of all, of a rule, and of the items with a tag.
        *(
            IndexModel(
                [
                    *((name, ASCENDING) for name in (*first, "severity", "state")),
                    ("raised_at", DESCENDING),
                    ("_id", DESCENDING),
                ]
            )
            for first in ((), ("rule",), ("tags",))
        ),
    ],
    ALERT_DELIVERIES: [
        IndexModel([("channel", ASCENDING), ("state", ASCENDING), ("next_at", ASCENDING)]),
        IndexModel([("alert", ASCENDING)]),
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0),
    ],
    DEAD_LETTERS: [
        IndexModel([("at", ASCENDING)]),
        # Each document says when: so the setting can change without the index.
        IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0),
    ],
}


def connect(settings: Settings) -> AsyncIOMotorClient[Document]:
    """A client of MONGODB_URI; it connects when it is first used. Times come back aware.

    Retryable writes stay on as the driver has them: it leaves them out where the server is a
    standalone one, which could not do them.

    Raises:
        SettingsError: MONGODB_URI, or a file that it names, is not usable.
    """
    uri = settings.mongodb_uri.get_secret_value()
    # Keyword arguments would win over the URI.
    given = mongodb.options(uri)
    options = {name: value for name, value in DEFAULTS.items() if name.lower() not in given}
    try:
        with warnings.catch_warnings():
            # The driver only warns of an option that it does not know, and does without it.
            warnings.simplefilter("error", UserWarning)
            return AsyncIOMotorClient(uri, tz_aware=True, **options)
    except (PyMongoError, ValueError, OSError, UserWarning) as exc:
        raise SettingsError([f"MONGODB_URI: {_unusable(exc, settings)}"]) from None


def _unusable(error: Exception, settings: Settings) -> str:
    readable = isinstance(error, ConfigurationError | OSError | UserWarning)
    if isinstance(error, InvalidURI) or not readable:
        # Where a character of the password ends it, the message quotes the rest as something else.
        return "no connection string; user and password in it must be percent-encoded"
    return Redactor(settings.secrets()).redact(str(error))


def database(
    client: AsyncIOMotorClient[Document], settings: Settings
) -> AsyncIOMotorDatabase[Document]:
    """The database of the results; a write returns when a majority has it in its journal."""
    return client.get_database(settings.mongodb_database, write_concern=MAJORITY)


# Seconds. An index of ten million documents takes minutes, one of a billion hours. The driver's
# limit for an answer would end the wait, and the build with it, after half a minute each time.
INDEX_PATIENCE = 86_400.0


async def create_indexes(database: AsyncIOMotorDatabase[Document]) -> None:
    """Create what is missing of :data:`INDEXES`; safe to repeat, and to do on several workers.

    It returns when all of them are built. A server that is away is noticed as soon as ever.

    Raises:
        PyMongoError: the database is away, or has an index of the same name that is another one.
    """
    with pymongo.timeout(INDEX_PATIENCE):
        for collection, indexes in INDEXES.items():
            await database[collection].create_indexes(indexes)
