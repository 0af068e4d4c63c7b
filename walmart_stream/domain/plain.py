"""Text from outside, made safe to show: in a log, on a terminal, in JSON that somebody prints.

Sellers choose their names, servers their error messages and callers their notes. Line ends in them
forge lines of a log, control characters steer terminals, and marks of direction (bidi) have a line
read as another one than it is. Every character that is not printable is shown as its escape.
"""

from __future__ import annotations

import re

# Beyond these, JSON writers leave everything as it is.
_BEYOND_ASCII = re.compile("[^\x00-\x7e]")


def plain(text: str) -> str:
    """*text* as one line that steers nothing; the same object if it is one already."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def plain_lines(text: str) -> str:
    """*text* with its line ends and tabs, and nothing else that is not printable."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escape(c) for c in text)


def plain_json(data: bytes) -> bytes:
    """JSON of the same meaning as *data* in which every character is printable, but line ends."""
    if data.isascii():
        return data.replace(b"\x7f", b"\\u007f")
    return _BEYOND_ASCII.sub(_in_json, data.decode()).encode()


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _in_json(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    # Beyond the first 65,536 characters, JSON writes two halves.
    code = character.encode("utf-16-be").hex()
    return "".join(f"\\u{code[at : at + 4]}" for at in range(0, len(code), 4))
