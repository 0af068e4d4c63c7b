"""How what MongoDB holds differs from what the raw topic comes to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import bson
from bson.codec_options import CodecOptions

from walmart_stream.audit.expected import Expected
from walmart_stream.audit.report import Comparison, Report
from walmart_stream.storage.documents import OFFERS, PRICE_CHANGES, PRICE_WINDOWS
from walmart_stream.storage.sealed import UNSEALED, FieldSeal

Documents = AsyncIterator[Mapping[str, Any]]

_UTC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


async def compare(expected: Expected, database: Any, seal: FieldSeal = UNSEALED) -> Report:
    """Compare *expected* with what *database* (motor) holds, streaming each collection once.

    A field that *seal* cannot open is a difference.
    """

    def stored(collection: str) -> Documents:
        return _stored(database[collection], collection, seal)

    moved: set[str] = set()
    windows = {**expected.required, **expected.allowed}
    collections = {
        PRICE_CHANGES: await _compare_changes(expected, stored(PRICE_CHANGES), moved),
        OFFERS: await _compare_offers(expected, stored(OFFERS), moved),
        PRICE_WINDOWS: await _compare_windows(expected, windows, stored(PRICE_WINDOWS), moved),
    }
    return Report(
        observations=expected.observations,
        bad=len(expected.bad),
        applied=expected.applied,
        duplicate=expected.duplicate,
        late=expected.late,
        silent=expected.silent,
        misplaced=expected.misplaced,
        pending=expected.pending,
        truncated=sorted(partition for partition, start in expected.starts.items() if start > 0),
        collections=collections,
    )


async def _stored(collection: Any, name: str, seal: FieldSeal) -> Documents:
    """The documents in the order of their ids."""
    cursor = collection.with_options(codec_options=_UTC).find({}, sort=[("_id", 1)])
    async for document in cursor:
        yield seal.open(name, document)


async def _compare_changes(expected: Expected, documents: Documents, moved: set[str]) -> Comparison:
    """*moved* gets the ids of the offers that changed after the log was read."""
    found = Comparison(expected=len(expected.changes))
    async for name, due, stored in _merged(expected.changes, documents, found):
        if stored is None:
            found.add_lost(name)
        elif due is not None:
            _compare_documents(found, name, due, stored)
        else:
            source = stored.get("source")
            place = source if isinstance(source, dict) else {}
            if expected.is_later(place.get("topic"), place.get("partition"), place.get("offset")):
                found.later += 1
                moved.add(f"{stored.get('item_id')}:{stored.get('offer')}")
            else:
                found.add_unexpected(name)
    return found


async def _compare_offers(expected: Expected, documents: Documents, moved: set[str]) -> Comparison:
    found = Comparison(expected=len(expected.offers))
    async for name, due, stored in _merged(expected.offers, documents, found):
        if stored is None:
            found.add_lost(name)
        elif name in moved:
            found.later += 1
        elif due is not None:
            _compare_documents(found, name, due, stored)
        else:
            found.add_unexpected(name)
    return found


async def _compare_windows(
    expected: Expected, windows: Mapping[str, bytes], documents: Documents, moved: set[str]
) -> Comparison:
    found = Comparison(expected=len(expected.required))
    async for name, due, stored in _merged(windows, documents, found):
        is_open = name in expected.allowed
        if stored is None:
            if not is_open:
                found.add_lost(name)
        elif due is None:
            if name.rpartition(":")[0] in moved:
                found.later += 1
            else:
                found.add_unexpected(name)
        elif is_open and _is_later_state(stored, due):
            found.later += 1
        elif not (is_open and _is_earlier_state(stored, due)):
            _compare_documents(found, name, due, stored)
    return found


async def _merged(
    expected: Mapping[str, bytes], documents: Documents, found: Comparison
) -> AsyncIterator[tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]]:
    """Every ``_id`` of either side with its expected and its stored document, in order of ids."""
    # MongoDB orders text by its bytes in UTF-8, which is the order of code points.
    ids = iter(sorted(expected))
    due = next(ids, None)
    async for stored in documents:
        found.stored += 1
        name = stored["_id"]
        if not isinstance(name, str):
            yield repr(name), None, stored
            continue
        while due is not None and due < name:
            yield due, bson.decode(expected[due], _UTC), None
            due = next(ids, None)
        if due == name:
            yield name, bson.decode(expected[name], _UTC), stored
            due = next(ids, None)
        else:
            yield name, None, stored
    while due is not None:
        yield due, bson.decode(expected[due], _UTC), None
        due = next(ids, None)


def _compare_documents(
    found: Comparison, name: str, due: Mapping[str, Any], stored: Mapping[str, Any]
) -> None:
    fields = _differing(due, stored)
    if fields:
        found.add_wrong(name, fields)


def _differing(due: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    absent = object()
    return [
        name
        for name in due.keys() | stored.keys()
        if not _is_equal(due.get(name, absent), stored.get(name, absent))
    ]


def _is_equal(due: Any, stored: Any) -> bool:
    """Equal in value and type: 5 is not 5.0 in the database, nor is 1 true."""
    if isinstance(due, dict) and isinstance(stored, dict):
        return not _differing(due, stored)
    return due.__class__ is stored.__class__ and bool(due == stored)


def _is_earlier_state(stored: Mapping[str, Any], due: Mapping[str, Any]) -> bool:
    """Whether *stored* can be an open window's close with fewer observations than *due* knows."""
    fixed = ("item_id", "offer", "start", "end")
    if stored.keys() != due.keys() or any(stored[name] != due[name] for name in fixed):
        return False
    count = stored["observations"]
    if not isinstance(count, int) or not 0 < count < due["observations"]:
        return False
    if not isinstance(stored["changes"], int) or not 0 <= stored["changes"] <= due["changes"]:
        return False
    if stored["open"] is None:
        return True
    return bool(
        stored["open"] == due["open"]
        and due["low"] <= stored["low"] <= stored["high"] <= due["high"]
    )


def _is_later_state(stored: Mapping[str, Any], due: Mapping[str, Any]) -> bool:
    count = stored.get("observations")
    return isinstance(count, int) and count > due["observations"]
