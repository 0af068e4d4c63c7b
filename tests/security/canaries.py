"""Secrets that stand nowhere else in the world, and looking for them in bytes.

Written without the program's own knowledge of encodings: what that forgets must be found.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

MARK = 20
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_HEX = re.compile(rb"[0-9A-Fa-f]{24,}")


@dataclass(frozen=True)
class Canary:
    """A secret of *kind*; any of *marks* betrays it."""

    kind: str
    marks: tuple[bytes, ...]

    @classmethod
    def of(cls, kind: str, secret: str) -> Canary:
        """The canary of a text or of a PEM. Its first :data:`MARK` characters betray it, too."""
        lines = [line for line in secret.split("\n") if line and not line.startswith("-----")]
        # The first line of a private key is the same in all of them.
        return cls(kind, tuple(line[:MARK].encode() for line in lines[1:] or lines))


def sightings(content: bytes, canaries: Iterable[Canary]) -> set[str]:
    """The kinds of *canaries* that stand in *content*: as they are, percent-encoded, with escapes,
    in base64 or hex, on their own or within something longer."""
    layers = [content, *_decoded(content)]
    return {
        canary.kind
        for canary in canaries
        for mark in canary.marks
        if any(mark in layer for layer in layers)
    }


def _decoded(content: bytes) -> Iterator[bytes]:
    if b"%" in content:
        yield unquote_to_bytes(content.replace(b"+", b" "))
        yield unquote_to_bytes(content)
    if b"\\" in content:
        yield content.replace(b"\\n", b"\n").replace(b"\\/", b"/").replace(b"\\\\", b"\\")
    for run in set(_BASE64.findall(content)):
        text = run.replace(b"-", b"+").replace(b"_", b"/")
        for start in range(4):
            piece = text[start:]
            yield base64.b64decode(piece + b"A" * (-len(piece) % 4))
    for run in set(_HEX.findall(content)):
        for start in range(2):
            piece = run[start:]
            yield binascii.unhexlify(piece[: len(piece) // 2 * 2])
