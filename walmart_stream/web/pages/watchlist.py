"""The watchlist as a page: adding, removing, and CSV files that are looked at before they count."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence

from aiohttp import web

from walmart_stream.domain.item_id import RIGHT, item_id_in
from walmart_stream.domain.reading.csv_file import decode
from walmart_stream.domain.watch import RowFault, WatchEntry, parse_csv, shown, stamped
from walmart_stream.web import cursor
from walmart_stream.web.context import Context
from walmart_stream.web.errors import BadRequest
from walmart_stream.web.inputs import NoQuery, WatchlistQuery, WatchOne, check, query
from walmart_stream.web.pages.addresses import filled, query_of
from walmart_stream.web.pages.forms import read_form
from walmart_stream.web.pages.frame import csv_file, data, page, see
from walmart_stream.web.pages.inputs import ImportForm, WatchForm, WatchlistPageQuery
from walmart_stream.web.watchlist import watchlist_data

# Entries of a page, and rows of a preview that are shown: more is scrolled past.
ENTRIES = 100
PREVIEWED = 200

# Bytes of a file on this page: it comes back once, as text, with the lines read from it.
MAX_FILE = 400_000

COLUMNS = ("item_id", "note", "tags", "added_at")


async def show(context: Context, request: web.Request) -> web.StreamResponse:
    """A page of the watchlist, with its forms."""
    return await _page(context, request, filled(WatchlistPageQuery, request))


async def answer(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's entries."""
    return data(request, await watchlist_data(context, _asked(request)))


async def answer_csv(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's entries as a file, which can be imported again."""
    found = await watchlist_data(context, _asked(request))
    rows = [
        (one["item_id"], one["note"] or "", "; ".join(one["tags"]), one["added_at"])
        for one in found["items"]
    ]
    return csv_file("watchlist", [COLUMNS, *rows])


async def change(context: Context, request: web.Request) -> web.StreamResponse:
    """Add or remove one item; answered when the brokers have acknowledged it.

    Removing leads back to the same page of the list.
    """
    asked = filled(WatchlistQuery, request)
    form = await read_form(request, WatchForm)
    item_id = item_id_in(form.item_id)
    try:
        if item_id is None:
            raise BadRequest(f"item id {shown(form.item_id)}: {RIGHT}")
        if form.action == "remove":
            await context.live.unwatch([item_id])
            here = query_of(NoQuery(), removed=item_id, tag=asked.tag, cursor=asked.cursor)
            return see(f"/watchlist{here}")
        tags = [tag for tag in (form.tags or "").split(",") if tag.strip()]
        typed = check(WatchOne, {"item_id": item_id, "note": form.note, "tags": tags})
        entry = WatchEntry(item_id=typed.item_id, note=typed.note, tags=typed.tags)
    except BadRequest as exc:
        return await _page(context, request, WatchlistPageQuery(), fault=exc.message, form=form)
    await context.live.watch(stamped([entry], context.clock()))
    return see(f"/watchlist?added={item_id}")


async def take_file(context: Context, request: web.Request) -> web.StreamResponse:
    """Show what a CSV file would do, line by line; with ``take``, do it."""
    query(NoQuery, request)
    form = await read_form(request, ImportForm)
    content = form.file or (form.text or "").encode()
    if len(content) > MAX_FILE:
        raise BadRequest(
            f"the file: at most {MAX_FILE // 1000} kB are read here; "
            "`walmart-stream watch import FILE.csv` takes larger ones"
        )
    async with context.work.body:
        entries, faults = await asyncio.to_thread(_read, content)
    if form.take and entries:
        await context.live.watch(stamped(entries, context.clock()))
        return see(f"/watchlist?imported={len(entries)}")
    return page(
        context,
        request,
        "import.html",
        status=200 if entries else 400,
        entries=entries[:PREVIEWED],
        count=len(entries),
        faults=faults[:PREVIEWED],
        fault_count=len(faults),
        text=_csv(entries),
    )


def _asked(request: web.Request) -> WatchlistQuery:
    asked = filled(WatchlistQuery, request)
    if "limit" not in asked.model_fields_set:
        asked = asked.model_copy(update={"limit": ENTRIES})
    return asked


def _read(content: bytes) -> tuple[list[WatchEntry], list[RowFault]]:
    if not content.strip():
        return [], [RowFault(1, "the file is empty; it must have a line for each item")]
    return parse_csv(decode(content))


def _csv(entries: Sequence[WatchEntry]) -> str:
    """The rows that would be taken, and no others: the very ones that the preview shows."""
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(["item_id", "note", "tags"])
    writer.writerows([entry.item_id, entry.note or "", "; ".join(entry.tags)] for entry in entries)
    return made.getvalue()


async def _page(
    context: Context,
    request: web.Request,
    asked: WatchlistPageQuery,
    fault: str | None = None,
    form: WatchForm | None = None,
) -> web.StreamResponse:
    after = "" if asked.cursor is None else cursor.item_of(asked.cursor)
    found, total = await context.live.watched(after, ENTRIES + 1, asked.tag)
    entries = found[:ENTRIES]
    more = None
    if len(found) > len(entries):
        more = query_of(NoQuery(), tag=asked.tag, cursor=cursor.of_item(entries[-1].item_id))
    return page(
        context,
        request,
        "watchlist.html",
        status=200 if fault is None else 400,
        entries=entries,
        total=total,
        more=more,
        # Without what was done last.
        here=query_of(NoQuery(), tag=asked.tag, cursor=asked.cursor),
        first=query_of(NoQuery(), tag=asked.tag),
        asked=asked,
        fault=fault,
        form=form,
    )
