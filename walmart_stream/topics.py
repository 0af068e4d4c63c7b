"""The topics: what each one holds, who writes it, how it is kept. Nothing else names one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kept(StrEnum):
    """The treatment of old records by the broker."""

    BY_TIME = "by time"
    COMPACTED = "compacted"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic. All topics have the same partition count.

    Keys are item ids as UTF-8 text, except in :data:`SELLER_NEWS`, :data:`ALERT_RULES` and
    :data:`PARTITIONS`.
    """

    name: str
    value: str
    writer: str
    kept: Kept


WATCHLIST = TopicSpec(
    "walmart-watchlist",
    value="what to poll for one item; empty = stop",
    writer="web views and CLI",
    kept=Kept.COMPACTED,
)
RAW = TopicSpec(
    "walmart-competitor-data",
    value="Observation: Walmart's item JSON untouched, in an envelope",
    writer="poll timer",
    kept=Kept.BY_TIME,
)
SELLER_NEWS = TopicSpec(
    "walmart-seller-news",
    value="of a SKU or GTIN: its item id, or a webhook event that lacks one; all in partition 0",
    writer="webhook view and poll timer",
    kept=Kept.BY_TIME,
)
RESULTS = TopicSpec(
    "walmart-data-processing",
    value="PriceChange and WindowClosed",
    writer="processing agent",
    kept=Kept.BY_TIME,
)
ALERT_RULES = TopicSpec(
    "walmart-alert-rules",
    value="one alert rule, or until when an item or a rule is muted; empty = removed",
    writer="web views and CLI",
    kept=Kept.COMPACTED,
)
ALERTS = TopicSpec(
    "walmart-alerts",
    value="a step of an alert: raised, acknowledged, closed",
    writer="processing agent, and of acknowledgements web views and CLI",
    kept=Kept.BY_TIME,
)
DEAD_LETTERS = TopicSpec(
    "walmart-dead-letter",
    value="the original bytes of what could not be processed",
    writer="every agent",
    kept=Kept.BY_TIME,
)

PARTITIONS = TopicSpec(
    "walmart-partitions",
    value="of a partition that was parked, or added and moved: where that stands, and why",
    writer="workers and CLI",
    kept=Kept.COMPACTED,
)

TOPICS = (
    WATCHLIST,
    RAW,
    SELLER_NEWS,
    RESULTS,
    ALERT_RULES,
    ALERTS,
    DEAD_LETTERS,
    PARTITIONS,
)
