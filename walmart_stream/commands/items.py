"""``walmart-stream items``: the list of items, as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from walmart_stream.commands.table import Column, difference, dollars, moment, table
from walmart_stream.domain.offers import FEATURED
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.sealed import FieldSeal
from walmart_stream.web.errors import BadRequest
from walmart_stream.web.inputs import ItemsQuery, check
from walmart_stream.web.item_list import stored_items_data

# Items of a page, of which as many are read as are due.
PAGE = 500


class CannotBeListed(ValueError):
    """The filter or the order cannot be; the message says why."""


async def items(
    settings: Settings, asked: Mapping[str, Any], limit: int, now: datetime | None = None
) -> dict[str, Any]:
    """Up to *limit* ``items`` as ``GET /api/items`` has them, and whether there are ``more``.

    *asked* are the fields of the query but its page: ``q``, ``tag``, ``state``, ``sort``,
    ``order``. *now* (aware) is what counts of a day and a week end at.

    Raises:
        CannotBeListed: a field is wrong, or cannot be looked up.
        PyMongoError: the database cannot be read.
    """
    now = now or datetime.now(UTC)
    seal = FieldSeal.of(settings)
    client = mongo.connect(settings)
    try:
        database = mongo.database(client, settings)
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            size = min(limit - len(found), PAGE)
            query = check(ItemsQuery, {**asked, "cursor": cursor, "limit": size})
            page = await stored_items_data(database, seal, now, query)
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None or len(found) >= limit:
                break
    except BadRequest as exc:
        raise CannotBeListed(exc.message) from None
    finally:
        client.close()
    for item in found:
        # Only the workers know.
        item.pop("seen_at", None)
    return {"items": found, "more": cursor is not None}


_COLUMNS = (
    Column("item"),
    Column("name"),
    *(Column(name, is_number=True) for name in ("own", "best rival", "gap")),
    Column("state"),
    Column("changed (UTC)"),
)


def lines(found: Mapping[str, Any]) -> list[str]:
    """The list as a table. Without an own offer, the featured one takes its place."""
    shown = table("Items", _COLUMNS, map(_row, found["items"])) or ["no items"]
    if found["more"]:
        shown.append("there are more: raise --limit")
    return shown


def _row(item: Mapping[str, Any]) -> tuple[str, ...]:
    own, rival, featured = item["own"], item["best_rival"], item[FEATURED]
    first = _landed(own)
    if own is None and featured is not None:
        first = f"({_landed(featured)})"
    return (
        item["item_id"],
        item["name"] or "",
        first,
        _landed(rival),
        "0" if item["gap_cents"] == 0 else difference(item["gap_cents"]),
        item["state"] or "",
        "" if item["changed_at"] is None else moment(item["changed_at"]),
    )


def _landed(offer: Mapping[str, Any] | None) -> str:
    if offer is None:
        return ""
    if not offer.get("available", True):
        return "unavailable"
    return dollars(offer["landed_cents"])
