"""Money: integer cents, rounded half-even from the decimal text."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from walmart_stream.domain.errors import BadNumber, WrongShape

# A hundred million dollars: no price is larger. Up to here a double times 100 is exact to far
# better than the 0.01 cent that the test for doubtful cases below relies on, and price and shipping
# times the milliseconds of the widest window (a week) fit into the 64 bits of a stored number.
MAX_CENTS = 10_000_000_000

# What JSON calls a number, a little wider. Decimal alone would also take 1_0, full-width digits
# and NaN.
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)
_CENT = Decimal("0.01")


class Doubtful(Exception):
    """A double so near to half a cent that only the decimal text can tell how to round it."""


def cents(value: object, field: str, prefix: str = "") -> int | None:
    """*value* in cents; ``None`` where it is absent. Errors name *prefix* and *field*.

    Accepts what Walmart sends: int, float, decimal text. A float that lies on half a cent is not
    rounded, since the text it came from may have been longer than a double.

    Raises:
        Doubtful: decode the JSON again with decimals.
        BadNumber: negative, not finite, too large or not a number.
        WrongShape: neither number nor text.
    """
    if value.__class__ is float:
        scaled = value * 100
        if not 0 <= scaled <= MAX_CENTS:
            raise _not_a_price(value, prefix + field)
        rounded = int(scaled + 0.5)
        if -0.49 <= scaled - rounded <= 0.49:
            return rounded
        raise Doubtful
    if value is None:
        return None
    if value.__class__ is int:
        rounded = value * 100
    elif value.__class__ is str or value.__class__ is Decimal:
        rounded = _from_decimal(value, prefix + field)
    else:
        raise WrongShape(f"{prefix}{field}: a number is due, not {type(value).__name__}")
    if not 0 <= rounded <= MAX_CENTS:
        raise _not_a_price(value, prefix + field)
    return rounded


def _from_decimal(value: str | Decimal, field: str) -> int:
    try:
        if isinstance(value, str):
            if not _NUMBER.fullmatch(value):
                raise InvalidOperation
            value = Decimal(value)
        # Not finite or too large for the context is an invalid operation, too.
        rounded = value.quantize(_CENT, ROUND_HALF_EVEN)
        if value < 0:
            raise InvalidOperation
    except InvalidOperation:
        raise _not_a_price(value, field) from None
    return int(rounded.scaleb(2))


def _not_a_price(value: object, field: str) -> BadNumber:
    return BadNumber(f"{field}: {str(value)[:40]!r} is not a price")
