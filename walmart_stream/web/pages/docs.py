"""The list of views and their parameters, for people and as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from walmart_stream import __version__
from walmart_stream.web.context import Context
from walmart_stream.web.inputs import NoQuery, query
from walmart_stream.web.pages.frame import data, page

Handler = Callable[[Context, web.Request], Awaitable[web.StreamResponse]]


def handlers(routes: Sequence[Any]) -> tuple[Handler, Handler]:
    """The page and its data; *routes* may still grow."""

    def endpoints() -> list[dict[str, str]]:
        return [
            {"method": method, "path": route.path, "summary": operation.summary}
            for route in routes
            for method, operation in route.operations.items()
        ]

    async def show(context: Context, request: web.Request) -> web.StreamResponse:
        query(NoQuery, request)
        listed = [one for one in endpoints() if one["path"].startswith(("/api/", "/webhooks/"))]
        return page(context, request, "docs.html", endpoints=listed)

    async def index(context: Context, request: web.Request) -> web.StreamResponse:
        query(NoQuery, request)
        found = {"name": "walmart-stream", "version": __version__, "endpoints": endpoints()}
        return data(request, found)

    return show, index
