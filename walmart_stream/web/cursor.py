"""Cursors: where a page ended, as text that callers pass back and need not understand."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime

import orjson

from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.domain.time import parse_iso, to_datetime, to_iso, to_ms
from walmart_stream.storage.all_changes import Moment
from walmart_stream.storage.item_queries import Place
from walmart_stream.storage.queries import Position
from walmart_stream.storage.rows import to_json
from walmart_stream.web.errors import BadRequest

CHANGED_AT = "changed_at"
# What a value may be, of the sorts that are not by number.
_KINDS: Mapping[str, tuple[type, ...]] = {
    "item_id": (str,),
    "name": (str, type(None)),
    "state": (str, type(None)),
    "holder": (str, type(None)),
    CHANGED_AT: (datetime, type(None)),
}


def of_item(item_id: str) -> str:
    """The cursor of a page that ended with this item."""
    return _encode([item_id])


def item_of(cursor: str) -> str:
    """The inverse of :func:`of_item`.

    Raises:
        BadRequest: it is no such cursor.
    """
    (item_id,) = _decode(cursor, 1)
    if not ITEM_ID.fullmatch(item_id):
        raise _bad()
    return item_id


def of_place(sort: str, place: Place) -> str:
    """The cursor of a page of items, sorted so, that ended here."""
    return _encode([sort, to_json(place.value).decode(), place.item_id])


def place_of(cursor: str, sort: str) -> Place:
    """The inverse of :func:`of_place`.

    Raises:
        BadRequest: it is no such cursor, or of another order.
    """
    given, value, item_id = _decode(cursor, 3)
    if given != sort:
        raise BadRequest("cursor: of a page that was sorted otherwise")
    if not ITEM_ID.fullmatch(item_id):
        raise _bad()
    try:
        found = orjson.loads(value)
        if found is not None and sort == CHANGED_AT:
            found = to_datetime(parse_iso(found))
    except (orjson.JSONDecodeError, TypeError, ValueError):
        raise _bad() from None
    if found.__class__ not in _KINDS.get(sort, (int, float, type(None))):
        raise _bad()
    return Place(found, item_id)


def of_position(position: Position) -> str:
    """The cursor of a page of an item's series that ended here."""
    return _encode([to_iso(to_ms(position.at)), position.offer])


def position_of(cursor: str) -> Position:
    """The inverse of :func:`of_position`.

    Raises:
        BadRequest: it is no such cursor.
    """
    at, offer = _decode(cursor, 2)
    try:
        return Position(to_datetime(parse_iso(at)), offer)
    except ValueError:
        raise _bad() from None


def of_moment(moment: Moment) -> str:
    """The cursor of a page of all changes that ended here."""
    return _encode([to_iso(to_ms(moment.at)), moment.name])


def moment_of(cursor: str) -> Moment:
    """The inverse of :func:`of_moment`.

    Raises:
        BadRequest: it is no such cursor.
    """
    return Moment(*position_of(cursor))


def _encode(parts: list[str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def _decode(cursor: str, length: int) -> list[str]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error, orjson.JSONDecodeError):
        raise _bad() from None
    if not isinstance(parts, list) or len(parts) != length:
        raise _bad()
    if not all(isinstance(part, str) for part in parts):
        raise _bad()
    return parts


def _bad() -> BadRequest:
    return BadRequest("cursor: not one that this endpoint gave")
