"""The check that a form was sent by a page of this very server (CSRF)."""

from __future__ import annotations

from aiohttp import web

from walmart_stream.web.errors import Forbidden

_DEFAULT_PORTS = {"https": ":443", "http": ":80"}


def check_origin(request: web.Request, *, behind_tls: bool) -> None:
    """Refuse a write that does not come from one of our own pages.

    Browsers name the page's origin with every form and script that writes, and no page can name
    another one.

    Raises:
        Forbidden: ``Origin`` is missing, foreign, or not of the scheme that is served.
    """
    scheme = "https" if behind_tls else "http"
    ours = f"{scheme}://{_without_default_port(request.headers.get('Host', ''), scheme)}"
    if request.headers.get("Origin", "").lower() != ours:
        raise Forbidden(
            "Origin: only this server's own pages may send forms; a proxy must pass on Host"
            + (" and have TLS" if behind_tls else "")
        )


def _without_default_port(host: str, scheme: str) -> str:
    return host.lower().removesuffix(_DEFAULT_PORTS[scheme])
