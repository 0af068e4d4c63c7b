"""The answers about lists of items; see :mod:`walmart_stream.web.outputs`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from walmart_stream.domain.watch import ItemId
from walmart_stream.web.outputs import (
    Cents,
    Cursor,
    Rival,
    StoredOffer,
    StoredStanding,
    Time,
    Unreadable,
)


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class ListedOffer(_Output):
    """An offer as lists show it."""

    landed_cents: Cents
    price_cents: Cents
    shipping_cents: Cents
    seller: str | None
    available: bool


class ChangeCounts(_Output):
    """Price changes of all offers of an item; a lower bound where ``…_is_more``."""

    day: Annotated[int, Field(ge=0, description="In the last 24 hours.")]
    day_is_more: bool
    week: Annotated[int, Field(ge=0, description="In the last 7 days.")]
    week_is_more: bool


class Step(_Output):
    """A landed price, which holds until the next step."""

    at: Time
    landed_cents: Cents


class Sparkline(_Output):
    """The last 7 days of the own offer, or of the featured one: 50 steps at most."""

    offer: str
    steps: list[Step]


class Held(_Output):
    """The holder of the buy box, until the next step."""

    at: Time
    holder: str
    seller: str | None
    suppressed: bool


class ListedItem(_Output):
    """An item with its offers by name, and what lists show of it."""

    item_id: ItemId
    name: str | None
    tags: list[str]
    watched: Annotated[bool | None, Field(description="null: the watchlist never named it.")]
    offers: dict[str, StoredOffer]
    standing: Annotated[
        StoredStanding | None,
        Field(description="By when offers last changed; null: the seller has no offer of it."),
    ]
    own: ListedOffer | None
    best_rival: Rival | None
    featured: ListedOffer | None
    marketplace: ListedOffer | None
    gap_cents: Cents
    gap_pct: float | None
    state: Annotated[str | None, Field(description="null: the seller has no offer of it.")]
    holder: str | None
    changed_at: Time | None
    changes: ChangeCounts
    sparkline: Sparkline
    ribbon: Annotated[list[Held], Field(description="The last 24 hours.")]
    seen_at: Annotated[
        Time | None,
        Field(description="By its worker; null: that is late, was not asked, or never saw it."),
    ]
    unreadable: Unreadable = None


class Items(_Output):
    """A page of items in the order that was asked for."""

    items: list[ListedItem]
    next_cursor: Cursor
    late_workers: Annotated[
        list[str], Field(description="Workers that did not say when they saw items, and why.")
    ]


class Seen(_Output):
    """The times at which this worker last saw items of its own; null: never."""

    seen_at: dict[ItemId, Time | None]
