"""The answer for the first screen."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from walmart_stream.domain.watch import ItemId
from walmart_stream.web.item_outputs import Items
from walmart_stream.web.outputs import Time
from walmart_stream.web.system_outputs import Count, Quota, Seconds

State = Literal["ok", "warn", "bad"]
Share = Annotated[float | None, Field(ge=0, le=1)]


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class HealthPart(_Output):
    """One thing that is well or not."""

    name: Literal["Items", "Kafka", "MongoDB", "Walmart", "Workers", "Verified"]
    state: State
    text: str


class OverviewHealth(_Output):
    """One sentence and its parts; bad only if a person must do something."""

    state: State
    sentence: str
    todo: Annotated[list[str], Field(description="What must be done, if anything.")]
    parts: list[HealthPart]


class Action(_Output):
    """A link."""

    label: str
    href: str


class Need(_Output):
    """An item that needs the seller."""

    kind: Literal["lost", "suppressed", "unpublished", "undercut", "not_seen"]
    item_id: ItemId
    name: str | None
    text: str
    since: Time | None
    action: Action


class NeedCount(_Output):
    """How many items have a need."""

    count: Count
    is_at_least: bool


class ShareFigure(_Output):
    """A share in the last 24 hours, and in the 24 hours before them."""

    now: Share
    before: Share


class CountFigure(_Output):
    """A number of items now, and 24 hours ago."""

    now: Count | None
    before: Count | None


class ChangesFigure(_Output):
    """Price changes in the last 24 hours, and in the 24 hours before them."""

    now: Count
    up: Count
    down: Count
    before: Count
    is_at_least: bool


class Verified(_Output):
    """The last verdict of walmart-stream verify."""

    verdict: Literal["clean", "not_clean", "cannot_be_told"]
    at: Time


class Figures(_Output):
    """The shop in figures; estimates where ``sampled`` is less than ``items``."""

    items: Count
    sampled: Count
    as_of: Time
    age_seconds: Seconds
    buy_box_share: Annotated[
        ShareFigure, Field(description="Of the time for which its holder is known, all items.")
    ]
    above_best_rival: Annotated[
        CountFigure, Field(description="Own landed price above the best rival's, where known.")
    ]
    price_changes: ChangesFigure
    verified: Annotated[Verified | None, Field(description="null: never, as far as is known.")]


class QuotaFigure(Quota):
    """The day's calls, and how old what is seen with them is."""

    share_before: Annotated[Share, Field(description="Yesterday's, of what is granted today.")]
    median_age_seconds: Seconds


class Overview(_Output):
    """The first screen."""

    at: Time
    health: OverviewHealth
    needs_you: Annotated[list[Need], Field(max_length=5)]
    needs_counts: dict[str, NeedCount]
    needs_unlisted: Annotated[
        str | None, Field(description="Why some or all needs cannot be listed.")
    ]
    figures: Annotated[Figures | None, Field(description="null: MongoDB does not answer.")]
    quota: QuotaFigure


class OverviewPage(_Output):
    """All that the first page shows."""

    overview: Overview
    items: Annotated[
        Items | None, Field(description="Those that changed last; null: MongoDB is away.")
    ]
