"""Single values as the seller side spells them: columns, cells, amounts, yes and no. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from walmart_stream.domain.errors import BadInput, BadNumber
from walmart_stream.domain.reading import amounts
from walmart_stream.domain.reading.amounts import is_nothing as is_nothing

_YES = frozenset({"yes", "y", "true", "1"})
_NO = frozenset({"no", "n", "false", "0"})
# Characters of a word for yes or no with blanks around it.
_LONGEST_FLAG = 20


def spelling(name: str) -> str:
    """The same text for ``Seller Item Price``, ``sellerItemPrice`` and ``seller_item_price``."""
    return "".join(c for c in name.lower() if c.isalnum())


def fields(entry: Any) -> dict[str, Any]:
    """The values of an object by the ``spelling`` of their keys; the first of a kind counts.

    Empty for anything but an object.
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
    if isinstance(value, Decimal):
        # Longer ones do not count anything; writing them out could take for ever.
        value = float(value) if -20 < value.adjusted() < 20 else None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def amount_in(value: Any, field: str) -> Any:
    """The amount in *value*, which may be wrapped with its currency; ``None`` for "n/a" and such.

    Raises:
        BadNumber: it is of another currency than US dollars: cents of two must not mix.
    """
    if isinstance(value, Mapping):
        found = fields(value)
        if (text(found.get("currency")) or "USD").upper() != "USD":
            raise BadNumber(f"{field}.currency: must be USD")
        value = found.get("amount")
    return None if isinstance(value, str) and is_nothing(value) else value


def price(value: Any) -> int | None:
    """The price of an item in cents; ``None`` for 0 and for what cannot be read."""
    return _cents(value, amounts.price_cents)


def shipping(value: Any) -> int | None:
    """Shipping in cents, 0 where it is FREE; ``None`` where it cannot be read."""
    return _cents(value, amounts.shipping_cents)


def flag(value: Any) -> bool | None:
    """Yes or no in any of the spellings of both."""
    if not isinstance(value, str | bool | int) or (
        isinstance(value, str) and len(value) > _LONGEST_FLAG
    ):
        return None
    word = str(value).strip().lower()
    return True if word in _YES else False if word in _NO else None


def _cents(value: Any, read: Callable[[Any, str], int | None]) -> int | None:
    try:
        value = amount_in(value, "amount")
        try:
            return read(value, "amount")
        except amounts.Doubtful:
            return read(repr(value), "amount")
    except BadInput:
        return None
