"""Tags of watched items: short words by which a seller groups them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Of an item. Each is in a dozen index keys of it.
MOST_TAGS = 10
# Characters: what fits beside a name.
LONGEST_TAG = 40

RIGHT = f"1–{LONGEST_TAG} letters and digits, with - _ . & + / and blanks between them"

# What may stand between letters and digits. No comma, semicolon or bar: lists are split there.
_SIGNS = frozenset(" -_.&+/")
_SPLIT = re.compile(r"[,;|\r\n]+")


def tag_of(text: str) -> str:
    """*text* as a tag: case, width and runs of blanks do not matter.

    Raises:
        ValueError: it is none; the message says what would be right.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    tag = " ".join(unicodedata.normalize("NFKC", plain).split())
    if not 1 <= len(tag) <= LONGEST_TAG or not all(_is_right(one) for one in tag):
        raise ValueError(f"a tag must be {RIGHT}")
    if not any(one.isalnum() for one in tag):
        raise ValueError(f"a tag must be {RIGHT}")
    return tag


def tags_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The tags in *texts*, each once, in order of their text.

    Raises:
        ValueError: one is none, or there are too many.
    """
    tags = tuple(sorted({tag_of(text) for text in texts}))
    if len(tags) > MOST_TAGS:
        raise ValueError(f"at most {MOST_TAGS} tags, not {len(tags)}")
    return tags


def tags_in(cell: str) -> tuple[str, ...]:
    """The tags in a cell of a file, separated by commas, semicolons, bars or line ends.

    Raises:
        ValueError: as :func:`tags_of`.
    """
    return tags_of(part for part in _SPLIT.split(cell) if part.strip())


def _is_right(character: str) -> bool:
    # Marks belong to the letters of many languages.
    return character.isalnum() or character in _SIGNS or unicodedata.category(character)[0] == "M"
