"""The answers about the system as a whole."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from walmart_stream.web.outputs import DeadLetters, ParkedPartition, Time

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float | None, Field(ge=0)]


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class Sight(_Output):
    """Estimates, by the rates that polls have learned: the changes seen, and how late."""

    changes_a_day: Annotated[float, Field(ge=0, description="Of all items polled.")]
    changes_seen_share: Annotated[
        float, Field(ge=0, le=1, description="Found before the next change hides them.")
    ]
    unseen_mean_s: Annotated[
        float, Field(ge=0, description="From a change to the item's next poll.")
    ]


class TotalSight(Sight):
    """The same of all workers, and what a change costs."""

    calls_per_seen_change: Annotated[
        float | None,
        Field(ge=0, description="Since the workers' starts; null: they have seen none yet."),
    ]


class Polling(_Output):
    """A worker's polls of the affiliate side."""

    enabled: bool | None
    watched_items: Count | None
    calls_today: Count | None
    calls_left_today: Count | None
    calls_yesterday: Count | None
    oldest_due_poll_seconds: Seconds
    slow_because: str | None
    sight: Sight | None
    last_error: str | None
    last_error_at: Time | None


class Process(_Output):
    """A worker's process."""

    memory_bytes: float | None
    cpu_seconds: float | None
    open_files: float | None


class Worker(_Output):
    """A worker that answered; null is what one of another release does not say."""

    name: Annotated[str, Field(description="Host and port.")]
    version: str | None
    ready: bool | None
    uptime_seconds: Seconds
    partitions: list[int]
    lag: dict[str, Count]
    warnings: list[str]
    newest_observation_age_seconds: Seconds
    polling: Polling
    process: Process


class Quota(_Output):
    """Calls granted by Walmart for the day (UTC)."""

    calls_today: Count
    calls_left_today: Count
    calls_yesterday: Count
    share: Annotated[float | None, Field(ge=0, le=1, description="Used of today's.")]


class RequestErrors(_Output):
    """Failed requests since the workers' starts."""

    side: Literal["affiliate", "seller"]
    error: str
    count: Count


class Bar(_Output):
    """Items seen at most ``up_to_s`` seconds ago and longer ago than the bar before."""

    up_to_s: Annotated[int | None, Field(description="null: any time.")]
    items: Count


class Ages(_Output):
    """How long ago watched items were seen; estimates where ``sampled`` is less than ``items``."""

    items: Count
    sampled: Count
    never: Annotated[Count, Field(description="Not seen yet.")]
    median_s: Seconds
    p95_s: Seconds
    oldest_s: Seconds
    histogram: list[Bar]


class Parked(ParkedPartition):
    """A parked partition, and whose it is."""

    worker: str


class System(_Output):
    """All workers, and the sums over those that answered in time."""

    at: Time
    workers: list[Worker]
    silent: Annotated[list[str], Field(description="Workers that did not answer in time, and why.")]
    lag: Annotated[dict[str, Count], Field(description="Records not yet processed, by topic.")]
    quota: Quota
    sight: TotalSight | None
    request_errors: list[RequestErrors]
    dead_letters: Annotated[
        dict[str, Count], Field(description="Since the workers' starts, by stage.")
    ]
    freshness: Ages
    parked: list[Parked]


class SystemPage(_Output):
    """All that the system page shows."""

    system: System
    failing: Annotated[
        dict[str, str], Field(description="Checks that the asked worker fails, and why.")
    ]
    dead_letters: Annotated[DeadLetters | None, Field(description="null: MongoDB is away.")]
