"""An item's live view is answered by the worker that owns its partition, whichever is asked.

Faust's ``table_route`` asks the owner. Added here: at most one hop, so that two workers whose
views of the group differ do not pass a request to and fro; a limit of time; errors in our form.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import ClientError, web
from faust.web.exceptions import ServiceUnavailable
from multidict import CIMultiDict

from walmart_stream.web.context import Context
from walmart_stream.web.errors import NotReady
from walmart_stream.web.inputs import item_id_of
from walmart_stream.web.items import require_tables
from walmart_stream.web.routes import Handler

HOP = "X-Walmart-Stream-Forwarded"

ViewMethod = Callable[..., Awaitable[web.StreamResponse]]


def by_owner(
    app: Any, table: Any, context: Context, handler: Handler, timeout: float
) -> ViewMethod:
    """A view's method that has *handler* called by the owner of ``{item_id}`` in *table*.

    The owner is waited for for *timeout* seconds.
    """

    async def here(view: Any, request: web.Request, **match: str) -> web.StreamResponse:
        return await handler(context, request)

    there: ViewMethod = app.table_route(table=table, match_info="item_id")(here)

    async def call(view: Any, request: web.Request, **match: str) -> web.StreamResponse:
        item_id = item_id_of(request)
        # Before anybody is asked: while this worker rebalances, it does not know whom to ask.
        require_tables(context)
        if HOP in request.headers:
            if not _is_here(app, table, item_id):
                raise NotReady("the item's partition is moving between workers")
            return await here(view, request, **match)
        headers = CIMultiDict(request.headers)
        headers[HOP] = "1"
        try:
            async with asyncio.timeout(timeout):
                return await there(view, request.clone(headers=headers), **match)
        except ServiceUnavailable:
            raise NotReady("no worker has the item's partition yet") from None
        except (ClientError, TimeoutError) as exc:
            raise NotReady(f"the item's worker did not answer ({type(exc).__name__})") from None

    return call


def _is_here(app: Any, table: Any, item_id: str) -> bool:
    try:
        owner = app.router.key_store(table.name, item_id)
    except KeyError:
        return False
    ours = app.conf.canonical_url
    return bool((owner.host, owner.port) == (ours.host, ours.port))
