"""The words by which items are found and sorted: names without case, accents and punctuation."""

from __future__ import annotations

import re
import unicodedata

# Characters. Names that differ only behind them are sorted by item id; index keys stay short.
LONGEST_KEY = 64
# Of a word; nobody types more of one.
LONGEST_WORD = 24
# Of a name; each costs an index key.
MOST_WORDS = 16

_WORD = re.compile(r"[^\W_]+")


def folded(text: str) -> str:
    """*text* without case and accents, characters in their plainest form."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(one for one in plain if not unicodedata.combining(one))


def folded_name(name: str | None) -> str | None:
    """The text that a name is sorted by; ``None`` where there is none."""
    if name is None:
        return None
    return " ".join(_WORD.findall(folded(name)))[:LONGEST_KEY] or None


def words_in(text: str) -> list[str]:
    """The words of *text*, each once, in order."""
    return list(dict.fromkeys(word[:LONGEST_WORD] for word in _WORD.findall(folded(text))))


def words_of(item_id: str, name: str | None) -> list[str]:
    """The words that an item is found by; its id is one of them."""
    return list(dict.fromkeys([item_id, *words_in(name or "")[:MOST_WORDS]]))
