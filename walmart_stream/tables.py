"""The tables: what each one holds and who writes it. Nothing else names one.

Keys and values are bytes (JSON inside); a key belongs to the partition of its item, so that an
item's watch, observations, state and web view live on the same worker. What is known of the
seller's SKUs has no item yet: it is all in one partition.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from walmart_stream import topics
from walmart_stream.domain import state, watch
from walmart_stream.domain.alerts import state as alert_state
from walmart_stream.domain.schedule import poll
from walmart_stream.runtime import window_keys
from walmart_stream.runtime.packed import Form, KeyForm, Packed
from walmart_stream.settings import Settings

if TYPE_CHECKING:
    # The names are wanted by commands, too, which do not need Faust.
    from walmart_stream.engine.app import StreamApp
    from walmart_stream.engine.tables import AwaitedTable

OFFERS = "offers"
PRICE_WINDOWS = "price-windows"
WATCHLIST = "watchlist"
POLLS = "polls"
OWN_ITEMS = "own-items"
ALERTS = "alerts"


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table.

    ``windowed``: its keys name a window of time, and old ones are dropped. ``made_of``: the topic
    without whose older records its content cannot be made again.
    """

    name: str
    windowed: bool = False
    made_of: str | None = None


TABLES = (
    TableSpec(OFFERS, made_of=topics.RAW.name),
    TableSpec(PRICE_WINDOWS, windowed=True),
    TableSpec(WATCHLIST, made_of=topics.WATCHLIST.name),
    TableSpec(POLLS),
    TableSpec(OWN_ITEMS, made_of=topics.SELLER_NEWS.name),
    TableSpec(ALERTS),
)


def changelog_name(settings: Settings, table: TableSpec) -> str:
    """The topic of the changelog of *table*, as Faust names it."""
    return f"{settings.app_id}-{table.name}-changelog"


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables of the app.

    ``offers``: item id -> :class:`~walmart_stream.domain.state.ItemState`, the authority.
    ``price_windows``: windowed by event time, (item id, window) -> what it came to, of the window
    before the newest one, which is part of the state.
    ``watchlist``: item id -> what to poll. ``polls``: item id -> when and how it was polled last.
    ``own_items``, in partition 0 only: SKU or GTIN -> item id, events that wait for one, and how
    far the polling of the seller side is; see :mod:`walmart_stream.agents.own_items`.
    ``alerts``: item id -> where its alert rules stand
    (:class:`~walmart_stream.domain.alerts.state.ItemAlerts`), and each partition's
    :class:`~walmart_stream.domain.alerts.state.Progress`.
    """

    offers: AwaitedTable
    price_windows: Any
    watchlist: AwaitedTable
    polls: AwaitedTable
    own_items: AwaitedTable
    alerts: AwaitedTable


def create_tables(app: StreamApp, settings: Settings) -> Tables:
    """Declare the tables on *app*."""
    table: Any = partial(app.Table, partitions=settings.kafka_partitions, value_type=bytes)
    offers = table(OFFERS, key_type=bytes)
    offers.age = state.age
    price_windows = table(PRICE_WINDOWS, key_type=str).tumbling(settings.window_size)
    watchlist = table(WATCHLIST, key_type=bytes)
    polls = table(POLLS, key_type=bytes)
    own_items = table(OWN_ITEMS, key_type=bytes)
    alerts = table(ALERTS, key_type=bytes)
    alerts.age = alert_state.age
    # All but the offers are looked at less than once an observation.
    watchlist.pack = partial(Packed, Form(watch.shorten, watch.lengthen))
    polls.pack = partial(Packed, Form(poll.shorten, poll.lengthen))
    window_form = KeyForm(window_keys.shorten, window_keys.lengthen)
    price_windows.table.pack = partial(Packed, key_form=window_form)
    return Tables(offers, price_windows, watchlist, polls, own_items, alerts)
