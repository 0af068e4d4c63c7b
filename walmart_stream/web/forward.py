"""An item's live view is answered by the worker that owns its partition, whichever is asked.

The consumer group's assignment says whom to ask; nothing in the request does. What goes along are
the item's id and the headers of :data:`PASSED_ON`; the owner decides for itself who may ask. What
comes back are the status and a JSON body that looks like one of ours. A request is passed on once,
so that two workers whose views of the group differ do not pass it to and fro.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, DummyCookieJar, web
from yarl import URL

from walmart_stream.web.answers import LARGEST_ANSWER, Unusable, json_of
from walmart_stream.web.context import Context
from walmart_stream.web.errors import RETRY_AFTER, NotReady, Unauthorized, json_response
from walmart_stream.web.inputs import NoQuery, item_id_of, query
from walmart_stream.web.item_then import AT, item_then
from walmart_stream.web.items import require_tables
from walmart_stream.web.routes import Handler
from walmart_stream.web.workers import HOP, Workers

logger = logging.getLogger(__name__)

ViewMethod = Callable[..., Awaitable[web.StreamResponse]]

PASSED_ON = ("Accept", "Authorization", "X-Request-Id")

# What the description has for the view.
STATUSES = frozenset({200, 400, 401, 403, 404, 429, 500, 503})

NEIGHBOURS = web.AppKey("neighbours", ClientSession)


def by_owner(
    app: Any, workers: Workers, context: Context, handler: Handler, timeout: float
) -> ViewMethod:
    """A view's method that has *handler* called by the owner of ``{item_id}`` among *workers*.

    The owner is waited for for *timeout* seconds, to the end of its answer.
    """
    if _open_neighbours not in app.web.web_app.cleanup_ctx:
        app.web.web_app.cleanup_ctx.append(_open_neighbours)

    async def call(view: Any, request: web.Request, **match: str) -> web.StreamResponse:
        if AT in request.query:
            # The log is the same for every worker.
            async with context.work.view:
                return await item_then(context, request)
        query(NoQuery, request)
        item_id = item_id_of(request)
        # Before anybody is asked: while this worker rebalances, it does not know whom to ask.
        require_tables(context)
        owner = workers.owner(item_id)
        if owner is None:
            raise NotReady("no worker has the item's partition yet")
        if owner == workers.own_url:
            return await handler(context, request)
        if HOP in request.headers:
            raise NotReady("the item's partition is moving between workers")
        try:
            async with asyncio.timeout(timeout):
                return await _ask(owner, request, item_id, _proof(context, request))
        except (ClientError, TimeoutError) as exc:
            raise NotReady(f"the item's worker did not answer ({type(exc).__name__})") from None
        except Unusable as exc:
            logger.warning("what %s says of item %s is not passed on: %s", owner, item_id, exc)
            raise NotReady(f"the item's worker did not answer properly ({exc})") from None

    return call


async def _open_neighbours(web_app: web.Application) -> AsyncIterator[None]:
    """The connections to other workers: without cookies, proxies and credentials of their own."""
    async with ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as session:
        web_app[NEIGHBOURS] = session
        yield


def _proof(context: Context, request: web.Request) -> Mapping[str, str]:
    """Our own word for a browser that has signed in: its cookie does not go along."""
    sessions, workers = context.sessions, context.workers
    if "Authorization" in request.headers or sessions is None or workers is None:
        return {}
    return workers.proof if sessions.is_signed_in(request) else {}


async def _ask(
    owner: URL, request: web.Request, item_id: str, proof: Mapping[str, str]
) -> web.StreamResponse:
    """The owner's answer as ours.

    Raises:
        ClientError: there is none, or not all of it.
        Unusable: it is none that could be ours.
    """
    resource = request.match_info.route.resource
    assert resource is not None
    async with request.app[NEIGHBOURS].get(
        owner.with_path(resource.url_for(item_id=item_id).path),
        headers={**_passed_on(request), **proof, HOP: "1", "Accept-Encoding": "identity"},
        skip_auto_headers=("User-Agent",),
        allow_redirects=False,
    ) as response:
        if response.status not in STATUSES:
            raise Unusable(f"status {response.status}")
        body = await json_of(response, LARGEST_ANSWER)
        if (response.status == 200) is ("error" in body):
            raise Unusable("another form")
        return json_response(body, status=response.status, headers=_headers(response))


def _passed_on(request: web.Request) -> Mapping[str, str]:
    given = {name: request.headers.get(name, "") for name in PASSED_ON}
    # Bytes that are not text are surrogates here, which cannot be sent.
    return {name: value for name, value in given.items() if value and value.isprintable()}


def _headers(response: ClientResponse) -> Mapping[str, str]:
    """Those that belong to a status, in our words; the others are added to every answer."""
    if response.status == 401:
        return Unauthorized.headers
    if response.status in (429, 503):
        after = response.headers.get("Retry-After", "")
        return {"Retry-After": after if after.isascii() and after.isdigit() else RETRY_AFTER}
    return {}
