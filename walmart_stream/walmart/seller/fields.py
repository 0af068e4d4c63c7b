"""Single values of the seller side's answers, which drift in spelling, type and wrapping. Pure.

What cannot be read is ``None``: one odd value must not cost the item that it belongs to.
"""

from __future__ import annotations

import re
from typing import Any

from walmart_stream.domain.errors import BadNumber
from walmart_stream.domain.reading.amounts import MAX_TEXT, decimal_of
from walmart_stream.domain.reading.seller_values import (
    fields,
    flag,
    is_nothing,
    price,
    shipping,
    spelling,
    text,
)
from walmart_stream.domain.reading.texts import unescape
from walmart_stream.walmart.errors import MalformedResponse

__all__ = [
    "count",
    "document",
    "dollars",
    "fields",
    "flag",
    "is_nothing",
    "objects",
    "plain",
    "price",
    "real",
    "shipping",
    "spelling",
    "text",
    "texts",
]

# Characters. Titles and descriptions have some hundreds, and Python makes an error of a character
# that is given as a number of more than 4,300 digits.
LONGEST_PLAIN = 4_000

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


def plain(value: Any) -> str | None:
    """Text as it is shown: without markup such as ``<mark>``, entities resolved."""
    found = text(value)
    if found is None:
        return None
    return unescape(_TAG.sub("", found[:LONGEST_PLAIN])).strip() or None


def texts(value: Any) -> tuple[str, ...]:
    """The texts in a list, or the one that came instead of a list."""
    entries = value if isinstance(value, list) else [value]
    return tuple(found for entry in entries if (found := text(entry)) is not None)


def dollars(amount: int) -> float:
    """*amount* cents as a JSON number: the decimal text of a price is exact."""
    return amount / 100


def count(value: Any) -> int | None:
    """A whole number that is not negative, also as text."""
    number = real(value)
    return int(number) if number is not None and number >= 0 and number.is_integer() else None


def real(value: Any) -> float | None:
    """A number, also as text, with or without a percent sign; digits are grouped as in amounts."""
    if isinstance(value, str):
        digits = value[: MAX_TEXT + 1].strip().removesuffix("%").strip()
        try:
            number = float(decimal_of(digits.removeprefix("-"), "number"))
        except BadNumber:
            return None
        value = -number if digits.startswith("-") else number
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e18 else None


def objects(value: Any, what: str) -> list[Any]:
    """The entries of a list; a lone object counts as one, nothing as none.

    Raises:
        MalformedResponse: *what* is something else.
    """
    if value is None:
        return []
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        raise MalformedResponse(f"{what}: must be a list, not {type(value).__name__}")
    return value


def document(value: Any, what: str) -> dict[str, Any]:
    """The fields of a whole answer.

    Raises:
        MalformedResponse: *what* is not an object.
    """
    if not isinstance(value, dict):
        raise MalformedResponse(f"{what}: must be an object, not {type(value).__name__}")
    return fields(value)
