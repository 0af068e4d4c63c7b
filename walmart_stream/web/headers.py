"""The headers of every answer, refusals too."""

from __future__ import annotations

from aiohttp import web

# Answers are data: nothing in them is to be run, framed, guessed at or kept by a browser.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "walmart-stream",
    "X-Content-Type-Options": "nosniff",
}


async def add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """For the app's ``on_response_prepare``."""
    response.headers.update(HEADERS)
