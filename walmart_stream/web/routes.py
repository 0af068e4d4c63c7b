"""Every operation of the web views, once. What is served and what is described come from here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from walmart_stream.web import (
    alert_inputs,
    alert_outputs,
    alerts,
    dead_letters,
    exports,
    inputs,
    item_list,
    item_outputs,
    item_series,
    items,
    outputs,
    overview,
    overview_outputs,
    seen,
    series,
    series_outputs,
    status,
    system,
    system_outputs,
    watchlist,
    webhooks,
)
from walmart_stream.web.context import Context
from walmart_stream.web.guard import OPEN, WEBHOOKS, is_public

Handler = Callable[[Context, web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a path.

    ``answer`` is the model of its JSON, ``or_else`` another one that a parameter asks for;
    ``media`` names other types that it can answer in, with a line about each. ``bodies`` maps
    content types to models, or ``None`` for text. ``errors`` are the statuses that it can end with
    besides those that its method, path and bodies bring along. ``leads_on``: a form, which ends
    with 303 and the address of a page. ``is_quick``: answered from memory, it waits for no turn;
    workers ask each other for it while they hold turns of their own.
    """

    name: str
    handler: Handler
    summary: str
    answer: type[BaseModel] | None = None
    or_else: type[BaseModel] | None = None
    query: type[BaseModel] = inputs.NoQuery
    media: Mapping[str, str] = field(default_factory=dict)
    bodies: Mapping[str, tuple[type[BaseModel], ...]] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    leads_on: bool = False
    is_quick: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """A path and its operations by method. ``by_owner``: asked of the item's worker."""

    path: str
    operations: Mapping[str, Operation]
    by_owner: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is answered without a token."""
        return self.path in OPEN

    @property
    def is_webhook(self) -> bool:
        """Whether its caller proves itself as the sender of webhooks."""
        return self.path in WEBHOOKS

    @property
    def is_public(self) -> bool:
        """Whether anybody may ask: a probe, or a browser that has not signed in."""
        return is_public(self.path)

    @property
    def is_page(self) -> bool:
        """Whether browsers open it: its errors are pages where a page is asked for."""
        return any(
            "text/html" in operation.media or operation.leads_on
            for operation in self.operations.values()
        )


ROUTES = (
    Route(
        "/livez",
        {"GET": Operation("livez", status.livez, "Is the process alive?", outputs.Alive)},
    ),
    Route(
        "/readyz",
        {
            "GET": Operation(
                "readyz",
                status.readyz,
                "Is the worker ready? 503 names the failed checks.",
                outputs.Ready,
                errors=(503,),
            )
        },
    ),
    Route(
        "/metrics",
        {
            "GET": Operation(
                "metrics",
                status.metrics,
                "This worker's metrics, for Prometheus.",
                media={CONTENT_TYPE_LATEST.partition(";")[0]: "Prometheus text format"},
            )
        },
    ),
    Route(
        "/api/stats",
        {
            "GET": Operation(
                "stats",
                status.stats,
                "This worker's counters and lag.",
                outputs.Stats,
                is_quick=True,
            )
        },
    ),
    Route(
        "/api/overview",
        {
            "GET": Operation(
                "overview",
                overview.overview,
                "The first screen: health, what needs the seller, and four figures.",
                overview_outputs.Overview,
            )
        },
    ),
    Route(
        "/api/system",
        {
            "GET": Operation(
                "system",
                system.system,
                "All workers: partitions, lag, quota, request errors, freshness.",
                system_outputs.System,
            )
        },
    ),
    Route(
        "/api/items",
        {
            "GET": Operation(
                "items",
                item_list.items,
                "All items with their current offers, in any order, filtered or searched.",
                item_outputs.Items,
                query=inputs.ItemsQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        seen.PATH,
        {
            "GET": Operation(
                "seen",
                seen.seen,
                "When this worker last saw items of its own.",
                item_outputs.Seen,
                query=inputs.SeenQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/api/items/{item_id}",
        {
            "GET": Operation(
                "item",
                items.item,
                "Live state and current windows of an item, from its worker's tables; or with `at` "
                "what was known of it then.",
                outputs.LiveItem,
                or_else=outputs.PastItem,
                query=inputs.ItemQuery,
                errors=(404, 410, 503),
            )
        },
        by_owner=True,
    ),
    Route(
        "/api/items/{item_id}/history",
        {
            "GET": Operation(
                "history",
                series.history,
                "Price changes of an item, oldest first.",
                outputs.History,
                query=inputs.HistoryQuery,
                media={"text/csv": "with a header line; the next page is in the Link header"},
                errors=(404, 503),
            )
        },
    ),
    Route(
        "/api/items/{item_id}/series",
        {
            "GET": Operation(
                "item_series",
                item_series.item_series,
                "Prices of an item's offers over a span: what was known when, and the buy box.",
                series_outputs.ItemSeries,
                query=inputs.SeriesQuery,
                errors=(404, 503),
            )
        },
    ),
    Route(
        "/api/items/{item_id}/series.csv",
        {
            "GET": Operation(
                "item_series_csv",
                item_series.item_series_csv,
                "The same as CSV.",
                query=inputs.SeriesQuery,
                media={"text/csv": "with a header line"},
                errors=(404, 503),
            )
        },
    ),
    Route(
        "/api/items/{item_id}/windows",
        {
            "GET": Operation(
                "windows",
                series.windows,
                "Closed price windows of an item, oldest first.",
                outputs.Windows,
                query=inputs.WindowsQuery,
                errors=(404, 503),
            )
        },
    ),
    Route(
        "/api/changes",
        {
            "GET": Operation(
                "changes",
                series.changes,
                "Price changes of all items, in the order of time.",
                outputs.Changes,
                query=inputs.ChangesQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/api/export/{what}",
        {
            "GET": Operation(
                "export",
                exports.export,
                "Everything of one kind that is stored, as a file of any length.",
                query=inputs.ExportQuery,
                media={
                    "text/csv": "with a header line",
                    "application/x-ndjson": "one document a line",
                },
                errors=(404, 503),
            )
        },
    ),
    Route(
        "/api/watchlist",
        {
            "GET": Operation(
                "watchlist",
                watchlist.listing,
                "The watched items, of all workers.",
                outputs.Watchlist,
                query=inputs.WatchlistQuery,
                errors=(503,),
            ),
            "POST": Operation(
                "watch",
                watchlist.add,
                "Watch items.",
                outputs.Added,
                bodies={
                    "application/json": (inputs.WatchOne, inputs.WatchMany),
                    "text/csv": (),
                },
                errors=(503,),
            ),
        },
    ),
    Route(
        "/api/watchlist/{item_id}",
        {
            "DELETE": Operation(
                "unwatch",
                watchlist.remove,
                "Stop watching an item.",
                outputs.Removed,
                errors=(503,),
            )
        },
    ),
    Route(
        "/api/alerts",
        {
            "GET": Operation(
                "alerts",
                alerts.listing,
                "Alerts, newest first.",
                alert_outputs.Alerts,
                query=alert_inputs.AlertsQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/api/alerts/{alert_id}/acknowledge",
        {
            "POST": Operation(
                "acknowledge",
                alerts.acknowledge,
                "Say that a person knows of an alert.",
                alert_outputs.Acknowledged,
                bodies={"application/json": (alert_inputs.Nothing,)},
                errors=(404, 503),
            )
        },
    ),
    Route(
        "/api/alert-rules",
        {
            "GET": Operation(
                "alert_rules",
                alerts.rules,
                "All rules of alerts, what is muted, and the channels.",
                alert_outputs.Rules,
                errors=(503,),
            ),
            "POST": Operation(
                "add_alert_rules",
                alerts.add_rules,
                "Add rules, or change those of the same names: all of them or none.",
                alert_outputs.RulesAdded,
                bodies={
                    "application/json": (alert_inputs.RuleOne, alert_inputs.RuleMany),
                    "application/toml": (),
                },
                query=alert_inputs.VersionQuery,
                errors=(409, 503),
            ),
            "DELETE": Operation(
                "remove_alert_rule",
                alerts.remove_rule,
                "Remove a rule, which ends its open alerts.",
                alert_outputs.RuleRemoved,
                query=alert_inputs.RuleQuery,
                errors=(409, 503),
            ),
        },
    ),
    Route(
        "/api/alert-rules/{name}",
        {
            "DELETE": Operation(
                "remove_named_alert_rule",
                alerts.remove_named_rule,
                "The same, by its path.",
                alert_outputs.RuleRemoved,
                query=alert_inputs.VersionQuery,
                errors=(409, 503),
            )
        },
    ),
    Route(
        "/api/alert-mutes",
        {
            "POST": Operation(
                "mute_alerts",
                alerts.mute,
                "Tell nobody of an item's or a rule's alerts until a time.",
                alert_outputs.Mute,
                bodies={"application/json": (alert_inputs.MuteOne,)},
                errors=(503,),
            )
        },
    ),
    Route(
        "/api/alert-channels/{channel}/test",
        {
            "POST": Operation(
                "try_alert_channel",
                alerts.try_channel,
                "Send a channel a message.",
                alert_outputs.Tried,
                bodies={"application/json": (alert_inputs.Nothing,)},
                errors=(404, 503),
            )
        },
    ),
    Route(
        "/api/dead-letters",
        {
            "GET": Operation(
                "dead_letters",
                dead_letters.listing,
                "The newest records that could not be processed, and why.",
                outputs.DeadLetters,
                query=inputs.LettersQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/webhooks/walmart",
        {
            "POST": Operation(
                "webhook",
                webhooks.receive,
                "Take a notification of Walmart; answered when it is durable.",
                outputs.Taken,
                bodies={"application/json": (inputs.Notification,)},
                errors=(401, 404, 503),
            )
        },
    ),
    Route(
        "/webhooks/walmart/token",
        {
            "POST": Operation(
                "webhook_token",
                webhooks.token,
                "A bearer token for webhooks (Walmart's authMethod OAUTH).",
                outputs.Token,
                errors=(401, 404),
            )
        },
    ),
)
