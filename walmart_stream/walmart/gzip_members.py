"""Gzip as RFC 1952 has it: one member or several, one after the other. Pure."""

from __future__ import annotations

import zlib


class DamagedGzip(ValueError):
    """The bytes are not gzip, or end within a member."""


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
