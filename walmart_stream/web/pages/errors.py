"""Refusals and failures as pages, for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from walmart_stream.web.guard import SIGN_IN, route_of
from walmart_stream.web.pages.frame import render
from walmart_stream.web.wanted import own_path, wants_page

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TITLES = {
    400: "That cannot be read",
    401: "Please sign in",
    403: "Not from here",
    404: "Not found",
    409: "Somebody else was faster",
    429: "Too many tries",
    503: "Not ready yet",
}
# Headers of a refusal that a page keeps; the others describe its JSON.
_KEPT = ("Retry-After", "WWW-Authenticate", "Allow", "Set-Cookie")


@web.middleware
async def errors_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The middleware that shows an error as a page, with the very words of its JSON."""
    response = await handler(request)
    is_error = response.status >= 400 and response.content_type == "application/json"
    if not is_error or not isinstance(response, web.Response) or not wants_page(request):
        return response
    message = _message(response)
    if route_of(request) == SIGN_IN and response.status in (401, 429):
        target = own_path(request.query.get("next"))
        shown = render(
            request,
            "login.html",
            status=response.status,
            target=target,
            needs_token=True,
            fault=message,
        )
    else:
        title = TITLES.get(response.status, "That did not work")
        shown = render(
            request,
            "error.html",
            status=response.status,
            code=response.status,
            title=title,
            message=message,
        )
    for name in _KEPT:
        if name in response.headers:
            shown.headers[name] = response.headers[name]
    if response.keep_alive is False:
        shown.force_close()
    return shown


def _message(response: web.Response) -> str:
    body = response.body
    message = orjson.loads(body)["error"]["message"] if isinstance(body, bytes) else ""
    return str(message)
