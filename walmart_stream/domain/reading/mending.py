"""Text that is nearly JSON, mended: what leaves no doubt about the values beside it.

Raw control characters in texts, bytes that are not UTF-8, escapes that JSON does not have, and
words that are not JSON values (``NaN``, ``Infinity``, ``undefined``, ``01``). Quotes and brackets
are never guessed: where they do not match, the text cannot be read.
"""

from __future__ import annotations

import re

import orjson

from walmart_stream.domain.reading.json_text import (
    LENIENT,
    STRICT,
    NotJson,
    end_of_value,
)

_PART = re.compile(rb'"[^"\\]*(?:\\[\x00-\xff][^"\\]*)*"|[^\x00-\x20"\[\]{},:]+')
_JSON_WORD = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_ODD_IN_TEXT = re.compile(r'\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt])|\\|[\x00-\x1f]')
_ESCAPED_BYTES = re.compile("[\udc80-\udcff]")


def mend(text: bytes) -> bytes:
    """*text* as JSON; the same bytes if it is JSON.

    Control characters are escaped, bytes that are not UTF-8 are read as Windows-1252, backslashes
    that escape nothing stand for themselves, and words that are no values become texts: ``NaN``
    as an amount is then refused for what it is, and as anything else hurts nobody.

    Raises:
        NotJson: quotes or brackets do not match.
    """
    if _is_json(text):
        return text
    end = end_of_value(text, 0, LENIENT)
    if text[end:].strip(b" \t\n\r"):
        raise NotJson(end)
    mended = _PART.sub(lambda found: _mend_part(found[0]), text)
    if not _is_json(mended):
        raise NotJson(0)
    return mended


def _is_json(text: bytes) -> bool:
    try:
        if not text.isascii():
            text.decode()
        return not text[end_of_value(text, 0, STRICT) :].strip(b" \t\n\r")
    except (NotJson, UnicodeDecodeError):
        return False


def _mend_part(part: bytes) -> bytes:
    if not part.startswith(b'"'):
        if _JSON_WORD.fullmatch(part):
            return part
        return orjson.dumps(_text(part))
    return _ODD_IN_TEXT.sub(_mend_character, _text(part)).encode()


def _text(part: bytes) -> str:
    text = part.decode("utf-8", "surrogateescape")
    return _ESCAPED_BYTES.sub(lambda found: _windows(ord(found[0]) - 0xDC00), text)


def _windows(byte: int) -> str:
    # Five of its places are empty; Windows-1252 in the wild means Latin-1 there.
    return bytes([byte]).decode("cp1252", "ignore") or chr(byte)


def _mend_character(found: re.Match[str]) -> str:
    odd = found[0]
    if len(odd) > 1:
        return odd
    return r"\\" if odd == "\\" else f"\\u{ord(odd):04x}"
