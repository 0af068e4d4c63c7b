"""The one reader of amounts of US dollars: integer cents, rounded half-even from the decimal text.

Numbers are dollars. So are texts in every form that can mean one amount only:

==========================  ================================================================
``24.97``, ``.5``, ``2e1``  digits with a decimal point, as JSON or a spreadsheet writes them
``1,234.50``, ``1,234``     a comma before each three digits of a proper group, none elsewhere
``1.234,50``, ``24,97``     a decimal comma, which one or two digits at the end give away; the
                            thousands then have points
``1 234.50``, ``1'234,50``  groups set apart by blanks or apostrophes, with either decimal sign
``$24.97``, ``USD 24.97``   any of these after ``$``, ``US$``, ``USD``, or before ``$``, ``USD``
==========================  ================================================================

One point alone is the decimal point, whatever follows it: so numbers are written everywhere that
this program reads from. Anything else is refused and never guessed: commas that group nothing
(``1,2,3.00``), other currencies, signs, words. The bound on length comes first.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from walmart_stream.domain.errors import BadNumber, WrongShape

# A hundred million dollars: no price is larger. Up to here a double times 100 is exact to far
# better than the 0.01 cent that the test for doubtful cases below relies on, and price and shipping
# times the milliseconds of the widest window (a week) fit into the 64 bits of a stored number.
MAX_CENTS = 10_000_000_000

# Characters of a text that can be an amount. A double written in full has 25; the rest is room
# for blanks. What is longer is refused before any pattern sees it.
MAX_TEXT = 100

_CENT = Decimal("0.01")

# A mark of dollars before or after the digits, not both.
_MARK_BEFORE = re.compile(r"(?:US ?\$|USD ?\$?|\$) ?", re.I)
_MARK_AFTER = re.compile(r" ?(?:US ?\$|USD|\$)\Z", re.I)
# What JSON calls a number, a little wider. Decimal alone would also take 1_0, full-width digits
# and NaN.
_PLAIN = re.compile(r"\+?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?", re.ASCII | re.I)
_GROUPED = re.compile(
    r"[1-9][0-9]{0,2}(?:"
    r"(?:,[0-9]{3})+(?:\.[0-9]+)?"
    r"|(?:\.[0-9]{3}){2,}|(?:\.[0-9]{3})+,[0-9]{1,2}"
    r"|(?:[ '’][0-9]{3})+(?:\.[0-9]+|,[0-9]{1,2})?"
    r")",
    re.ASCII,
)
_DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]{1,2}", re.ASCII)

# How tables and people write that there is nothing, and that nothing is charged.
_NOTHING = frozenset({"", "-", "--", "n/a", "na", "nan", "null", "none"})
_FREE = frozenset({"free", "free shipping"})
_BLANK = str.maketrans("\u00a0\u2007\u2009\u202f", "    ")


class Doubtful(Exception):
    """A double so near to half a cent that only the decimal text can tell how to round it."""


def cents(value: object, field: str, prefix: str = "") -> int | None:
    """*value* in cents; ``None`` where it is absent. Errors name *prefix* and *field*.

    Accepts int, float, Decimal, and text in the forms above. A float that lies on half a cent is
    not rounded, since the text it came from may have been longer than a double.

    Raises:
        Doubtful: decode the JSON again with decimals.
        BadNumber: negative, not finite, too large, ambiguous or not an amount.
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
    elif value.__class__ is str:
        rounded = _rounded(decimal_of(value, prefix + field), value, prefix + field)
    elif value.__class__ is Decimal:
        rounded = _rounded(value, value, prefix + field)
    else:
        raise WrongShape(f"{prefix}{field}: must be a number, not {type(value).__name__}")
    if not 0 <= rounded <= MAX_CENTS:
        raise _not_a_price(value, prefix + field)
    return rounded


def price_cents(value: object, field: str, prefix: str = "") -> int | None:
    """The price of an item: as :func:`cents`, and an amount of 0 is no price."""
    return cents(value, field, prefix) or None


def shipping_cents(value: object, field: str, prefix: str = "") -> int | None:
    """Shipping in cents: as :func:`cents`, and the word FREE is 0."""
    if value.__class__ is str and len(value) <= MAX_TEXT and value.strip().lower() in _FREE:
        return 0
    return cents(value, field, prefix)


def is_nothing(text: str) -> bool:
    """Whether *text*, in the place of an amount or a flag, says that there is none."""
    return len(text) <= MAX_TEXT and text.strip().lower() in _NOTHING


def decimal_of(text: str, field: str) -> Decimal:
    """The number in *text*, unrounded.

    Raises:
        BadNumber: it has none of the forms above, or is too long to have one.
    """
    if len(text) > MAX_TEXT:
        raise BadNumber(f"{field}: {text[:40]!r}… is longer than {MAX_TEXT} characters, no price")
    digits = text.translate(_BLANK).strip()
    marked = _MARK_BEFORE.match(digits) or _MARK_AFTER.search(digits)
    if marked is not None:
        digits = (digits[: marked.start()] + digits[marked.end() :]).strip()
    if _GROUPED.fullmatch(digits):
        mark = next(c for c in digits if not c.isdecimal())
        digits = digits.replace(mark, "").replace(",", ".")
    elif _DECIMAL_COMMA.fullmatch(digits):
        digits = digits.replace(",", ".")
    elif not _PLAIN.fullmatch(digits):
        raise _not_a_price(text, field)
    try:
        return Decimal(digits)
    except InvalidOperation:
        raise _not_a_price(text, field) from None


def _rounded(amount: Decimal, value: object, field: str) -> int:
    try:
        # Not finite or too large for the context is an invalid operation, too.
        rounded = amount.quantize(_CENT, ROUND_HALF_EVEN)
        if amount < 0:
            raise InvalidOperation
    except InvalidOperation:
        raise _not_a_price(value, field) from None
    return int(rounded.scaleb(2))


def _not_a_price(value: object, field: str) -> BadNumber:
    # Python refuses to write longer ones out.
    is_huge = isinstance(value, int) and value.bit_length() > 10_000
    shown = "a number of thousands of digits" if is_huge else str(value)[:40]
    return BadNumber(f"{field}: {shown!r} is not a price")
