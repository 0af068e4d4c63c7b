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

# Pages load our own files and nothing else; no script or style stands in the page itself.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    # With no-referrer browsers would send forms with the origin "null".
    "Referrer-Policy": "same-origin",
}

# A year. The address of a static file changes with its content.
FOR_EVER = "public, max-age=31536000, immutable"


class Immutable(web.Response):
    """An answer whose content never changes under its address."""


async def add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """For the app's ``on_response_prepare``."""
    is_page = response.content_type == "text/html"
    response.headers.update(PAGE_HEADERS if is_page else HEADERS)
    if isinstance(response, Immutable):
        response.headers["Cache-Control"] = FOR_EVER
