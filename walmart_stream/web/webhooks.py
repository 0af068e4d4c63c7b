"""Walmart's notifications: authenticated, made durable, and only then acknowledged."""

from __future__ import annotations

import asyncio

from aiohttp import web

from walmart_stream.web.context import Context
from walmart_stream.web.errors import NotFound, Unauthorized, UnsupportedMedia, json_response
from walmart_stream.web.webhook_auth import WebhookAuth

# Walmart's events are some kilobytes.
LARGEST_BODY = 1_000_000

# Seconds for a whole body: who sends slower keeps a connection for nothing.
READ_TIMEOUT = 20.0


async def receive(context: Context, request: web.Request) -> web.StreamResponse:
    """Take an event; answered when the brokers have acknowledged it."""
    auth = _auth(context)
    try:
        if (request.content_length or 0) > LARGEST_BODY:
            raise web.HTTPRequestEntityTooLarge(LARGEST_BODY, request.content_length or 0)
        if request.headers.get("Content-Encoding", "identity") != "identity":
            # What was signed is what was sent, not what comes of unpacking it.
            raise UnsupportedMedia("Content-Encoding: none is due")
        auth.check_before_body(request.headers)
        body = await _read(request)
        auth.check(request.headers, body, request.method, request.path_qs)
    except (Unauthorized, web.HTTPException):
        context.metrics.webhooks.labels("refused").inc()
        raise
    return json_response({"taken": await context.live.take_event(body)})


async def token(context: Context, request: web.Request) -> web.StreamResponse:
    """Give a bearer token for webhooks to who shows client id and secret."""
    made, life = _auth(context).token(request.headers)
    return json_response({"access_token": made, "token_type": "Bearer", "expires_in": life})


def _auth(context: Context) -> WebhookAuth:
    if context.webhook_auth is None:
        raise NotFound("webhooks are taken where WALMART_WEBHOOK_SECRET is set")
    return context.webhook_auth


async def _read(request: web.Request) -> bytes:
    """The body.

    Raises:
        HTTPRequestEntityTooLarge: there is more than is taken; the rest was not read.
        HTTPRequestTimeout: it does not come.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise web.HTTPRequestEntityTooLarge(LARGEST_BODY, len(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    return bytes(body)
