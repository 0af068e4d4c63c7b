"""Sending an answer so that it is known whether all of it left."""

from __future__ import annotations

import zlib

from aiohttp import web

# Light compression: the sandbox shares its core with what it is there to test.
GZIP_LEVEL = 1


async def sent_whole(request: web.Request, response: web.Response) -> bool:
    """Sends *response*; whether all of it was handed to the network before the client left."""
    if request.transport is None:
        return False
    # Without a buffer limit of its own, draining would return with bytes still unsent.
    request.transport.set_write_buffer_limits(high=0)
    try:
        await response.prepare(request)
        await response.write_eof()
        await request.writer.drain()
    except ConnectionError:
        return False
    return request.transport is not None and not request.transport.is_closing()


async def hang_up(request: web.Request, body: bytes, headers: dict[str, str]) -> web.StreamResponse:
    """Announces the whole body, sends half of it and closes the connection."""
    response = web.StreamResponse(headers=headers)
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def gzip(body: bytes) -> bytes:
    """*body* compressed for ``Content-Encoding: gzip``."""
    compressor = zlib.compressobj(GZIP_LEVEL, wbits=31)
    return compressor.compress(body) + compressor.flush()
