"""The answers. Their models are the schemas of the OpenAPI description.

Handlers build plain dictionaries, which the tests hold to these models.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from walmart_stream.domain.watch import ItemId

Time = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
        json_schema_extra={"format": "date-time"},
    ),
]
Cents = Annotated[int | None, Field(description="Cents; null is unknown, and 0 shipping is free.")]
Unreadable = Annotated[
    dict[str, str] | None,
    Field(description="Fields that are sealed and cannot be opened, with the reason."),
]
Cursor = Annotated[str | None, Field(description="cursor of the next page; null: there is none.")]


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class Fault(_Output):
    """A failure."""

    code: str
    message: str


class RejectedRow(_Output):
    """A line of an uploaded file that was not taken; null: of JSON, which has none."""

    line: int | None
    reason: str


class Health(_Output):
    """How old the worker's news is, which no check judges."""

    newest_observation_age_seconds: Annotated[
        float | None, Field(description="Of those that are processed; null: there is none.")
    ]
    oldest_due_poll_seconds: Annotated[
        float, Field(ge=0, description="How long the oldest due poll has been due.")
    ]
    clock_offset_seconds: Annotated[
        float, Field(description="How far Walmart's clock is ahead of this machine's.")
    ]
    warnings: Annotated[list[str], Field(description="What a person should look at.")]


class Error(_Output):
    """A refusal or failure."""

    error: Fault
    failing: Annotated[
        dict[str, str] | None, Field(description="Readiness checks that fail, with the reason.")
    ] = None
    health: Annotated[Health | None, Field(description="Of a worker that is not ready.")] = None
    rejected: list[RejectedRow] | None = None


class Endpoint(_Output):
    """One operation of this API."""

    method: str
    path: str
    summary: str


class Index(_Output):
    """The list of endpoints."""

    name: str
    version: str
    endpoints: list[Endpoint]


class Alive(_Output):
    """The event loop answers."""

    status: Literal["alive"]


class ParkedPartition(_Output):
    """A partition that is not read from ``offset`` on, until a person says how to go on."""

    topic: str
    partition: int
    offset: int
    since: Time
    reason: str


class Ready(Health):
    """Every check passes; and how old the worker's news is."""

    status: Literal["ready"]
    parked: Annotated[
        list[ParkedPartition] | None,
        Field(description="Of this worker; left out if there are none."),
    ] = None


class Stats(BaseModel):
    """This worker's counters since its start, its lag and partitions."""

    model_config = ConfigDict(extra="allow")


class StoredOffer(_Output):
    """An offer as of its last change."""

    seller: str | None
    price_cents: Cents
    shipping_cents: Cents
    landed_cents: Cents
    two_day_cents: Cents
    available: bool
    changed_at: Time


class Rival(_Output):
    """The rival with the lowest landed price; ``seller`` is null where nobody is named."""

    offer: str
    seller: str | None
    landed_cents: int


class BuyBox(_Output):
    """The holder of the buy box, by the last word of the seller side."""

    holder: Literal["own", "rival", "none", "unknown"]
    seller: Annotated[str | None, Field(description="A rival's name, where it was named.")]
    suppressed: Annotated[
        bool, Field(description="The own offer is, or all are and nobody holds the box.")
    ]
    since: Time | None


class Insights(_Output):
    """Walmart's own view of the seller's price, of the SKU that the own offer is of."""

    suggested_cents: Annotated[int | None, Field(description="The price that Walmart suggests.")]
    suggested_by: Annotated[
        str | None, Field(description="The signal that the suggested price comes from.")
    ]
    competitor_cents: Annotated[
        int | None, Field(description="The best price that Walmart knows of elsewhere.")
    ]
    box_price_cents: Cents
    box_landed_cents: Cents
    win_rate_by_views: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="Share of page views at which own held the buy box, by Walmart. "
            "`win_share` is of time, by what was observed.",
        ),
    ]
    competitive: bool | None
    fulfillment: str | None
    traffic: str | None
    since: Annotated[Time, Field(description="Walmart has said so since then.")]


class Badges(_Output):
    """An offer beside its price; null: Walmart did not say."""

    wfs: Annotated[bool | None, Field(description="Walmart ships it.")]
    pro_seller: bool | None
    speed: Annotated[str | None, Field(description="Of shipping, in Walmart's words.")]


class Compared(_Output):
    """The own offer and the one that holds the buy box, by the last event that named them."""

    own: Badges | None
    winner: Badges | None
    since: Time


class StoredStanding(_Output):
    """How the seller's own offer stands among its rivals' by landed price."""

    state: Annotated[
        Literal["winning", "competitive", "lost", "suppressed", "unknown"],
        Field(
            description="winning: own holds the buy box. suppressed: own is, or nobody holds the "
            "box for that reason. competitive: own's landed price is not above the best rival's. "
            "lost: own cannot be ordered, or a rival holds the box. unknown: none of these is "
            "known."
        ),
    ]
    landed_cents: Cents
    rival: Rival | None
    gap_cents: Annotated[
        int | None, Field(description="Own landed price less the best rival's, where known.")
    ]
    gap_pct: Annotated[float | None, Field(description="Of the rival's landed price.")]
    rank: Annotated[int | None, Field(ge=1, description="1: no rival's landed price is lower.")]
    ranked: Annotated[int, Field(ge=0, description="Offers whose landed price is known.")]
    buy_box: BuyBox
    insights: Annotated[
        Insights | None, Field(description="null: there are none yet, or not for this seller.")
    ]
    compared: Annotated[Compared | None, Field(description="null: no event has said so yet.")]
    unreadable: Unreadable = None


class LiveStanding(StoredStanding):
    """The same, and how often own won."""

    win_share: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="Share of time that own held the buy box, over the current window and "
            "the one before; null: it is not known of any of it.",
        ),
    ]
    win_coverage: Annotated[
        float, Field(ge=0, le=1, description="Share of that time for which the holder is known.")
    ]


class LiveOffer(StoredOffer):
    """An offer as it is now."""

    observed_at: Time


class Window(_Output):
    """A tumbling window of one offer; prices are landed cents."""

    offer: str
    start: Time
    end: Time
    observations: int
    changes: int
    open: Cents
    high: Cents
    low: Cents
    close: Cents
    mean: Annotated[float | None, Field(description="Weighted by time.")]
    coverage: Annotated[
        float, Field(ge=0, le=1, description="Share of the window whose price is known.")
    ]
    width_s: Annotated[
        int | None, Field(description="Seconds; null: the first release began this window.")
    ]
    carried: Annotated[
        bool | None,
        Field(
            description="A price known at the start counts for open, high and low; "
            "null: the first release began this window, and it counts for the mean only."
        ),
    ]


class LiveItem(_Output):
    """An item as its worker knows it, and its windows as they are so far."""

    item_id: ItemId
    name: str | None
    observed_at: Time
    offers: dict[str, LiveOffer]
    standing: Annotated[
        LiveStanding | None, Field(description="null: the seller side said nothing of it.")
    ]
    windows: list[Window]


class Source(_Output):
    """The place of the observation in the raw topic."""

    topic: str
    partition: int
    offset: int


class PastOffer(_Output):
    """An offer as it was known."""

    seller: str | None
    price_cents: Cents
    shipping_cents: Cents
    landed_cents: Cents
    two_day_cents: Cents
    available: bool
    changed_at: Annotated[Time | None, Field(description="null: the log no longer holds it.")]
    observed_at: Time
    known: Annotated[bool, Field(description="false: seen too long before to count as known then.")]
    source: Annotated[Source, Field(description="The observation that it was known by.")]


class PastBuyBox(_Output):
    """The holder of the buy box by the last word before."""

    holder: Literal["own", "rival", "none"]
    seller: str | None
    suppressed: bool
    since: Time


class PastItem(_Output):
    """An item as it was known at a time, recomputed from the raw topic."""

    item_id: ItemId
    at: Time
    name: str | None
    offers: dict[str, PastOffer]
    buy_box: PastBuyBox | None
    is_whole: Annotated[
        bool,
        Field(description="false: the log has lost its beginning; there may have been more."),
    ]


class Before(_Output):
    """An offer before a change."""

    price_cents: Cents
    shipping_cents: Cents
    landed_cents: Cents
    available: bool
    seller: str | None


class Change(_Output):
    """A price change."""

    offer: str
    seller: str | None
    kinds: list[Literal["first_seen", "price", "shipping", "availability", "seller"]]
    price_cents: Cents
    shipping_cents: Cents
    landed_cents: Cents
    available: bool
    previous: Before | None
    delta_cents: Annotated[
        int | None, Field(description="Of the landed price, else of the price, where known.")
    ]
    delta_pct: float | None
    observed_at: Time
    source: Source
    buy_box: Annotated[
        BuyBox | None,
        Field(description="Of the own offer: who held the buy box. No kinds: only this changed."),
    ]
    unreadable: Unreadable = None


class ItemChange(Change):
    """A price change of any item."""

    item_id: ItemId


class Changes(_Output):
    """A page of the price changes of all items, in the order of time."""

    changes: list[ItemChange]
    next_cursor: Cursor


class History(_Output):
    """A page of an item's price changes, oldest first."""

    item_id: ItemId
    changes: list[Change]
    next_cursor: Cursor


class Windows(_Output):
    """A page of an item's closed windows, oldest first."""

    item_id: ItemId
    windows: list[Window]
    next_cursor: Cursor


class Watched(_Output):
    """An item that is polled."""

    item_id: ItemId
    note: str | None
    added_at: Time | None
    tags: list[str]


class Watchlist(_Output):
    """A page of the watched items in the order of their ids as text."""

    items: list[Watched]
    total: int
    next_cursor: Cursor


class Added(_Output):
    """How many items are watched from now on, and which lines of a CSV file are none."""

    added: int
    rejected: list[RejectedRow]


class Removed(_Output):
    """An item that is no longer watched, whether it was or not."""

    removed: ItemId


class Taken(_Output):
    """Where a notification went: to its item; to wait for its item's id; or, since it says nothing
    about offers or cannot be right, to the dead letters."""

    taken: Literal["observation", "waiting", "dead_letter"]


class Token(_Output):
    """A bearer token."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(description="Seconds.")]


class OpenApi(BaseModel):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: Literal["3.1.0"]
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]


class LetterReason(_Output):
    """A reason for dead letters, and how many of the newest ones have it."""

    stage: str
    count: int
    newest: Time
    fault: Annotated[str, Field(alias="class")]


class DeadLetter(_Output):
    """A record that could not be processed, and the place that it came from."""

    id: str
    topic: str
    partition: int
    offset: int
    stage: str
    fault: Annotated[str, Field(alias="class")]
    message: str | None
    key: Annotated[str | None, Field(description="Its beginning.")]
    value: Annotated[str | None, Field(description="Its beginning; base64: is not text.")]
    bytes: int
    at: Time
    unreadable: Unreadable = None


class DeadLetters(_Output):
    """The newest dead letters, and the reasons of the newest ones."""

    reasons: list[LetterReason]
    counted: Annotated[int, Field(ge=0, description="Letters behind the reasons, the newest.")]
    letters: list[DeadLetter]
