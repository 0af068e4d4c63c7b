"""The web views on a Faust app: :data:`~walmart_stream.web.routes.ROUTES`, registered."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aiohttp import web
from faust.web import View

from walmart_stream.domain.windows import Rules
from walmart_stream.metrics import Metrics
from walmart_stream.settings import Settings
from walmart_stream.storage.sealed import FieldSeal
from walmart_stream.web import inputs, outputs
from walmart_stream.web.context import Context
from walmart_stream.web.errors import errors_as_json, json_response
from walmart_stream.web.failures import FAILURES, Failures, slow_failures
from walmart_stream.web.forward import NEIGHBOURS, ViewMethod, by_owner
from walmart_stream.web.guard import check_exposure, guard
from walmart_stream.web.headers import add_headers
from walmart_stream.web.kept import Kept
from walmart_stream.web.limits import LIMITS, Limits, bodies_in_time, only_probes_when_full
from walmart_stream.web.live import Live
from walmart_stream.web.openapi import describe
from walmart_stream.web.page_routes import FIRST, PAGES, page
from walmart_stream.web.pages import docs
from walmart_stream.web.pages.errors import errors_as_pages
from walmart_stream.web.ping import Ping
from walmart_stream.web.routes import ROUTES, Handler, Operation, Route
from walmart_stream.web.sessions import SESSIONS, Sessions
from walmart_stream.web.strict_requests import refuse_ambiguous
from walmart_stream.web.webhook_auth import WebhookAuth
from walmart_stream.web.work import Work
from walmart_stream.web.workers import PATIENCE, Workers

__all__ = ["all_routes", "application_options", "attach", "check_exposure", "middlewares"]

# Seconds. An item's owner answers from memory.
FORWARD_TIMEOUT = 5.0


def application_options(settings: Settings, limits: Limits = LIMITS) -> dict[str, Any]:
    """For the app's ``web_application_options``.

    Raises:
        SettingsError: see :func:`~walmart_stream.web.guard.check_exposure`.
    """
    return {"middlewares": middlewares(settings, limits), "client_max_size": limits.body}


def middlewares(settings: Settings, limits: Limits = LIMITS) -> list[Any]:
    """Errors as pages and as JSON, who failed to prove who they are, who may ask, who is too slow.

    Raises:
        SettingsError: see :func:`~walmart_stream.web.guard.check_exposure`.
    """
    check_exposure(settings)
    return [
        errors_as_pages,
        errors_as_json,
        only_probes_when_full,
        refuse_ambiguous,
        slow_failures(settings.web_trust_proxy),
        guard(settings),
        bodies_in_time(limits.patience),
    ]


def attach(
    app: Any,
    *,
    settings: Settings,
    live: Live,
    database: Any,
    metrics: Metrics,
    offers_table: Any,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    monotonic: Callable[[], float] = time.monotonic,
    forward_timeout: float = FORWARD_TIMEOUT,
    worker_patience: float = PATIENCE,
) -> None:
    """Register all views on the Faust app *app*, whose middlewares are :func:`middlewares`.

    *offers_table* has bytes as keys, so that Faust routes an item's view by the same hash as its
    observations. *clock* gives aware UTC times, *monotonic* seconds; an item's owner is waited
    for for *forward_timeout* seconds, each of several workers for *worker_patience*.
    """
    auth = None
    if settings.walmart_webhook_secret is not None:
        auth = WebhookAuth(settings, clock=lambda: clock().timestamp())
    sessions = None
    if settings.web_token is not None:
        sessions = Sessions(
            settings.web_token.get_secret_value(),
            lambda: clock().timestamp(),
            secure=settings.web_trust_proxy,
        )
        app.web.web_app[SESSIONS] = sessions
    seal = FieldSeal.of(settings)
    ping = Ping(database, monotonic)
    workers = Workers(
        app,
        offers_table,
        lambda: app.web.web_app[NEIGHBOURS],
        None if settings.web_token is None else settings.web_token.get_secret_value(),
        worker_patience,
    )
    rules = Rules.of(settings)
    context = Context(
        *(live, database, metrics, ping, clock, Work(), auth, seal),
        workers=workers,
        rules=rules,
        sessions=sessions,
        kept=Kept(monotonic),
    )
    for route in all_routes():
        methods = {}
        for method, operation in route.operations.items():
            if route.by_owner:
                call = by_owner(app, workers, context, operation.handler, forward_timeout)
            else:
                takes_turns = method == "GET" and not (route.is_open or operation.is_quick)
                call = _method(context, operation.handler, takes_turns)
            methods[method.lower()] = call
        name = next(iter(route.operations.values())).name
        app.page(route.path, name=name)(type(f"{name.title()}View", (View,), methods))
    app.web.web_app[FAILURES] = Failures(metrics, monotonic)
    app.web.web_app.on_response_prepare.append(add_headers)


def all_routes() -> tuple[Route, ...]:
    """Every route, with those that tell about the others.

    ``/`` comes first: Faust has a page of that path, too, which aiohttp would not add behind
    ours if ours were the last route.
    """
    routes: list[Route] = []

    # Making it takes tens of milliseconds, in which nothing else would be done.
    description = cache(lambda: describe(routes))

    async def openapi(context: Context, request: web.Request) -> web.StreamResponse:
        inputs.query(inputs.NoQuery, request)
        return json_response(description())

    show, index = docs.handlers(routes)
    listed = Operation("endpoints", index, "What can be asked.", outputs.Index)
    last = Operation("openapi", openapi, "This description.", outputs.OpenApi)
    routes += [
        FIRST,
        *PAGES,
        Route("/docs", {"GET": page("docs", show, "What can be asked, for people.")}),
        Route("/docs.json", {"GET": listed}),
        *ROUTES,
        Route("/api/openapi.json", {"GET": last}),
    ]
    return tuple(routes)


def _method(context: Context, handler: Handler, takes_turns: bool) -> ViewMethod:
    async def call(view: Any, request: web.Request, **match: str) -> web.StreamResponse:
        async with context.work.view if takes_turns else nullcontext():
            return await handler(context, request)

    return call
