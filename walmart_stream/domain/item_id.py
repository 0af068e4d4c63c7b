"""Item ids as people and spreadsheets write them. Pure."""

from __future__ import annotations

import re

ITEM_ID = re.compile(r"[1-9][0-9]{0,19}")

# Longer than any address that is copied from a browser is bad input, before it is matched.
MAX_TEXT = 2_000

# A spreadsheet writes a long number as a fraction or as a formula, to keep its digits.
_WRITTEN = re.compile(r"""(?:=?"([0-9]+)"|'?([0-9]+)(?:\.0+)?)""")
_PAGE = re.compile(
    r"(?:https?://)?(?:www\.)?walmart\.com/ip/(?:[^/?#\s]+/)?([0-9]+)/?(?:[?#].*)?", re.IGNORECASE
)

RIGHT = "must be 1–20 digits without a leading zero, or the address of a walmart.com/ip/ page"


def item_id_in(text: str) -> str | None:
    """The item id in a cell or an address; ``None`` if there is none beyond doubt.

    Read are ``123``, ``123.0``, ``'123``, ``"123"``, ``="123"`` and ``walmart.com/ip/…/123``. A
    number in scientific notation has lost digits and is not one.
    """
    if len(text) > MAX_TEXT:
        return None
    text = text.strip()
    found = _WRITTEN.fullmatch(text)
    digits = (found[1] or found[2]) if found else None
    if digits is None and (page := _PAGE.fullmatch(text)):
        digits = page[1]
    return digits if digits is not None and ITEM_ID.fullmatch(digits) else None
