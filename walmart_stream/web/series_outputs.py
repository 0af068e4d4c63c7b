"""The answer about an item's prices over a span."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from walmart_stream.domain.watch import ItemId
from walmart_stream.web.alert_outputs import Alert
from walmart_stream.web.outputs import (
    Cents,
    Change,
    StoredOffer,
    StoredStanding,
    Time,
    Window,
)

Ms = Annotated[int, Field(description="Epoch milliseconds.")]
Share = Annotated[float, Field(ge=0, le=1)]
Kind = Annotated[
    Literal["price", "partial", "unknown", "unavailable"],
    Field(
        description="partial: the item's price, its shipping is unknown. unknown: not seen for "
        "longer than PRICE_KNOWN_FOR. unavailable: it could not be ordered."
    ),
]
Holder = Literal["own", "rival", "none", "suppressed", "unknown"]


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class OfferSeries(_Output):
    """One offer: segments [from, to, kind, cents], without holes; neighbours differ."""

    offer: str
    seller: str | None
    segments: list[tuple[Ms, Ms, Kind, Cents]]
    thinned: Annotated[
        bool, Field(description="There were more segments than points were asked for.")
    ]
    low_cents: Cents
    high_cents: Cents
    last_kind: Kind
    last_cents: Cents
    changes: Annotated[int, Field(ge=0, description="Stored changes in the span.")]
    known_share: Annotated[Share, Field(description="Of the span: how much is not unknown.")]


class BoxSeries(_Output):
    """The holders of the buy box: segments [from, to, holder, a rival's seller where named]."""

    of: Annotated[
        str, Field(description="own, or featured: without an own offer its seller has the box.")
    ]
    segments: list[tuple[Ms, Ms, Holder, str | None]]
    own_share: Annotated[
        Share | None, Field(description="Of the time for which the holder is known.")
    ]
    known_share: Share
    unreadable: Annotated[
        str | None, Field(description="Why some of it is sealed and cannot be opened.")
    ]


class ItemSeries(_Output):
    """Prices over [from, to)."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, populate_by_name=True)

    item_id: ItemId
    name: str | None
    since: Annotated[Time, Field(alias="from")]
    until: Annotated[Time, Field(alias="to")]
    first_at: Annotated[
        Time | None, Field(description="When the item's first stored change was observed.")
    ]
    price: Literal["landed", "item"]
    points: int
    known_offers: list[str]
    offers: list[OfferSeries]
    buy_box: BoxSeries | None
    seen_at: Annotated[
        Time | None, Field(description="By the item's worker; null: it was not asked, or is late.")
    ]
    not_live: Annotated[
        str | None, Field(description="Why what was seen last is not known, if it is not.")
    ]


class ItemPage(_Output):
    """All that the page of an item shows; changes, windows and alerts newest first."""

    item_id: ItemId
    name: str | None
    offers: dict[str, StoredOffer]
    standing: Annotated[
        StoredStanding | None, Field(description="null: the seller has no offer of it.")
    ]
    series: ItemSeries
    changes: list[Change]
    windows: list[Window]
    alerts: list[Alert]
