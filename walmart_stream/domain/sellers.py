"""Names of sellers: shown as Walmart writes them, compared by what they are."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from walmart_stream.domain.offers import WALMART

# Each of these is Walmart itself, which answers name in either way.
_WALMART = frozenset({"walmart", "walmart.com", "www.walmart.com", "walmart inc", "walmart inc."})

# Nothing that is seen: zero-width blanks and joiners, soft hyphens, marks of direction.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


@lru_cache(maxsize=20_000)
def tidy(name: str) -> str:
    """The one spelling of *name* that names its offer: composed, with single blanks.

    Two spellings that look the same are the same: NFC and NFD, one blank or two. Walmart, however
    it is named, is ``Walmart.com``.
    """
    text = " ".join(_UNSEEN.sub("", unicodedata.normalize("NFC", name)).split())
    return WALMART if text.lower() in _WALMART else text


@lru_cache(maxsize=20_000)
def same_seller(one: str | None, other: str | None) -> bool:
    """Whether two names are of one seller; unknown (``None``) is the same as unknown only."""
    if one is None or other is None:
        return one is other
    return one == other or tidy(one).casefold() == tidy(other).casefold()
