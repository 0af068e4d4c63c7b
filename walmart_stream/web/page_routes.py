"""The routes of the pages and of their static files; see :mod:`walmart_stream.web.routes`."""

from __future__ import annotations

from walmart_stream.web import (
    alert_outputs,
    inputs,
    item_outputs,
    outputs,
    overview_outputs,
    series_outputs,
    system_outputs,
)
from walmart_stream.web.alert_inputs import AlertsQuery
from walmart_stream.web.guard import STATIC
from walmart_stream.web.pages import (
    alerts,
    item,
    items,
    login,
    overview,
    rules,
    static,
    system,
    watchlist,
)
from walmart_stream.web.pages import inputs as forms
from walmart_stream.web.routes import Handler, Operation, Route

HTML = {"text/html": "a page"}
CSV = {"text/csv": "with a header line"}
FORM = "application/x-www-form-urlencoded"
FILES = "multipart/form-data"


def page(name: str, handler: Handler, summary: str, **more: object) -> Operation:
    """An operation that shows a page."""
    return Operation(f"page_{name}", handler, summary, media=HTML, **more)  # type: ignore[arg-type]


def file(name: str, handler: Handler, summary: str, **more: object) -> Operation:
    """An operation that answers with a page's data as a CSV file."""
    return Operation(f"page_{name}", handler, summary, media=CSV, **more)  # type: ignore[arg-type]


FIRST = Route(
    "/",
    {
        "GET": page(
            "overview", overview.show, "Health, what needs you, figures, items.", errors=(503,)
        )
    },
)

PAGES = (
    Route(
        "/overview.json",
        {
            "GET": Operation(
                "page_overview_data",
                overview.answer,
                "The data of the first page.",
                overview_outputs.OverviewPage,
                errors=(503,),
            )
        },
    ),
    Route(
        "/overview.csv",
        {
            "GET": file(
                "overview_csv",
                overview.answer_csv,
                "The data of the first page, a line for each value.",
                errors=(503,),
            )
        },
    ),
    Route(
        "/items",
        {
            "GET": page(
                "items",
                items.show,
                "All items: sorted, filtered, searched.",
                query=inputs.ItemsQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/items.json",
        {
            "GET": Operation(
                "page_items_data",
                items.answer,
                "The data of the list of items.",
                item_outputs.Items,
                query=inputs.ItemsQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/items.csv",
        {
            "GET": file(
                "items_csv",
                items.answer_csv,
                "A page of the list of items, a line for each.",
                query=inputs.ItemsQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/items/{item_id}.json",
        {
            "GET": Operation(
                "page_item_data",
                item.answer,
                "The data of an item's page.",
                series_outputs.ItemPage,
                query=inputs.SeriesQuery,
                errors=(404, 503),
            )
        },
    ),
    Route(
        "/items/{item_id}.csv",
        {
            "GET": file(
                "item_csv",
                item.answer_csv,
                "The data of an item's chart, a line for each segment.",
                query=inputs.SeriesQuery,
                errors=(404, 503),
            )
        },
    ),
    Route(
        "/items/{item_id}",
        {
            "GET": page(
                "item",
                item.show,
                "An item: its prices, buy box, changes and windows.",
                query=inputs.SeriesQuery,
                errors=(404, 503),
            )
        },
    ),
    Route(
        "/alerts",
        {
            "GET": page(
                "alerts",
                alerts.show,
                "Alerts, newest first.",
                query=AlertsQuery,
                errors=(503,),
            ),
            "POST": Operation(
                "form_alerts",
                alerts.acknowledge,
                "The form that acknowledges an alert.",
                query=AlertsQuery,
                bodies={FORM: (forms.AcknowledgeForm,)},
                errors=(503,),
                leads_on=True,
            ),
        },
    ),
    Route(
        "/alerts.json",
        {
            "GET": Operation(
                "page_alerts_data",
                alerts.answer,
                "The data of the list of alerts.",
                alert_outputs.Alerts,
                query=AlertsQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/alerts.csv",
        {
            "GET": file(
                "alerts_csv",
                alerts.answer_csv,
                "A page of alerts, a line for each.",
                query=AlertsQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/watchlist.json",
        {
            "GET": Operation(
                "page_watchlist_data",
                watchlist.answer,
                "The data of the watchlist.",
                outputs.Watchlist,
                query=inputs.WatchlistQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/watchlist.csv",
        {
            "GET": file(
                "watchlist_csv",
                watchlist.answer_csv,
                "A page of the watchlist, as a file that can be imported again.",
                query=inputs.WatchlistQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/alerts/rules",
        {
            "GET": page(
                "rules",
                rules.show,
                "Alert rules, mutes and channels, with their forms.",
                query=forms.RulesQuery,
                errors=(404, 503),
            ),
            "POST": Operation(
                "form_rules",
                rules.change,
                "The form that saves, enables, disables or removes a rule.",
                bodies={FORM: (forms.RuleForm,)},
                errors=(409, 503),
                leads_on=True,
            ),
        },
    ),
    Route(
        "/alerts/rules.json",
        {
            "GET": Operation(
                "page_rules_data",
                rules.answer,
                "The data of the page of alert rules.",
                alert_outputs.Rules,
                errors=(503,),
            )
        },
    ),
    Route(
        "/alerts/rules.csv",
        {
            "GET": file(
                "rules_csv",
                rules.answer_csv,
                "The data of the page of alert rules, a line for each value.",
                errors=(503,),
            )
        },
    ),
    Route(
        "/alerts/mutes",
        {
            "POST": Operation(
                "form_mutes",
                rules.mute,
                "The form that mutes an item or a rule until a time.",
                bodies={FORM: (forms.MuteForm,)},
                errors=(503,),
                leads_on=True,
            ),
        },
    ),
    Route(
        "/alerts/channels",
        {
            "POST": Operation(
                "form_channels",
                rules.try_channel,
                "The form that sends a channel a message.",
                bodies={FORM: (forms.ChannelForm,)},
                media=HTML,
                errors=(503,),
            ),
        },
    ),
    Route(
        "/watchlist",
        {
            "GET": page(
                "watchlist",
                watchlist.show,
                "The watchlist, with its forms.",
                query=forms.WatchlistPageQuery,
                errors=(503,),
            ),
            "POST": Operation(
                "form_watchlist",
                watchlist.change,
                "The form that watches an item, or stops.",
                query=inputs.WatchlistQuery,
                bodies={FORM: (forms.WatchForm,)},
                errors=(503,),
                leads_on=True,
            ),
        },
    ),
    Route(
        "/watchlist/import",
        {
            "POST": Operation(
                "form_import",
                watchlist.take_file,
                "The form that shows, and then takes, a CSV file of items to watch.",
                bodies={FILES: (forms.ImportForm,), FORM: (forms.ImportForm,)},
                media=HTML,
                errors=(503,),
                leads_on=True,
            ),
        },
    ),
    Route(
        "/system",
        {
            "GET": page(
                "system",
                system.show,
                "Workers, partitions, and what could not be processed.",
                query=forms.SystemQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/system.json",
        {
            "GET": Operation(
                "page_system_data",
                system.answer,
                "The data of the system page.",
                system_outputs.SystemPage,
                query=inputs.NoQuery,
                errors=(503,),
            )
        },
    ),
    Route(
        "/system.csv",
        {
            "GET": file(
                "system_csv",
                system.answer_csv,
                "The data of the system page, a line for each value.",
                errors=(503,),
            )
        },
    ),
    Route(
        "/system/replay",
        {
            "POST": Operation(
                "form_replay",
                system.replay,
                "The form that puts dead letters back on their topics.",
                bodies={FORM: (forms.ReplayForm,)},
                errors=(503,),
                leads_on=True,
            )
        },
    ),
    Route(
        "/login",
        {
            "GET": page("login", login.show, "Sign in.", query=forms.LoginQuery),
            "POST": Operation(
                "form_login",
                login.sign_in,
                "The form that turns the token into a session's cookie.",
                query=forms.LoginQuery,
                bodies={FORM: (forms.LoginForm,)},
                errors=(401, 404),
                leads_on=True,
            ),
        },
    ),
    Route(
        "/logout",
        {
            "POST": Operation(
                "form_logout",
                login.sign_out,
                "The form that ends the session.",
                bodies={FORM: (forms.NoForm,)},
                leads_on=True,
            )
        },
    ),
    *(
        Route(
            f"{STATIC}{name}",
            {
                "GET": Operation(
                    "static_" + name.replace(".", "_").replace("-", "_"),
                    static.serve(name),
                    "A file that the pages load.",
                    query=forms.StaticQuery,
                    media={static.media_of(name): "the file"},
                )
            },
        )
        for name in static.NAMES
    ),
)
