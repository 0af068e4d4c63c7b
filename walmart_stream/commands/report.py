"""``walmart-stream report``: prices and buy boxes of a time as one self-contained page."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pymongo import ASCENDING

from walmart_stream.domain.windows import Rules
from walmart_stream.export.file import NotAFile, drafted
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.documents import ITEMS
from walmart_stream.storage.item_documents import facet
from walmart_stream.storage.sealed import FieldSeal
from walmart_stream.web import report as page
from walmart_stream.web.errors import BadRequest, NotFound
from walmart_stream.web.inputs import SeriesQuery
from walmart_stream.web.item_series import Stock, stored_series

__all__ = ["NotAFile", "NothingToReport", "report"]

Progress = Callable[[int, int | None], None]

# Segments of an offer that are read: steps are counted by them, and the chart thins what it draws.
POINTS = 20_000


# Ids that are read at a time.
PAGE = 500


class NothingToReport(Exception):
    """No item is stored, or none has the tag; the message says which."""


async def report(
    settings: Settings,
    since: datetime,
    until: datetime,
    tag: str | None,
    path: Path,
    now: datetime,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """Write the report of [*since*, *until*) to *path*; its figures.

    Of all items, or of those with *tag*. The file is there whole or not at all, and memory does
    not grow with the number of items.

    Raises:
        NothingToReport: there are no items.
        NotAFile: *path* is not a file that can be replaced.
        OSError: it cannot be written.
        PyMongoError: the database cannot be read.
    """
    client = mongo.connect(settings)
    try:
        database = mongo.database(client, settings)
        chosen = {"facets": facet(tag, "")}
        total = await database[ITEMS].count_documents(chosen)
        rules = Rules.of(settings)
        stock = Stock(database, FieldSeal.of(settings), rules, now)
        asked = SeriesQuery.model_validate({"from": since, "to": until, "points": POINTS})
        totals = page.Totals()
        with drafted(path) as draft, tempfile.TemporaryFile() as body:
            async for item_id in _names(database, chosen):
                try:
                    data = await stored_series(stock, item_id, asked)
                except NotFound:
                    # Watched, and never observed.
                    continue
                except BadRequest:
                    # More is stored of it than one series is made of.
                    totals.left_out += 1
                    continue
                totals.add(data)
                body.write(page.item(data).encode())
                progress(totals.items, total)
            if not totals.items and not totals.left_out:
                which = "" if tag is None else f" with the tag {tag}"
                raise NothingToReport(f"no item{which} was observed")
            draft.write(page.head(totals, since, until, now, tag).encode())
            body.seek(0)
            shutil.copyfileobj(body, draft)
            draft.write(page.foot().encode())
            draft.publish()
    finally:
        client.close()
    return {
        "items": totals.items,
        "up": totals.up,
        "down": totals.down,
        "own_share": totals.own_share,
        "above_best_rival": totals.above,
        "compared": totals.compared,
        "left_out": totals.left_out,
    }


async def _names(database: Any, chosen: Mapping[str, Any]) -> AsyncIterator[str]:
    """The ids of the items, in their order as text; no cursor is open while one is drawn."""
    after: str | None = None
    while True:
        beyond = {} if after is None else {"_id": {"$gt": after}}
        found = database[ITEMS].find({**chosen, **beyond}, {"_id": 1}).sort("_id", ASCENDING)
        names = [one["_id"] for one in await found.limit(PAGE).to_list(PAGE)]
        for name in names:
            yield name
        if len(names) < PAGE:
            return
        after = names[-1]
