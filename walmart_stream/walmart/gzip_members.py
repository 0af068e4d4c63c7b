"""Gzip as RFC 1952 has it: one member or several, one after the other. Pure."""

from __future__ import annotations

import zlib

# What we are sent is packed to a tenth or twentieth. A thousandth, which is possible, is nothing
# but one line, repeated.
STRONGEST_PACKING = 250

# Bytes that a body of any size may unpack to.
ALWAYS_ALLOWED = 4 * 1024 * 1024


class DamagedGzip(ValueError):
    """The bytes are not gzip, or end within a member."""


def most_of(packed: int, largest: int) -> int:
    """The bytes that so large a body may unpack to, at most *largest*."""
    return min(largest, max(ALWAYS_ALLOWED, STRONGEST_PACKING * packed))


def gunzip(body: bytes, most: int) -> bytes:
    """The content of all members of *body*, zero bytes between and behind them left out.

    Ends after *most* bytes, so that a result of that length may be longer than it seems.

    Raises:
        DamagedGzip: something else than a member stands in it, or a member is cut.
    """
    content = bytearray()
    rest = body
    while rest:
        member = zlib.decompressobj(wbits=31)
        try:
            content += member.decompress(rest, most - len(content))
        except zlib.error:
            raise DamagedGzip from None
        if len(content) >= most:
            break
        if not member.eof:
            raise DamagedGzip
        rest = member.unused_data.lstrip(b"\0")
    return bytes(content)
