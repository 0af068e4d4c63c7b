"""Single values of the seller side's answers, which drift in spelling, type and wrapping. Pure.

What cannot be read is ``None``: one odd value must not cost the item that it belongs to.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from walmart_stream.domain import money
from walmart_stream.domain.errors import BadInput
from walmart_stream.walmart.errors import MalformedResponse

# What tables and CSV files write where there is nothing.
_NOTHING = frozenset({"", "-", "--", "n/a", "na", "nan", "null", "none"})
_YES = frozenset({"yes", "y", "true", "1"})
_NO = frozenset({"no", "n", "false", "0"})
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_DOLLARS = re.compile(r"(?:USD)?\s*\$?\s*([0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)\s*(?:USD)?", re.I)


def spelling(name: str) -> str:
    """The same text for ``Seller Item Price``, ``sellerItemPrice`` and ``seller_item_price``."""
    return "".join(c for c in name.lower() if c.isalnum())


def fields(entry: Any) -> dict[str, Any]:
    """The values of an object by the ``spelling`` of their keys; the first of a kind counts.

    Empty for what is no object.
    """
    found: dict[str, Any] = {}
    if isinstance(entry, Mapping):
        for name, value in entry.items():
            found.setdefault(spelling(str(name)), value)
    return found


def text(value: Any) -> str | None:
    """Text without blanks around it; numbers as text; nothing where there is none."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def plain(value: Any) -> str | None:
    """Text as it is shown: without markup such as ``<mark>``, entities resolved."""
    found = text(value)
    return None if found is None else html.unescape(_TAG.sub("", found)).strip() or None


def texts(value: Any) -> tuple[str, ...]:
    """The texts in a list, or the one that came instead of a list."""
    entries = value if isinstance(value, list) else [value]
    return tuple(found for entry in entries if (found := text(entry)) is not None)


def cents(value: Any) -> int | None:
    """US dollars in cents: a number, text such as ``$1,234.50``, or either as ``amount``.

    Rounded half-even. Of another currency: none, as cents of two currencies must not mix.
    """
    if isinstance(value, Mapping):
        found = fields(value)
        currency = text(found.get("currency"))
        return cents(found.get("amount")) if currency in (None, "USD") else None
    if isinstance(value, str):
        dollars = _DOLLARS.fullmatch(value.strip())
        value = value if dollars is None else dollars[1].replace(",", "")
    if isinstance(value, bool):
        return None
    try:
        try:
            return money.cents(value, "amount")
        except money.Doubtful:
            return money.cents(repr(value), "amount")
    except BadInput:
        return None


def dollars(amount: int) -> float:
    """*amount* cents as the JSON number that is due: the decimal text of a price is exact."""
    return amount / 100


def count(value: Any) -> int | None:
    """A whole number that is not negative, also as text."""
    number = real(value)
    return int(number) if number is not None and number >= 0 and number.is_integer() else None


def real(value: Any) -> float | None:
    """A number, also as text, with a percent sign or commas or without."""
    if isinstance(value, str):
        try:
            value = float(value.strip().removesuffix("%").replace(",", ""))
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e18 else None


def flag(value: Any) -> bool | None:
    """Yes or no in any of the spellings of both."""
    word = str(value).strip().lower()
    return True if word in _YES else False if word in _NO else None


def is_nothing(value: str) -> bool:
    """Whether a cell of a file is empty, in any of the ways to say so."""
    return value.strip().lower() in _NOTHING


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
        raise MalformedResponse(f"{what}: a list is due, not {type(value).__name__}")
    return value


def document(value: Any, what: str) -> dict[str, Any]:
    """The fields of a whole answer.

    Raises:
        MalformedResponse: *what* is not an object.
    """
    if not isinstance(value, dict):
        raise MalformedResponse(f"{what}: an object is due, not {type(value).__name__}")
    return fields(value)
