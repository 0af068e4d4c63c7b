"""Texts of payloads: names, without markup and control characters."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from html.entities import html5

from walmart_stream.domain.errors import WrongShape

# Longer texts are cut: state, changelog and documents carry them, and Walmart's own limits for
# product and seller names are shorter.
MAX_NAME = 500
MAX_SELLER = 200

# The longest entity has 33 characters and stands for one: this much can become a name of
# MAX_NAME. What follows is cut before any pattern sees it.
_MOST_READ = 40 * MAX_NAME

# With its semicolon only: without, "Bed&times" would read as "Bed×".
_ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,7}|[A-Za-z][A-Za-z0-9]{0,31});")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def text_of(value: object, field: str, longest: int, prefix: str = "") -> str | None:
    """*value* as it is shown: entities resolved, cut to *longest* characters.

    Blanks around it are left out, and control characters inside, line ends among them, read as
    one blank.

    Raises:
        WrongShape: it is not text; the error names *prefix* and *field*.
    """
    if not isinstance(value, str):
        raise WrongShape(f"{prefix}{field}: must be text, not {type(value).__name__}")
    if "&" in value:
        value = _unescape(value) if len(value) <= MAX_NAME else unescape(value[:_MOST_READ])
    if not value.isprintable():
        value = _CONTROLS.sub(" ", value[:_MOST_READ])
    return value.strip()[:longest] or None


def unescape(text: str) -> str:
    """*text* with its HTML entities resolved, those with a semicolon; unknown ones stay."""
    return _ENTITY.sub(_character, text)


# An item's answers name it in the same words each time. Some ten megabytes.
_unescape = lru_cache(maxsize=20_000)(unescape)


def _character(entity: re.Match[str]) -> str:
    text = entity[0]
    return html.unescape(text) if text[1] == "#" else html5.get(text[1:], text)
