"""Writes of ``items``: read together, merged, and replaced unless another writer came in between.

Each document counts its writes. One that was written in between is looked at again: so whatever
number of writers there are, in whatever order and however often they write the same, nothing that
one of them knew is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pymongo import DESCENDING, DeleteOne, InsertOne, UpdateOne
from pymongo.errors import BulkWriteError

from walmart_stream.domain.recent import MOST_KEPT, appended
from walmart_stream.storage.documents import ITEMS, OFFERS, PRICE_CHANGES
from walmart_stream.storage.item_documents import EDITS, MADE, facets, merged
from walmart_stream.storage.refusals import refusals
from walmart_stream.storage.sealed import SEALED_FIELDS, UNREADABLE, UNSEALED, FieldSeal
from walmart_stream.storage.threads import in_thread

Document = Mapping[str, Any]
# Documents of items by id; of offers by item id and offer, opened.
Stored = dict[str, Document]
Offers = dict[str, dict[str, Document]]
Write = InsertOne[dict[str, Any]] | UpdateOne | DeleteOne

# Items that are read and written together.
BULK = 1000
# Documents of an answer. The server's own limit, a hundred, would make most answers two.
ALL = 100_000

# The newest changes of an item that is recreated. More than `recent` keeps
# of each line, in all but the strangest mixtures of offers.
MOST_READ = 400

# Of `recent`, the last entry of each list: nearly always, what is new comes after it and is
# appended. The lists are most of a document, and the slowest part to decode and to encode.
TAIL = {"$set": {f"recent.{name}": {"$slice": [f"$recent.{name}", -1]} for name in MOST_KEPT}}


def update_items(
    database: Any,
    changes: Mapping[str, Sequence[Document]],
    seal: FieldSeal = UNSEALED,
) -> None:
    """Bring the documents of the items in *changes* up to their stored offers.

    *database* is pymongo's; *changes*: by item id, the ``price_changes`` documents (opened) to add
    to the recent past.

    Raises:
        PyMongoError: see :func:`walmart_stream.storage.refusals.is_outage`.
    """
    names = list(changes)
    for first in range(0, len(names), BULK):
        waiting: Collection[str] = names[first : first + BULK]
        stored, offers = _tails(database, waiting, seal)
        is_tail = True
        while waiting:
            news = {name: changes[name] for name in waiting}
            writes = dict(_writes(stored, offers, news, seal, is_tail=is_tail))
            late = {name for name, write in writes.items() if write is None}
            waiting = late | _send(database, {name: one for name, one in writes.items() if one})
            if waiting:
                stored, offers = _stored(database, waiting), _offers(database, waiting, seal)
                is_tail = False


async def remake_items(database: Any, item_ids: Iterable[str], seal: FieldSeal = UNSEALED) -> None:
    """Rebuild the documents of *item_ids* from ``offers`` and ``price_changes``.

    Raises:
        PyMongoError: the database is away, or refuses it.
    """
    await in_thread(_remake_items, database.delegate, item_ids, seal)


def _remake_items(database: Any, item_ids: Iterable[str], seal: FieldSeal) -> None:
    for item_id in item_ids:
        waiting = {item_id}
        while waiting:
            # First: what is written after this, whoever writes it, makes the write miss.
            stored = _stored(database, waiting)
            changes = {item_id: _newest_changes(database, item_id, seal)}
            offers = _offers(database, waiting, seal)
            writes = dict(_writes(stored, offers, changes, seal, anew=True))
            waiting = _send(database, {name: one for name, one in writes.items() if one})


async def update_watched(
    database: Any, said: Mapping[str, tuple[int, Document]], *, anew: bool = False
) -> None:
    """Note what the watchlist says: by item id, the record's offset and ``watched`` and ``tags``.

    Only a later record's word is taken, or, *anew*, any. Items that were never observed get a
    document, too, if they are watched. Where nothing is said of tags, they stay.

    Raises:
        PyMongoError: see :func:`walmart_stream.storage.refusals.is_outage`.
    """
    await in_thread(_update_watched, database.delegate, said, anew)


def _update_watched(database: Any, said: Mapping[str, tuple[int, Document]], anew: bool) -> None:
    names = list(said)
    for first in range(0, len(names), BULK):
        waiting: Collection[str] = names[first : first + BULK]
        while waiting:
            stored = _stored(database, waiting)
            writes: dict[str, Write] = {}
            for name in waiting:
                old = stored.get(name)
                offset, fields = said[name]
                if old is None and not fields["watched"]:
                    continue
                known: Document = old or {}
                if not anew and known.get("watch_offset", -1) >= offset:
                    continue
                new = _watched(name, known, offset, fields)
                if any(_differs(known, key, value) for key, value in new.items()):
                    writes[name] = _write(name, old, new)
            waiting = _send(database, writes)


def _watched(name: str, known: Document, offset: int, said: Document) -> dict[str, Any]:
    tags = said.get("tags", known.get("tags", []))
    state = known.get("state")
    fields = {"item_id": name, "watched": said["watched"], "tags": tags, "watch_offset": offset}
    # A sealed state is bytes.
    return {**fields, "facets": facets(tags, state if isinstance(state, str) else None)}


def _writes(
    stored: Mapping[str, Document],
    offers: Mapping[str, Mapping[str, Document]],
    changes: Mapping[str, Sequence[Document]],
    seal: FieldSeal,
    *,
    anew: bool = False,
    is_tail: bool = False,
) -> Iterator[tuple[str, Write | None]]:
    """The writes that the *stored* documents need, by item id.

    *is_tail*: they were read with :data:`TAIL`. ``None``: that one has to be read as a whole.
    """
    for name, its_changes in changes.items():
        sealed, its_offers = stored.get(name), offers.get(name, {})
        old = None if sealed is None else seal.open(ITEMS, sealed)
        new = merged(old, name, its_offers, its_changes, anew=anew)
        tags = () if old is None else old.get("tags", ())
        new["facets"] = facets(tags, None if seal.is_on else new.get("state"))
        gone = [] if old is None else [key for key in MADE if key in old and key not in new]
        if UNREADABLE in (old or ()) or any(UNREADABLE in one for one in its_offers.values()):
            # Without the key nothing can be said of these: they stay as they are.
            new = {key: value for key, value in new.items() if key not in SEALED_FIELDS[ITEMS]}
            gone = []
        if old is None:
            if "revision" in new:
                yield name, _write(name, None, _sealed(name, new, seal))
            continue
        steps: Mapping[str, Sequence[Any]] = {}
        if is_tail and "revision" in old and "recent" in new:
            follow = appended(old["recent"], new.pop("recent"))
            if follow is None:
                yield name, None
                continue
            steps = follow
        if "revision" in gone and "watch_offset" not in old:
            yield name, DeleteOne({"_id": name, EDITS: old.get(EDITS)})
            continue
        # As in `_differs`, without a call for each field.
        new = {key: value for key, value in new.items() if key not in old or old[key] != value}
        if new or gone or steps:
            yield name, _write(name, sealed, _sealed(name, new, seal), gone, steps)


def _write(
    name: str,
    old: Document | None,
    fields: Mapping[str, Any],
    gone: Iterable[str] = (),
    steps: Mapping[str, Sequence[Any]] = MappingProxyType({}),
) -> Write:
    """The write of *fields*, without those *gone*, if the document still is the *old* one.

    *steps*: what to append to the lists of its ``recent``.
    """
    if old is None:
        return InsertOne({**fields, "_id": name, EDITS: 1})
    edits = old.get(EDITS, 0)
    values = {**fields, EDITS: edits + 1}
    values.pop("_id", None)
    update: dict[str, Any] = {"$set": values}
    if gone:
        update["$unset"] = dict.fromkeys(gone, "")
    if steps:
        update["$push"] = {
            f"recent.{key}": {"$each": entries, "$slice": -MOST_KEPT[key]}
            for key, entries in steps.items()
        }
    return UpdateOne({"_id": name, EDITS: edits or None}, update)


def _send(database: Any, writes: Mapping[str, Write]) -> set[str]:
    """Send *writes*; the names to merge again, because another writer came in between."""
    if not writes:
        return set()
    try:
        result = database[ITEMS].bulk_write(list(writes.values()), ordered=False)
    except BulkWriteError as exc:
        if refusals(exc) or exc.details.get("writeConcernErrors"):
            raise
        return set(writes)  # somebody made some of them meanwhile
    done = result.inserted_count + result.matched_count + result.deleted_count
    return set() if done == len(writes) else set(writes)


def _tails(database: Any, names: Collection[str], seal: FieldSeal) -> tuple[Stored, Offers]:
    """As :func:`_stored` with :data:`TAIL`, and :func:`_offers`, in one command."""
    among = {"$in": list(names)}
    offers = {"coll": OFFERS, "pipeline": [{"$match": {"item_id": among}}]}
    stages = [{"$match": {"_id": among}}, TAIL, {"$unionWith": offers}]
    found = list(database[ITEMS].aggregate(stages, batchSize=ALL))
    stored = {one["_id"]: one for one in found if "offer" not in one}
    for one in stored.values():
        if "revision" not in one:
            del one["recent"]  # It has none, or what TAIL made of none.
    return stored, _by_item([one for one in found if "offer" in one], seal)


def _stored(database: Any, names: Collection[str]) -> Stored:
    found = database[ITEMS].find({"_id": {"$in": list(names)}}, batch_size=ALL)
    return {one["_id"]: one for one in found}


def _offers(database: Any, names: Collection[str], seal: FieldSeal) -> Offers:
    found = database[OFFERS].find({"item_id": {"$in": list(names)}}, batch_size=ALL)
    return _by_item(found, seal)


def _by_item(offers: Iterable[Document], seal: FieldSeal) -> Offers:
    found: Offers = {}
    for one in offers:
        # Few have something to open, and every change of anything reads all of them.
        opened = seal.open(OFFERS, one) if "buy_box" in one else one
        found.setdefault(one["item_id"], {})[one["offer"]] = opened
    return found


def _newest_changes(database: Any, item_id: str, seal: FieldSeal) -> list[Document]:
    found = database[PRICE_CHANGES].find({"item_id": item_id})
    newest = found.sort([("observed_at", DESCENDING), ("offer", DESCENDING)]).limit(MOST_READ)
    return [seal.open(PRICE_CHANGES, one) for one in newest]


def _sealed(name: str, fields: dict[str, Any], seal: FieldSeal) -> dict[str, Any]:
    return seal.seal(ITEMS, {**fields, "_id": name}) if seal.is_on else fields


def _differs(old: Document, key: str, value: Any) -> bool:
    return key not in old or old[key] != value
