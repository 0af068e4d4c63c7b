"""The inputs of callers: query parameters and bodies, checked field by field."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from aiohttp import web
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.domain.tags import tag_of
from walmart_stream.domain.time import parse_iso, to_datetime
from walmart_stream.domain.watch import ItemId, Note, Tags, reason
from walmart_stream.web.errors import BadRequest

M = TypeVar("M", bound=BaseModel)

# The longest seller's name is in it, in UTF-8 and then base64.
MAX_CURSOR = 2_000
MAX_JSON_CHANGES = 1_000
# Entries or lines of a request. A body of the largest size holds less than this many that are
# right, and half a million that are nothing.
MAX_ENTRIES = 100_000
# How the description says what a note is checked for.
_NO_CONTROLS = r"^[^\u0000-\u001f\u007f-\u009f]*$"


# Ids in a question: with ids of twenty digits, half of the longest line that a server takes.
MOST_IDS = 200


def _check_ids(value: str) -> str:
    ids = value.split(",") if value else []
    if len(ids) > MOST_IDS or not all(ITEM_ID.fullmatch(one) for one in ids):
        raise ValueError(f"at most {MOST_IDS} item ids, separated by commas")
    return value


def _time(value: object) -> datetime:
    try:
        return to_datetime(parse_iso(str(value)))
    except ValueError:
        raise ValueError(
            "an ISO 8601 time with a time zone, from 1970 to 9998, is due, for example "
            "2026-11-22T18:00:00Z (in a URL, + is written %2B)"
        ) from None


Time = Annotated[
    datetime,
    BeforeValidator(_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
ItemSort = Literal[
    "item_id",
    "name",
    "changed_at",
    "own",
    "best_rival",
    "featured",
    "marketplace",
    "gap_cents",
    "gap_pct",
    "state",
    "holder",
]
Tag = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(tag_of)]
Cursor = Annotated[
    str,
    Field(max_length=MAX_CURSOR, description="next_cursor of the page before; opaque."),
]


# One item id or several with commas between them.
ITEM_IDS = f"^{ITEM_ID.pattern}(,{ITEM_ID.pattern})*$"


def _is_later(value: datetime | None, info: ValidationInfo) -> datetime | None:
    since = info.data.get("since")
    if value is not None and since is not None and value <= since:
        raise ValueError("must be later than from")
    return value


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, defer_build=True)


class NoQuery(_Input):
    """No parameters."""


class ItemsQuery(_Input):
    """A page of items."""

    q: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Words of the name or beginnings of them, or of an item id; all must match.",
    )
    tag: Tag | None = Field(None, description="Items with this tag.")
    state: Literal["winning", "competitive", "lost", "suppressed", "unknown"] | None = Field(
        None, description="Items whose own offer stands so."
    )
    sort: ItemSort = Field("item_id", description="Items without a value come last.")
    order: Literal["asc", "desc"] = "asc"
    cursor: Cursor | None = None
    limit: int = Field(100, ge=1, le=500, description="Items a page.")
    live: bool = Field(
        True, description="Ask the workers when the items were last seen, for 1.5 s at most."
    )


class SeenQuery(_Input):
    """Item ids."""

    ids: Annotated[
        str,
        Field(
            description=f"At most {MOST_IDS} item ids, separated by commas.",
            json_schema_extra={"pattern": r"^([1-9]\d{0,19}(,[1-9]\d{0,19}){0,199})?$"},
        ),
        AfterValidator(_check_ids),
    ] = ""


class ItemQuery(_Input):
    """An item now, or as it was known at a time."""

    at: Time | None = Field(None, description="As of this time, from the raw topic; else live.")


class WatchlistQuery(_Input):
    """A page of the watchlist."""

    tag: Tag | None = Field(None, description="Items with this tag.")
    cursor: Cursor | None = None
    limit: int = Field(1_000, ge=1, le=10_000, description="Entries a page.")


class LettersQuery(_Input):
    """The newest dead letters."""

    limit: int = Field(100, ge=1, le=1_000, description="Dead letters.")


class _SpanQuery(_Input):
    """A part of an item's series."""

    since: Time | None = Field(None, alias="from", description="From this time on.")
    until: Time | None = Field(None, alias="to", description="Before this time.")
    offer: str | None = Field(
        None, min_length=1, max_length=300, description="This offer only, for example featured."
    )
    cursor: Cursor | None = None

    _is_later = field_validator("until")(_is_later)


class ChangesQuery(_Input):
    """A page of the price changes of all items."""

    since: Time | None = Field(None, description="Observed at this time or later.")
    order: Literal["asc", "desc"] = Field("asc", description="Oldest or newest first.")
    cursor: Cursor | None = None
    limit: int = Field(100, ge=1, le=MAX_JSON_CHANGES, description="Changes a page.")


class WindowsQuery(_SpanQuery):
    """A page of an item's closed windows, oldest first."""

    limit: int = Field(100, ge=1, le=1_000, description="Windows a page.")


class HistoryQuery(_SpanQuery):
    """A page of an item's price changes, oldest first."""

    limit: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="Changes a page: by default 100 and at most 1000 as JSON, "
        "by default 10000 as CSV.",
    )
    format: Literal["json", "csv"] = Field("json", validate_default=True)

    @field_validator("format")
    @classmethod
    def _fits(cls, value: str, info: ValidationInfo) -> str:
        limit = info.data.get("limit")
        if value == "json" and limit is not None and limit > MAX_JSON_CHANGES:
            raise ValueError(f"json has at most {MAX_JSON_CHANGES} changes a page; see limit")
        return value

    @property
    def page_size(self) -> int:
        """The limit, or the format's default."""
        return self.limit or (100 if self.format == "json" else 10_000)


class SeriesQuery(_Input):
    """A span of an item's prices, as what was known when."""

    since: Time | None = Field(None, alias="from", description="From this time on.")
    until: Time | None = Field(None, alias="to", description="Before this time; by default now.")
    range: Literal["24h", "7d", "30d", "90d", "all"] | None = Field(
        None,
        description="Up to now, in the place of from and to. Where none of them is given: 7d, or "
        "as long as the item is known.",
    )
    offers: str | None = Field(
        None,
        min_length=1,
        max_length=1_600,
        description="Names with commas between them, five at most, best_rival among them; by "
        "default own,best_rival,featured, or featured,marketplace where there is no own offer.",
    )
    price: Literal["landed", "item"] = Field(
        "landed", description="With standard shipping, or the item's alone."
    )
    points: int = Field(
        1_440,
        ge=10,
        le=20_000,
        description="A series with more segments is thinned to about this number: twice the "
        "width in pixels. Minimum, maximum and every gap stay.",
    )

    _is_later = field_validator("until")(_is_later)

    @field_validator("range")
    @classmethod
    def _stands_alone(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and (info.data.get("since") or info.data.get("until")):
            raise ValueError("is due, or from and to: not both")
        return value


def _no_parquet(value: object) -> object:
    if value == "parquet":
        raise ValueError("csv or ndjson is due; the command `walmart-stream export` makes parquet")
    return value


class ExportQuery(_Input):
    """The documents of an export, and its form."""

    since: Time | None = Field(None, alias="from", description="From this time on.")
    until: Time | None = Field(None, alias="to", description="Before this time.")
    item: str | None = Field(
        None,
        pattern=ITEM_IDS,
        max_length=2_000,
        description="Of these items only: ids with commas between them.",
    )
    tag: str | None = Field(
        None, min_length=1, max_length=100, description="Of the items with this tag; without item."
    )
    format: Annotated[Literal["csv", "ndjson"], BeforeValidator(_no_parquet)] = "csv"

    @field_validator("tag")
    @classmethod
    def _stands_alone(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("item") is not None:
            raise ValueError("is due, or item: not both")
        return value

    bom: bool = Field(False, description="Begin CSV with a byte order mark, as Excel wants it.")

    _is_later = field_validator("until")(_is_later)

    @property
    def items(self) -> tuple[str, ...] | None:
        """The ids; ``None`` for all."""
        return None if self.item is None else tuple(dict.fromkeys(self.item.split(",")))


class WatchOne(_Input):
    """An item to watch."""

    item_id: ItemId
    note: Annotated[Note, Field(json_schema_extra={"pattern": _NO_CONTROLS})] | None = None
    tags: Tags = ()


def _bare_id(value: object) -> object:
    return {"item_id": value} if isinstance(value, str) else value


_OneOfMany = Annotated[
    WatchOne, BeforeValidator(_bare_id, json_schema_input_type=WatchOne | ItemId)
]


class WatchMany(_Input):
    """Items to watch; an id alone stands for an entry without a note."""

    items: Annotated[
        list[
            Annotated[WatchOne, BeforeValidator(_bare_id, json_schema_input_type=WatchOne | ItemId)]
        ],
        # The first bad one is enough.
        Field(min_length=1, max_length=MAX_ENTRIES, fail_fast=True),
    ]


class Notification(BaseModel):
    """An event as Walmart sends it; it is kept as it comes."""

    model_config = ConfigDict(extra="allow")

    source: dict[str, Any]
    payload: dict[str, Any]


def query(model: type[M], request: web.Request) -> M:
    """The query parameters of *request*.

    Raises:
        BadRequest: one is unknown, given twice or wrong; the message names it.
    """
    return check(model, single_values(request))


def single_values(request: web.Request) -> dict[str, str]:
    """The query parameters of *request* by name.

    Raises:
        BadRequest: one is given twice.
    """
    values: dict[str, str] = {}
    for name, value in request.query.items():
        if name in values:
            raise BadRequest(f"{name[:40]}: given more than once")
        values[name] = value
    return values


def check(model: type[M], values: Any) -> M:
    """*values* as a *model*.

    Raises:
        BadRequest: the message names the field.
    """
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        raise BadRequest(reason(exc)) from None


def item_id_of(request: web.Request) -> str:
    """The item id in the path.

    Raises:
        BadRequest: it is none.
    """
    item_id = request.match_info["item_id"]
    if not ITEM_ID.fullmatch(item_id):
        raise BadRequest("item_id: a number of 1 to 20 digits without a leading zero is due")
    return item_id
