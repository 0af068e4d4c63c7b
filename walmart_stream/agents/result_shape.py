"""The shape of the results topic's values.

Only the processing agent writes there, but what the database refuses would be refused again by
every worker that takes over: one foreign record would stop the sink for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from walmart_stream.domain.errors import WrongShape

Types = tuple[type, ...]

_NULL = type(None)
_TEXT: Types = (str,)
_TEXT_OR_NULL: Types = (str, _NULL)
_INTEGER: Types = (int,)
_INTEGER_OR_NULL: Types = (int, _NULL)
_NUMBER: Types = (float,)
_NUMBER_OR_NULL: Types = (float, _NULL)
_FLAG: Types = (bool,)

_SOURCE = {"topic": _TEXT, "partition": _INTEGER, "offset": _INTEGER}
_PREVIOUS = {
    "price_cents": _INTEGER_OR_NULL,
    "shipping_cents": _INTEGER_OR_NULL,
    "landed_cents": _INTEGER_OR_NULL,
    "available": _FLAG,
    "seller": _TEXT_OR_NULL,
}
_BUY_BOX = {"holder": _TEXT, "seller": _TEXT_OR_NULL, "suppressed": _FLAG, "since": _TEXT}
_CHANGE = {
    "item_id": _TEXT,
    "offer": _TEXT,
    "name": _TEXT_OR_NULL,
    "seller": _TEXT_OR_NULL,
    "kinds": (list,),
    "price_cents": _INTEGER_OR_NULL,
    "shipping_cents": _INTEGER_OR_NULL,
    "landed_cents": _INTEGER_OR_NULL,
    "two_day_cents": _INTEGER_OR_NULL,
    "available": _FLAG,
    "previous": (dict, _NULL),
    "delta_cents": _INTEGER_OR_NULL,
    "delta_pct": _NUMBER_OR_NULL,
    "observed_at": _TEXT,
    "source": (dict,),
}
_WINDOW = {
    "item_id": _TEXT,
    "offer": _TEXT,
    "start": _TEXT,
    "end": _TEXT,
    "observations": _INTEGER,
    "changes": _INTEGER,
    "open": _INTEGER_OR_NULL,
    "high": _INTEGER_OR_NULL,
    "low": _INTEGER_OR_NULL,
    "close": _INTEGER_OR_NULL,
    "mean": _NUMBER_OR_NULL,
    "coverage": _NUMBER,
}

# JSON's integers have no limit; BSON's have 64 bits.
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


def check_change(fields: Mapping[str, Any]) -> None:
    """Raises WrongShape where a field of a ``price_change`` is missing or mistyped."""
    _check(fields, _CHANGE, "")
    if any(kind.__class__ is not str for kind in fields["kinds"]):
        raise WrongShape("kinds: a list of texts is due")
    _check_exactly(fields["source"], _SOURCE, "source")
    if fields["previous"] is not None:
        _check_exactly(fields["previous"], _PREVIOUS, "previous")
    if "buy_box" in fields:
        if fields["buy_box"].__class__ is not dict:
            raise WrongShape("buy_box: an object is due")
        _check_exactly(fields["buy_box"], _BUY_BOX, "buy_box")


def check_window(fields: Mapping[str, Any]) -> None:
    """Raises WrongShape where a field of a ``window_closed`` is missing or mistyped."""
    _check(fields, _WINDOW, "")


def _check_exactly(fields: Mapping[str, Any], types: Mapping[str, Types], where: str) -> None:
    # It is stored as it is, so that it must have no other fields.
    if fields.keys() != types.keys():
        raise WrongShape(f"{where}: the fields {', '.join(types)} are due")
    _check(fields, types, f"{where}.")


def _check(fields: Mapping[str, Any], types: Mapping[str, Types], prefix: str) -> None:
    for name, allowed in types.items():
        if name not in fields:
            raise WrongShape(f"{prefix}{name} is missing")
        value = fields[name]
        if value.__class__ not in allowed:
            due = " or ".join("null" if one is _NULL else one.__name__ for one in allowed)
            raise WrongShape(f"{prefix}{name}: {due} is due, not {type(value).__name__}")
        if value.__class__ is int and not _SMALLEST <= value <= _LARGEST:
            raise WrongShape(f"{prefix}{name}: more than 64 bits")
