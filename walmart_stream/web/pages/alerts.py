"""Alerts as a page: listed, filtered, and acknowledged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from aiohttp import web

from walmart_stream.domain.alerts.steps import acknowledged
from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.storage.alerts import find_alert
from walmart_stream.web.alert_inputs import AlertsQuery
from walmart_stream.web.alerts import alerts_data
from walmart_stream.web.context import Context
from walmart_stream.web.errors import BadRequest
from walmart_stream.web.pages.addresses import filled, query_of
from walmart_stream.web.pages.forms import read_form
from walmart_stream.web.pages.frame import csv_file, data, page, see
from walmart_stream.web.pages.inputs import AcknowledgeForm

ALERTS = 50
COLUMNS = (
    *("id", "rule", "item_id", "offer", "name", "severity", "state", "text", "why"),
    *("started_at", "raised_at", "acknowledged_at", "closed_at", "tags"),
)


def _choices(field: str) -> tuple[str, ...]:
    annotation = AlertsQuery.model_fields[field].annotation
    return tuple(one for part in get_args(annotation) for one in get_args(part))


STATES, SEVERITIES = _choices("state"), _choices("severity")


async def show(context: Context, request: web.Request) -> web.StreamResponse:
    """The page."""
    asked = _asked(request)
    found = await alerts_data(context, asked)
    following = found["next_cursor"]
    return page(
        context,
        request,
        "alerts.html",
        asked=asked,
        alerts=found["alerts"],
        states=STATES,
        severities=SEVERITIES,
        here=query_of(asked),
        more=None if following is None else query_of(asked, cursor=following),
        first=query_of(asked, cursor=None),
    )


async def answer(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's data."""
    return data(request, await alerts_data(context, _asked(request)))


async def answer_csv(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's alerts, a line for each."""
    found = await alerts_data(context, _asked(request))
    return csv_file(
        "alerts", [COLUMNS, *([_cell(one[name]) for name in COLUMNS] for one in found["alerts"])]
    )


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return "; ".join(value)
    return to_iso(to_ms(value)) if isinstance(value, datetime) else value


async def acknowledge(context: Context, request: web.Request) -> web.StreamResponse:
    """Say that a person knows of an alert; answered when the brokers have acknowledged it.

    It leads back to the same page of the list.
    """
    here = query_of(filled(AlertsQuery, request))
    form = await read_form(request, AcknowledgeForm)
    found = await find_alert(context.database, form.alert, context.seal)
    if found is None:
        raise BadRequest("alert: there is no such alert; it may have been removed")
    await context.live.add_step(_step(form.alert, found, to_ms(context.clock())))
    return see(f"/alerts{here}")


def _step(alert: str, found: Mapping[str, Any], now: int) -> Any:
    started = to_iso(to_ms(found["started_at"]))
    return acknowledged(alert, found["rule"], found["item_id"], found["offer"], started, now)


def _asked(request: web.Request) -> AlertsQuery:
    asked = filled(AlertsQuery, request)
    if "limit" not in asked.model_fields_set:
        asked = asked.model_copy(update={"limit": ALERTS})
    return asked
