"""Reads Walmart's error answers: code and text, in every shape in which they were seen.

The API proxy sends ``{"details": {"Description": …}}``, the service ``{"errors": [{"code": …,
"message": …}]}``; both drift (an object for a list, text for an object, ``error`` for
``errors``), some answers are XML, and what is down sends a page of HTML or nothing.
"""

from __future__ import annotations

import html
import re
from typing import Any, NamedTuple

import orjson

# Enough to recognise a message by, short enough for one line of a log.
LONGEST_TEXT = 200
LONGEST_CODE = 60

_TEXT_KEYS = ("Description", "description", "message", "Message", "info", "error_description")
_HTML = re.compile(rb"<(?:!doctype|html|head|body)\b", re.I)
# Enough of XML for an error, and nothing that a hostile document could make expand.
_XML = re.compile(rb"\s*(?:\xef\xbb\xbf)?<(?:\?xml|[\w.-]+:?errors?\b|error)", re.I)
_XML_ELEMENT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_]+)(?:\s[^<>]*)?>([^<]+)</")
_TITLE = re.compile(rb"<title[^<>]*>([^<]*)", re.I)
# Something base64 as long as this could be a signature that the server has echoed.
_SIGNATURE = re.compile(r"[A-Za-z0-9+/_=-]{80,}")


class Said(NamedTuple):
    """An error as the answer puts it; the text is empty if it says nothing.

    ``field`` names the culprit where the answer does.
    """

    code: int | str | None
    text: str
    field: str = ""


def is_html(body: bytes) -> bool:
    """Whether *body* is a web page; content types are not to be relied on."""
    # Comments are passed over by hand: a pattern for them takes exponential time to fail.
    start = body[:1000].lstrip()
    while start.startswith(b"<!--"):
        _, closed, start = start.partition(b"-->")
        if not closed:
            return False
        start = start.lstrip()
    return _HTML.match(start) is not None


def read_error(body: bytes) -> Said:
    """The error in the *body* of an answer that is no success. Never raises."""
    if is_html(body):
        return Said(None, _page_title(body))
    if _XML.match(body):
        return _from_xml(body)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Said(None, _one_line(body.decode("utf-8", "replace")))
    return find_error(document) or Said(None, "")


def find_error(document: Any) -> Said | None:
    """The error that a JSON *document* names, or ``None`` if it names none."""
    if isinstance(document, str):
        return Said(None, _one_line(document))
    if not isinstance(document, dict):
        return None
    for key in ("errors", "error", "details"):
        found = _first(document.get(key))
        if found is not None:
            code = _code(document) if found.code is None else found.code
            return found._replace(code=code)
    found = _said(document)
    return found if found.text or found.code is not None else None


def _first(value: Any) -> Said | None:
    """The error in the value of an error key: an object, a list or a wrapper of some, or text."""
    if isinstance(value, list):
        return next((found for entry in value if (found := _first(entry)) is not None), None)
    if isinstance(value, dict) and value:
        found = _said(value)
        inner = value.get("errors", value.get("error"))
        if not found.text and found.code is None and inner is not None:
            return _first(inner)
        return found
    if isinstance(value, str) and value:
        return Said(None, _one_line(value))
    return None


def _said(document: dict[str, Any]) -> Said:
    texts = (document.get(key) for key in _TEXT_KEYS)
    text = next((text for text in texts if isinstance(text, str) and text.strip()), "")
    field = document.get("field")
    culprit = _one_line(field) if isinstance(field, str) else ""
    return Said(_code(document), _one_line(text), culprit)


def _code(document: dict[str, Any]) -> int | str | None:
    """A code as a number where it is one, so that 4002 and "4002" are the same."""
    code = document.get("code")
    if isinstance(code, str):
        text = _one_line(code)
        if len(text) > LONGEST_CODE:
            # No code at all, but perhaps something that was sent and that nobody may see.
            return None
        return int(text) if text.isascii() and text.isdecimal() else text or None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _from_xml(body: bytes) -> Said:
    text = body[:20_000].decode("utf-8", "replace")
    first: dict[str, Any] = {}
    for name, value in _XML_ELEMENT.findall(text):
        # Bounded: of a number with thousands of digits as a character, Python makes an error.
        first.setdefault(name, html.unescape(value[: 10 * LONGEST_TEXT]))
    return _said(first)


def _page_title(body: bytes) -> str:
    found = _TITLE.search(body[:5000])
    title = _one_line(found[1].decode("utf-8", "replace")) if found else ""
    return f"a web page titled {title!r}" if title else "a web page"


def _one_line(text: str) -> str:
    printable = "".join(c if c.isprintable() else " " for c in text[: 10 * LONGEST_TEXT])
    line = _SIGNATURE.sub("…", " ".join(printable.split()))
    if len(line) <= LONGEST_TEXT:
        return line
    # Between words: of half a secret nobody could tell that it is one.
    return f"{line[:LONGEST_TEXT].rpartition(' ')[0]} …"
