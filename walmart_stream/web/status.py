"""The worker itself: alive, ready, its figures."""

from __future__ import annotations

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from walmart_stream.web.context import Context
from walmart_stream.web.errors import NotReady, json_response
from walmart_stream.web.inputs import NoQuery, query
from walmart_stream.web.live import MONGODB


async def livez(context: Context, request: web.Request) -> web.StreamResponse:
    """Whether the event loop answers."""
    return json_response({"status": "alive"})


async def readyz(context: Context, request: web.Request) -> web.StreamResponse:
    """Whether every check passes; 503 names those that do not.

    Either way, how old the news is.

    Parked partitions are named, too: they need a person, but the worker serves.
    """
    health = dict(context.live.health())
    failing = dict(context.live.failing())
    fault = await context.ping.fault()
    if fault is not None:
        failing.setdefault(MONGODB, fault)
    if failing:
        message = "; ".join(f"{name}: {reason}" for name, reason in failing.items())
        raise NotReady(message, failing=failing, health=health)
    parked = context.live.parked()
    return json_response({"status": "ready", **health, **({"parked": parked} if parked else {})})


async def stats(context: Context, request: web.Request) -> web.StreamResponse:
    """This worker's counters, lag, partitions and uptime."""
    query(NoQuery, request)
    return json_response(context.live.stats())


async def metrics(context: Context, request: web.Request) -> web.StreamResponse:
    """This worker's metrics in the Prometheus text format."""
    context.live.stats()  # brings the gauges up to date
    return web.Response(
        body=generate_latest(context.metrics.registry),
        headers={"Content-Type": CONTENT_TYPE_LATEST},
    )
