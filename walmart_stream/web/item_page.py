"""All that the page of an item shows, from MongoDB and what its worker knows beyond it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from walmart_stream.domain.time import parse_iso, to_datetime
from walmart_stream.storage.alerts import Wanted, alert_fields, find_alerts
from walmart_stream.storage.queries import CHANGES, WINDOWS, Span
from walmart_stream.storage.sealed import UNREADABLE
from walmart_stream.storage.series import offers_of
from walmart_stream.web.context import Context
from walmart_stream.web.inputs import SeriesQuery
from walmart_stream.web.item_series import series_data
from walmart_stream.web.items import WINDOW_FIELDS, standing_of, stored_offer
from walmart_stream.web.series import CHANGE_FIELDS

# Rows of each table: a screen or two. The downloads have all.
CHANGES_SHOWN = 50
WINDOWS_SHOWN = 24
ALERTS_SHOWN = 10

# Pixels of the chart. The picture is renewed when it would have moved by one of them.
WIDTH = 960
# Milliseconds between two pictures of the same prices, at least.
LEAST_PACE = 10_000


async def item_data(context: Context, item_id: str, asked: SeriesQuery) -> dict[str, Any]:
    """Series, offers, standing, alerts, and the newest changes and windows of the span.

    Raises:
        NotFound: nothing is stored of the item.
        BadRequest: the span or the offers asked for cannot be answered.
        PyMongoError: the database cannot be asked.
    """
    series = await series_data(context, item_id, asked)
    span = Span(
        item_id, to_datetime(parse_iso(series["from"])), to_datetime(parse_iso(series["to"])), None
    )
    offers, changes, windows, alerts = await asyncio.gather(
        offers_of(context.database, item_id),
        CHANGES.newest(context.database, span, CHANGES_SHOWN),
        WINDOWS.newest(context.database, span, WINDOWS_SHOWN),
        find_alerts(context.database, Wanted(item_id=item_id), ALERTS_SHOWN, seal=context.seal),
    )
    return {
        "item_id": item_id,
        "name": series["name"],
        "offers": {one["offer"]: stored_offer(one) for one in offers},
        "standing": standing_of({one["offer"]: one for one in offers}, context.seal),
        "series": series,
        "changes": [_opened(context, CHANGES.collection, one, CHANGE_FIELDS) for one in changes],
        "windows": [_opened(context, WINDOWS.collection, one, WINDOW_FIELDS) for one in windows],
        "alerts": [alert_fields(one) for one in alerts],
    }


def news_of(found: Mapping[str, Any]) -> Any:
    """The part of :func:`item_data` that is new when something happened, or a pixel has passed."""
    series = found["series"]
    begin, end = parse_iso(series["from"]), parse_iso(series["to"])
    pace = max((end - begin) // WIDTH, LEAST_PACE)
    offers = [
        {name: value for name, value in one.items() if name not in ("segments", "known_share")}
        for one in series["offers"]
    ]
    parts = [found[name] for name in ("offers", "standing", "changes", "windows", "alerts")]
    return [*parts, offers, series["seen_at"], end // pace]


def _opened(
    context: Context, collection: str, stored: Mapping[str, Any], fields: tuple[str, ...]
) -> dict[str, Any]:
    document = context.seal.open(collection, stored)
    answer = {field: document.get(field) for field in fields}
    if UNREADABLE in document:
        answer[UNREADABLE] = document[UNREADABLE]
    return answer
