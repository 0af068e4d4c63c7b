"""Idempotent writes: ``_id`` decides, and for current state only a newer one is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    PyMongoError,
    WriteConcernError,
)

from walmart_stream.storage.documents import (
    OFFERS,
    PRICE_CHANGES,
    PRICE_WINDOWS,
    change_document,
    offer_document,
    window_document,
)
from walmart_stream.storage.sealed import UNSEALED, FieldSeal

DUPLICATE_KEY = 11000
BULK = 1000


@dataclass(slots=True)
class Results:
    """The documents of a batch of results, by ``_id``; of current state only the newest.

    ``latest`` holds, per offer, the change that its document will be made of.
    """

    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    latest: dict[str, tuple[datetime, Mapping[str, Any]]] = field(default_factory=dict)
    windows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add_change(self, fields: Mapping[str, Any]) -> None:
        """Add a ``price_change`` event's fields.

        Raises:
            ValueError: a time in it is none.
        """
        change = change_document(fields)
        self.changes.setdefault(change["_id"], change)
        self._note(f"{change['item_id']}:{change['offer']}", change["observed_at"], fields)

    def offers(self) -> list[dict[str, Any]]:
        """The ``offers`` documents."""
        return [offer_document(fields) for _, fields in self.latest.values()]

    def add_window(self, fields: Mapping[str, Any]) -> None:
        """Add a ``window_closed`` event's fields."""
        self._close(window_document(fields))

    def merge(self, others: Results) -> None:
        """Add the *others*, which came later or of other items."""
        for name, change in others.changes.items():
            self.changes.setdefault(name, change)
        for place, (at, fields) in others.latest.items():
            self._note(place, at, fields)
        for window in others.windows.values():
            self._close(window)

    def __len__(self) -> int:
        """How many documents there are at most in a collection."""
        return max(len(self.changes), len(self.latest), len(self.windows))

    def _note(self, place: str, at: datetime, fields: Mapping[str, Any]) -> None:
        known = self.latest.get(place)
        if known is None or known[0] < at:
            self.latest[place] = at, fields

    def _close(self, window: dict[str, Any]) -> None:
        known = self.windows.get(window["_id"])
        if known is None or known["observations"] < window["observations"]:
            self.windows[window["_id"]] = window


async def store(database: Any, results: Results, seal: FieldSeal = UNSEALED) -> None:
    """Write *results* and return when a majority has them. Writing them again changes nothing.

    Raises:
        PyMongoError: see :func:`is_outage` for whether trying again can help.
    """
    changes, offers = list(results.changes.values()), results.offers()
    if seal.is_on:
        changes = [seal.seal(PRICE_CHANGES, doc) for doc in changes]
        offers = [seal.seal(OFFERS, doc) for doc in offers]
    await asyncio.gather(
        _insert(database[PRICE_CHANGES], changes),
        _bulk(database[OFFERS], (_if_newer(doc, "changed_at") for doc in offers)),
        _bulk(
            database[PRICE_WINDOWS],
            (_if_newer(doc, "observations") for doc in results.windows.values()),
        ),
    )


def is_outage(error: PyMongoError) -> bool:
    """Whether *error* says that the database is away, rather than that it refuses the write."""
    if isinstance(error, BulkWriteError):
        # Only write concern errors are left here: what was written may not be on a majority yet.
        return not refusals(error)
    if isinstance(error, (AutoReconnect, ConnectionFailure, ExecutionTimeout, WriteConcernError)):
        return True
    return error.has_error_label("RetryableWriteError")


def _if_newer(document: dict[str, Any], by: str) -> UpdateOne:
    # If the stored one is as new, the filter misses it and the upsert runs into its _id:
    # a duplicate key, which means that nothing is to be done.
    fields = document.copy()
    named = fields.pop("_id")
    return UpdateOne({"_id": named, by: {"$lt": document[by]}}, {"$set": fields}, upsert=True)


async def _insert(collection: Any, documents: list[dict[str, Any]]) -> None:
    for first in range(0, len(documents), BULK):
        with _passing_over_duplicates():
            await collection.insert_many(documents[first : first + BULK], ordered=False)


async def _bulk(collection: Any, operations: Iterable[Any]) -> None:
    pending = list(operations)
    for first in range(0, len(pending), BULK):
        with _passing_over_duplicates():
            await collection.bulk_write(pending[first : first + BULK], ordered=False)


@contextmanager
def _passing_over_duplicates() -> Iterator[None]:
    try:
        yield
    except BulkWriteError as exc:
        if refusals(exc) or exc.details.get("writeConcernErrors"):
            raise


def refusals(error: BulkWriteError) -> list[Any]:
    """The failures in *error* that are not of an ``_id`` that is there already."""
    failures: list[Any] = error.details.get("writeErrors", [])
    return [failure for failure in failures if not _has_known_id(failure)]


def _has_known_id(failure: Mapping[str, Any]) -> bool:
    # Somebody may have made another unique index: what that refuses is not there.
    by_id = failure.get("keyPattern", {"_id": 1}) == {"_id": 1}
    return failure.get("code") == DUPLICATE_KEY and by_id
