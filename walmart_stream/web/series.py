"""An item's past, from MongoDB: its price changes as JSON or CSV, and its closed windows."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pymongo.errors import PyMongoError

from walmart_stream.storage.all_changes import changes_page
from walmart_stream.storage.queries import (
    CHANGES,
    WINDOWS,
    Document,
    Page,
    Position,
    Series,
    Span,
    is_known,
)
from walmart_stream.storage.rows import CHANGE_COLUMNS, change_row, csv_line
from walmart_stream.storage.sealed import UNREADABLE
from walmart_stream.web import cursor
from walmart_stream.web.context import Context
from walmart_stream.web.errors import NotFound, json_response
from walmart_stream.web.inputs import ChangesQuery, HistoryQuery, WindowsQuery, item_id_of, query
from walmart_stream.web.items import WINDOW_FIELDS

logger = logging.getLogger(__name__)

CHANGE_FIELDS = (
    "offer",
    "seller",
    "kinds",
    "price_cents",
    "shipping_cents",
    "landed_cents",
    "available",
    "previous",
    "delta_cents",
    "delta_pct",
    "observed_at",
    "source",
    "buy_box",
)
# Characters handed to the network at a time.
CHUNK = 64 * 1024


async def history(context: Context, request: web.Request) -> web.StreamResponse:
    """A page of the item's price changes; the next page of a CSV file is in its Link header."""
    asked = query(HistoryQuery, request)
    span = _span(request, asked)
    if asked.format == "csv":
        return await _csv(context, request, asked, span)
    page = await _page(context, CHANGES, span, asked.cursor, asked.page_size)
    return _answer(context, CHANGES, span, "changes", page, CHANGE_FIELDS)


async def windows(context: Context, request: web.Request) -> web.StreamResponse:
    """A page of the item's closed windows that start in [from, to)."""
    asked = query(WindowsQuery, request)
    span = _span(request, asked)
    page = await _page(context, WINDOWS, span, asked.cursor, asked.limit)
    return _answer(context, WINDOWS, span, "windows", page, WINDOW_FIELDS)


async def changes(context: Context, request: web.Request) -> web.StreamResponse:
    """A page of the price changes of all items."""
    asked = query(ChangesQuery, request)
    page = await changes_page(
        context.database,
        since=asked.since,
        after=None if asked.cursor is None else cursor.moment_of(asked.cursor),
        limit=asked.limit,
        newest_first=asked.order == "desc",
    )
    found = [_fields(context, CHANGES, one, ("item_id", *CHANGE_FIELDS)) for one in page.documents]
    following = None if page.next is None else cursor.of_moment(page.next)
    return json_response({"changes": found, "next_cursor": following})


def _span(request: web.Request, asked: Any) -> Span:
    return Span(item_id_of(request), asked.since, asked.until, asked.offer)


def _position(text: str | None) -> Position | None:
    return None if text is None else cursor.position_of(text)


async def _page(
    context: Context, series: Series, span: Span, after: str | None, limit: int
) -> Page[Position]:
    page = await series.page(context.database, span, _position(after), limit)
    if not page.documents:
        await _require_item(context, span)
    return page


async def _require_item(context: Context, span: Span) -> None:
    if not await is_known(context.database, span.item_id):
        raise NotFound(f"nothing is stored of item {span.item_id}")


def _answer(
    context: Context,
    series: Series,
    span: Span,
    name: str,
    page: Page[Position],
    fields: tuple[str, ...],
) -> web.StreamResponse:
    documents = [_fields(context, series, stored, fields) for stored in page.documents]
    following = None if page.next is None else cursor.of_position(page.next)
    return json_response({"item_id": span.item_id, name: documents, "next_cursor": following})


def _fields(
    context: Context, series: Series, stored: Document, fields: tuple[str, ...]
) -> dict[str, Any]:
    document = context.seal.open(series.collection, stored)
    # Only changes of the own offer have a buy box.
    answer = {field: document.get(field) for field in fields}
    if UNREADABLE in document:
        answer[UNREADABLE] = document[UNREADABLE]
    return answer


async def _csv(
    context: Context, request: web.Request, asked: HistoryQuery, span: Span
) -> web.StreamResponse:
    """Streamed: a page may be larger than what one would like to hold.

    Its end is fixed first, because the header with the next page's address goes out first. What
    is inserted before that end meanwhile is streamed, too, so that nothing falls between pages.
    """
    after = _position(asked.cursor)
    end, has_more = await CHANGES.end_of_page(context.database, span, after, asked.page_size)
    if end is None:
        await _require_item(context, span)
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8; header=present",
            "Content-Disposition": f'attachment; filename="history-{span.item_id}.csv"',
        }
    )
    if end is not None and has_more:
        # Relative to the address that was asked, which a proxy may have changed.
        following = request.rel_url.update_query(cursor=cursor.of_position(end)).query_string
        response.headers["Link"] = f'<?{following}>; rel="next"'
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    await response.write((csv_line(CHANGE_COLUMNS) + "\r\n").encode())
    if end is None:
        return response
    lines: list[str] = []
    size = 0
    try:
        async for change in CHANGES.between(context.database, span, after, end):
            lines.append(_line(change))
            size += len(lines[-1])
            if size >= CHUNK:
                await response.write("".join(lines).encode())
                lines, size = [], 0
    except PyMongoError as exc:
        # The status has been sent. A body that is cut off is what tells the caller.
        logger.warning("a CSV file was cut off: MongoDB is away (%s)", type(exc).__name__)
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write("".join(lines).encode())
    return response


def _line(change: Document | Mapping[str, Any]) -> str:
    return csv_line(change_row(change)) + "\r\n"
