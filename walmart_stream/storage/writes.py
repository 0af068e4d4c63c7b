"""Idempotent writes: ``_id`` decides, and for current state only a newer one is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from walmart_stream.storage.documents import (
    OFFERS,
    PRICE_CHANGES,
    PRICE_WINDOWS,
    change_document,
    offer_document,
    revision_of,
    window_document,
)
from walmart_stream.storage.item_writes import update_items
from walmart_stream.storage.refusals import refusals
from walmart_stream.storage.sealed import UNSEALED, FieldSeal
from walmart_stream.storage.threads import beside, in_thread

BULK = 1000


@dataclass(slots=True)
class Results:
    """The documents of a batch of results, by ``_id``; of current state only the newest.

    ``latest`` holds, per offer, the event that its document will be made of, and its revision.
    """

    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    latest: dict[str, tuple[int, Mapping[str, Any]]] = field(default_factory=dict)
    windows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add_change(self, fields: Mapping[str, Any]) -> None:
        """Add a ``price_change`` event's fields.

        Raises:
            ValueError: a time in it is none.
        """
        change = change_document(fields)
        self.changes.setdefault(change["_id"], change)
        self.add_update(fields)

    def add_update(self, fields: Mapping[str, Any]) -> None:
        """Add an ``offer_updated`` event's fields.

        Raises:
            ValueError: a time in it is none.
        """
        self._note(f"{fields['item_id']}:{fields['offer']}", revision_of(fields), fields)

    def offers(self) -> list[dict[str, Any]]:
        """The ``offers`` documents."""
        return [offer_document(fields) for _, fields in self.latest.values()]

    def changes_of_items(self) -> dict[str, list[dict[str, Any]]]:
        """The changes of each item that some offer of is here."""
        found: dict[str, list[dict[str, Any]]] = {
            fields["item_id"]: [] for _, fields in self.latest.values()
        }
        for change in self.changes.values():
            found[change["item_id"]].append(change)
        return found

    def add_window(self, fields: Mapping[str, Any]) -> None:
        """Add a ``window_closed`` event's fields."""
        self._close(window_document(fields))

    def merge(self, others: Results) -> None:
        """Add the *others*, which came later or of other items."""
        for name, change in others.changes.items():
            self.changes.setdefault(name, change)
        for place, (revision, fields) in others.latest.items():
            self._note(place, revision, fields)
        for window in others.windows.values():
            self._close(window)

    def __len__(self) -> int:
        """How many documents there are at most in a collection."""
        return max(len(self.changes), len(self.latest), len(self.windows))

    def _note(self, place: str, revision: int, fields: Mapping[str, Any]) -> None:
        known = self.latest.get(place)
        if known is None or known[0] < revision:
            self.latest[place] = revision, fields

    def _close(self, window: dict[str, Any]) -> None:
        known = self.windows.get(window["_id"])
        if known is None or _window_order(known) < _window_order(window):
            self.windows[window["_id"]] = window


async def store(database: Any, results: Results, seal: FieldSeal = UNSEALED) -> None:
    """Write *results* and return when a majority has them. Writing them again changes nothing.

    Raises:
        PyMongoError: see :func:`walmart_stream.storage.refusals.is_outage` for whether trying again
            can help.
    """
    await in_thread(_store, database.delegate, results, seal)


def _store(database: Any, results: Results, seal: FieldSeal) -> None:
    changes, offers = list(results.changes.values()), results.offers()
    if seal.is_on:
        changes = [seal.seal(PRICE_CHANGES, doc) for doc in changes]
        offers = [seal.seal(OFFERS, doc) for doc in offers]
    others = [beside(_insert, database[PRICE_CHANGES], changes)]
    if results.windows:
        windows = list(results.windows.values())
        others.append(beside(_write_windows, database[PRICE_WINDOWS], windows))
    _write_offers(database[OFFERS], offers)
    for other in others:
        other.result()
    # Last, of what is stored by then: whoever comes last of several writers has seen all of it.
    update_items(database, results.changes_of_items(), seal)


def _newer_offer(document: dict[str, Any]) -> UpdateOne:
    """Insert *document*, or replace the stored one of its ``_id`` by it where that one is older.

    The condition is part of the update: MongoDB finds an ``_id`` alone without a plan.
    """
    fields = dict(sorted(document.items()))
    named, revision = fields.pop("_id"), fields["revision"]
    # The first release went by the time of the change.
    is_older = {"$cond": [{"$lte": ["$changed_at", fields["changed_at"]]}, revision - 1, revision]}
    stored = {"$ifNull": ["$revision", is_older]}
    newer = {"$mergeObjects": ["$$ROOT", {"$literal": fields}]}
    document = {"$cond": [{"$lt": [stored, revision]}, newer, "$$ROOT"]}
    return UpdateOne({"_id": named}, [{"$replaceWith": document}], upsert=True)


def _newer_window(document: dict[str, Any]) -> UpdateOne:
    """Replace the stored one of *document*'s ``_id`` by it where that one is older."""
    fields = document.copy()
    named, count = fields.pop("_id"), fields["observations"]
    unseen = {"seen_at": {"$exists": False}}
    if "seen_at" not in fields:
        older: dict[str, Any] = {**unseen, "observations": {"$lt": count}}
    else:
        # The first release went by what a window knew, and gave windows of all widths one id.
        older = {
            "$or": [
                {"seen_at": {"$lt": fields["seen_at"]}},
                {**unseen, "observations": {"$lte": count}},
                {**unseen, "end": {"$ne": fields["end"]}},
            ]
        }
    return UpdateOne({"_id": named, **older}, {"$set": fields})


def _window_order(document: Mapping[str, Any]) -> tuple[bool, Any]:
    """By what is known: as in :func:`_newer_window`."""
    if "seen_at" in document:
        return True, document["seen_at"]
    return False, document["observations"]


def _insert(collection: Any, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write *documents*; those whose ``_id`` was there, which stays as it is."""
    met: list[dict[str, Any]] = []
    for first in range(0, len(documents), BULK):
        part = documents[first : first + BULK]
        with _passing_over_duplicates() as indexes:
            collection.insert_many(part, ordered=False)
        met += [part[index] for index in indexes]
    return met


def _write_windows(collection: Any, documents: list[dict[str, Any]]) -> None:
    """Write *documents*: most windows close once, and an insert costs less than an upsert."""
    met = _insert(collection, documents)
    _update(collection, [_newer_window(doc) for doc in met])


def _write_offers(collection: Any, documents: Sequence[dict[str, Any]]) -> None:
    met = _update(collection, [_newer_offer(doc) for doc in documents])
    # Another writer inserted these in between. Now they are there.
    _update(collection, met)


def _update(collection: Any, operations: Sequence[UpdateOne]) -> list[UpdateOne]:
    """Have *operations* done; those whose ``_id`` another writer inserted at the same time.

    Raises:
        BulkWriteError: something else was refused, or a majority does not have it.
    """
    met: list[UpdateOne] = []
    for first in range(0, len(operations), BULK):
        part = operations[first : first + BULK]
        with _passing_over_duplicates() as indexes:
            collection.bulk_write(part, ordered=False)
        met += [part[index] for index in indexes]
    return met


@contextmanager
def _passing_over_duplicates() -> Iterator[list[int]]:
    """The list has the indexes of the writes that ran into an ``_id``, once they are made."""
    met: list[int] = []
    try:
        yield met
    except BulkWriteError as exc:
        if refusals(exc) or exc.details.get("writeConcernErrors"):
            raise
        met += [failure["index"] for failure in exc.details["writeErrors"]]
