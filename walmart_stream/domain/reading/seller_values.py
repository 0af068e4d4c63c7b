"""Single values as the seller side spells them: columns, cells, amounts, yes and no. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from walmart_stream.domain import money
from walmart_stream.domain.errors import BadInput

# What tables and CSV files write where there is nothing.
_NOTHING = frozenset({"", "-", "--", "n/a", "na", "nan", "null", "none"})
_YES = frozenset({"yes", "y", "true", "1"})
_NO = frozenset({"no", "n", "false", "0"})
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


def flag(value: Any) -> bool | None:
    """Yes or no in any of the spellings of both."""
    word = str(value).strip().lower()
    return True if word in _YES else False if word in _NO else None


def is_nothing(value: str) -> bool:
    """Whether a cell of a file is empty, in any of the ways to say so."""
    return value.strip().lower() in _NOTHING
