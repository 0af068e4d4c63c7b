"""Static files of the pages. An address carries its content's hash, so browsers ask only once."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from aiohttp import web

from walmart_stream.web.context import Context
from walmart_stream.web.guard import STATIC
from walmart_stream.web.headers import Immutable
from walmart_stream.web.inputs import query
from walmart_stream.web.pages.inputs import StaticQuery

MEDIA = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_FOLDER = files("walmart_stream.web") / "static"

# By name, in order.
NAMES = tuple(sorted(entry.name for entry in _FOLDER.iterdir() if entry.name[0] not in "._"))


class _File(NamedTuple):
    body: bytes
    packed: bytes
    digest: str
    media: str


@cache
def _file(name: str) -> _File:
    body = (_FOLDER / name).read_bytes()
    return _File(
        body,
        gzip.compress(body, mtime=0),
        hashlib.sha256(body).hexdigest()[:16],
        MEDIA[name.rpartition(".")[2]],
    )


def address(name: str) -> str:
    """The address of a static file, with the hash of its content."""
    return f"{STATIC}{name}?v={_file(name).digest}"


def media_of(name: str) -> str:
    """The content type of a static file."""
    return _file(name).media


def serve(name: str) -> Callable[[Context, web.Request], Awaitable[web.StreamResponse]]:
    """The handler of one file.

    Under the hash of another release, which pages of another worker may have, it answers with what
    it has, and nobody keeps that.
    """

    async def handle(context: Context, request: web.Request) -> web.StreamResponse:
        asked = query(StaticQuery, request)
        file = _file(name)
        kind = Immutable if asked.v == file.digest else web.Response
        takes_gzip = "gzip" in request.headers.get("Accept-Encoding", "").lower()
        headers = {"Vary": "Accept-Encoding"}
        if takes_gzip:
            headers["Content-Encoding"] = "gzip"
        return kind(
            body=file.packed if takes_gzip else file.body,
            headers=headers,
            content_type=file.media,
            charset=None if file.media.startswith("image/") else "utf-8",
        )

    return handle
