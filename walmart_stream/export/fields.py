"""The fields of every kind of document that can be exported; CSV and Parquet are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from walmart_stream.storage.documents import ALERTS, OFFERS, PRICE_CHANGES, PRICE_WINDOWS
from walmart_stream.storage.sealed import SEALED_FIELDS, UNREADABLE


class Kind(Enum):
    """The type of a value."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    TIME = "time"
    TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a document. ``kind`` is a tuple of fields where it is a document itself.

    ``is_optional``: documents without it do not have it; in others, unknown is null.
    """

    name: str
    kind: Kind | tuple[Field, ...]
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """One kind of document.

    ``time`` is the field that spans of time are about. ``order`` names the fields of the index
    that the documents are read by, and so their order in the file.
    """

    name: str
    collection: str
    time: str
    order: tuple[str, ...]
    fields: tuple[Field, ...]


def _fields(kind: Kind, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, kind) for name in names)


def _optional(*fields: Field) -> tuple[Field, ...]:
    return tuple(Field(field.name, field.kind, is_optional=True) for field in fields)


_CENTS = _fields(Kind.INTEGER, "price_cents", "shipping_cents", "landed_cents")
_PLACE = (*_fields(Kind.TEXT, "topic"), *_fields(Kind.INTEGER, "partition", "offset"))
_SOURCE = Field("source", _PLACE)
_BUY_BOX = (
    *_fields(Kind.TEXT, "holder", "seller"),
    *_fields(Kind.FLAG, "suppressed"),
    *_fields(Kind.TIME, "since"),
)


_INSIGHTS = (
    *_fields(Kind.INTEGER, "suggested_cents"),
    *_fields(Kind.TEXT, "suggested_by"),
    *_fields(Kind.INTEGER, "competitor_cents", "box_price_cents", "box_landed_cents"),
    *_fields(Kind.NUMBER, "win_rate_by_views"),
    *_fields(Kind.FLAG, "competitive"),
    *_fields(Kind.TEXT, "fulfillment", "traffic"),
    *_fields(Kind.TIME, "since"),
)
_BADGES = (*_fields(Kind.FLAG, "wfs", "pro_seller"), *_fields(Kind.TEXT, "speed"))
_COMPARED = (Field("own", _BADGES), Field("winner", _BADGES), *_fields(Kind.TIME, "since"))


def _unreadable(collection: str) -> tuple[Field, ...]:
    """The reasons why sealed fields cannot be opened."""
    return _optional(Field(UNREADABLE, _optional(*_fields(Kind.TEXT, *SEALED_FIELDS[collection]))))


CHANGES = Exported(
    "changes",
    PRICE_CHANGES,
    "observed_at",
    ("item_id", "observed_at", "offer"),
    (
        *_fields(Kind.TEXT, "_id", "item_id", "offer"),
        *_fields(Kind.TIME, "observed_at"),
        *_fields(Kind.TEXTS, "kinds"),
        *_fields(Kind.TEXT, "seller"),
        *_CENTS,
        *_fields(Kind.FLAG, "available"),
        Field(
            "previous",
            (*_fields(Kind.TEXT, "seller"), *_CENTS, *_fields(Kind.FLAG, "available")),
        ),
        *_fields(Kind.INTEGER, "delta_cents"),
        *_fields(Kind.NUMBER, "delta_pct"),
        _SOURCE,
        *_optional(Field("buy_box", _BUY_BOX)),
        *_unreadable(PRICE_CHANGES),
    ),
)
CURRENT_OFFERS = Exported(
    "offers",
    OFFERS,
    "changed_at",
    ("item_id", "offer"),
    (
        *_fields(Kind.TEXT, "_id", "item_id", "offer", "name", "seller"),
        *_CENTS,
        *_fields(Kind.INTEGER, "two_day_cents"),
        *_fields(Kind.FLAG, "available"),
        *_fields(Kind.TIME, "changed_at"),
        *_fields(Kind.INTEGER, "revision"),
        *_optional(
            Field("buy_box", _BUY_BOX),
            Field("insights", _INSIGHTS),
            Field("compared", _COMPARED),
        ),
        *_unreadable(OFFERS),
    ),
)
WINDOWS = Exported(
    "windows",
    PRICE_WINDOWS,
    "start",
    ("item_id", "start", "offer"),
    (
        *_fields(Kind.TEXT, "_id", "item_id", "offer"),
        *_fields(Kind.TIME, "start", "end"),
        *_fields(Kind.INTEGER, "observations", "changes", "open", "high", "low", "close"),
        *_fields(Kind.NUMBER, "mean", "coverage"),
        # Windows that the first release began have none of these.
        *_optional(
            *_fields(Kind.INTEGER, "width_s"),
            *_fields(Kind.NUMBER, "known_for_s"),
            *_fields(Kind.FLAG, "carried"),
            *_fields(Kind.TIME, "seen_at", "since"),
        ),
    ),
)
RAISED_ALERTS = Exported(
    "alerts",
    ALERTS,
    "raised_at",
    ("raised_at", "_id"),
    (
        *_fields(Kind.TEXT, "_id", "rule", "item_id", "offer", "name", "severity", "state"),
        # Sealed, and then perhaps not opened.
        *_optional(*_fields(Kind.TEXT, "text")),
        *_fields(Kind.TIME, "started_at", "raised_at", "acknowledged_at", "closed_at"),
        *_fields(Kind.TEXTS, "channels"),
        # Alerts of the first releases have none.
        *_optional(*_fields(Kind.TEXTS, "tags")),
        _SOURCE,
        # Once it is closed.
        *_optional(Field("ended_by", _PLACE), *_fields(Kind.TEXT, "why")),
        *_unreadable(ALERTS),
    ),
)

EXPORTED = {kind.name: kind for kind in (CHANGES, CURRENT_OFFERS, WINDOWS, RAISED_ALERTS)}
