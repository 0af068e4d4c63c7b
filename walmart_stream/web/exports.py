"""Everything of one kind that is stored, streamed as one file.

CSV and NDJSON only. Parquet could be streamed, too, but is compressed in groups of thousands of
rows, which would keep a worker from its other work: the command makes it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from aiohttp import web
from pymongo.errors import PyMongoError

from walmart_stream.export.fields import EXPORTED, Exported
from walmart_stream.export.formats import Csv, Encoder, Ndjson
from walmart_stream.export.reading import Choice, Document, pages, tagged
from walmart_stream.web.context import Context
from walmart_stream.web.errors import NotFound, NotReady
from walmart_stream.web.inputs import ExportQuery, query

logger = logging.getLogger(__name__)

# Documents, which take a few milliseconds to write: other callers are answered in between.
PAGE = 200

_MEDIA = {"csv": "text/csv; charset=utf-8; header=present", "ndjson": "application/x-ndjson"}


async def export(context: Context, request: web.Request) -> web.StreamResponse:
    """The chosen documents; a body that is cut off says that there was more."""
    what = request.match_info["what"]
    kind = EXPORTED.get(what)
    if kind is None:
        raise NotFound(f"there is no such export; there are {', '.join(sorted(EXPORTED))}")
    asked = query(ExportQuery, request)
    if context.work.export.locked():
        raise NotReady("exports: as many as can be are being made; asking again later helps")
    async with context.work.export:
        items = asked.items
        if asked.tag is not None:
            items = await tagged(context.database, asked.tag)
        choice = Choice(items, asked.since, asked.until)
        found = pages(context.database, kind, choice, context.seal, PAGE)
        async with aclosing(found):
            return await _stream(request, found, asked, kind)


async def _stream(
    request: web.Request,
    found: AsyncGenerator[Sequence[Document], None],
    asked: ExportQuery,
    kind: Exported,
) -> web.StreamResponse:
    # Before the status is sent: a database that is away is still answered as one.
    # An empty tuple as the default would be lost in CPython 3.11.
    first = await anext(found, None) or ()
    encoder: Encoder = Ndjson(kind)
    if asked.format == "csv":
        encoder = Csv(kind, with_mark=asked.bom)
    response = web.StreamResponse(
        headers={
            "Content-Type": _MEDIA[asked.format],
            "Content-Disposition": f'attachment; filename="{kind.name}.{asked.format}"',
        }
    )
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    await response.write(encoder.begin() + encoder.encode(first))
    try:
        async for documents in found:
            await response.write(encoder.encode(documents))
    except PyMongoError as exc:
        logger.warning("an export was cut off: MongoDB is away (%s)", type(exc).__name__)
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write(encoder.end())
    return response
