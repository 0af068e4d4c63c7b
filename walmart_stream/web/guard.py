"""Lets in the bearer token and signed-in browsers, and without a token only this machine itself."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from walmart_stream.settings import LOOPBACK_HOSTS, Settings, SettingsError
from walmart_stream.web.errors import Forbidden, Unauthorized, UnsupportedMedia
from walmart_stream.web.origins import check_origin
from walmart_stream.web.sessions import SESSIONS
from walmart_stream.web.wanted import login_for, wants_page

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Middleware = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]

# Asked by what has no token: schedulers and load balancers.
OPEN = frozenset({"/livez", "/readyz"})
# Asked by Walmart, which has no token of ours and proves itself in another way.
WEBHOOKS = frozenset({"/webhooks/walmart", "/webhooks/walmart/token"})
# Asked before anybody has signed in. Static files hold no data.
SIGN_IN = "/login"
STATIC = "/static/"
# Forms of our pages, with JavaScript or without.
FORMS = frozenset(
    {
        *("/login", "/logout", "/watchlist", "/watchlist/import", "/system/replay"),
        *("/alerts", "/alerts/rules", "/alerts/mutes", "/alerts/channels"),
    }
)
READS = frozenset({"GET", "HEAD", "OPTIONS"})
# Of none of these may a foreign page send a body without asking (CORS), and it is never allowed.
BODY_TYPES = frozenset({"application/json", "text/csv", "application/toml"})
# These any foreign page may send, so that forms need the right Origin besides.
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
# Random ones of this length are not guessed in a lifetime, at any rate that a worker can answer.
SHORTEST_TOKEN = 16


def is_loopback(host: str) -> bool:
    """Whether *host*, a name or an address, is this machine for itself only."""
    if host in LOOPBACK_HOSTS:
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def check_exposure(settings: Settings) -> None:
    """Refuse to serve others than this machine without secrets that nobody can guess.

    Behind a proxy on this machine, callers come from anywhere as well.

    Raises:
        SettingsError: WEB_HOST is not loopback, or WEB_TRUST_PROXY is set, and WEB_TOKEN or
            WALMART_WEBHOOK_SECRET is short; or WEB_TOKEN is missing without WEB_TRUST_PROXY.
    """
    if is_loopback(settings.web_host) and not settings.web_trust_proxy:
        return
    faults = []
    if settings.web_token is None and not settings.web_trust_proxy:
        faults.append("WEB_TOKEN: needed while WEB_HOST is not a loopback address")
    for name in ("web_token", "walmart_webhook_secret"):
        secret = getattr(settings, name)
        if secret is not None and len(secret.get_secret_value()) < SHORTEST_TOKEN:
            faults.append(
                f"{name.upper()}: shorter than {SHORTEST_TOKEN} characters while others than this "
                "machine are served; `openssl rand -hex 32` makes a good one"
            )
    if faults:
        raise SettingsError(faults)


def guard(settings: Settings) -> Middleware:
    """The middleware that lets a request through or refuses it."""
    if settings.web_token is not None:
        token = settings.web_token.get_secret_value()
        return _by_token(token, behind_tls=settings.web_trust_proxy)
    return _by_origin(settings)


def _by_token(token: str, *, behind_tls: bool) -> Middleware:
    expected = token.encode()

    def is_proven(request: web.Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # Headers are decoded with surrogates for what is not UTF-8.
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), expected)
        return scheme.lower() == "bearer" and same

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        path = route_of(request)
        if path in WEBHOOKS:
            return await handler(request)
        by_cookie = False
        if not is_public(path) and not is_proven(request):
            by_cookie = request.app[SESSIONS].is_signed_in(request)
            if not by_cookie:
                if _is_opened_by_a_person(request):
                    target = login_for(request.rel_url.raw_path_qs)
                    return web.Response(status=303, headers={"Location": target})
                raise Unauthorized("a bearer token is needed: Authorization: Bearer …")
        _check_body_type(request)
        if request.method not in READS and (by_cookie or path in FORMS):
            check_origin(request, behind_tls=behind_tls)
        return await handler(request)

    return check


def _is_opened_by_a_person(request: web.Request) -> bool:
    is_read = request.method == "GET" and wants_page(request)
    return is_read and "Authorization" not in request.headers


def is_public(path: str | None) -> bool:
    """Whether *path*, of a route, is answered to whoever asks, also where a token is set."""
    return path in OPEN or path == SIGN_IN or (path is not None and path.startswith(STATIC))


def _by_origin(settings: Settings) -> Middleware:
    """Without a token: a page of somebody else, open in a browser here, is what can get in.

    It would come under its own name, resolved to a loopback address or, past a proxy, to ours (DNS
    rebinding), or write without reading the answer (CSRF). A proxy on this machine comes from
    loopback, whoever asked it: so behind one there are no writes at all.
    """
    behind_proxy = settings.web_trust_proxy
    writable = is_loopback(settings.web_host) and not behind_proxy
    ours = {settings.web_host.lower(), urlsplit(settings.canonical_url).hostname}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        path = route_of(request)
        if path in WEBHOOKS:
            return await handler(request)
        if path not in OPEN:
            if not behind_proxy and not _arrived_at_loopback(request.transport):
                # Faust's --web-bind wins over WEB_HOST, which was checked.
                raise Forbidden("WEB_TOKEN must be set to serve others than this machine")
            name = _host_name(request.headers.get("Host", ""))
            if name not in ours and not is_loopback(name):
                raise Forbidden("Host: not a name of this server")
            if request.method not in READS and not writable:
                raise Forbidden("WEB_TOKEN must be set to allow writes")
        _check_body_type(request)
        if request.method not in READS and path in FORMS:
            check_origin(request, behind_tls=behind_proxy)
        return await handler(request)

    return check


def route_of(request: web.Request) -> str | None:
    """The path of the route that answers; nothing where none does.

    Not the path that was asked for: routes and rules must not read its escapes differently.
    """
    resource = request.match_info.route.resource
    return None if resource is None else resource.canonical


def _check_body_type(request: web.Request) -> None:
    if request.method in READS or (request.method == "DELETE" and not request.body_exists):
        return
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMedia("Content-Encoding: none is due")
    if route_of(request) in FORMS:
        if request.content_type not in FORM_TYPES:
            raise UnsupportedMedia("Content-Type: must be that of a form of a page")
    elif request.content_type not in BODY_TYPES:
        raise UnsupportedMedia(
            "Content-Type: application/json, text/csv or application/toml is due"
        )


def _host_name(host: str) -> str:
    """The name of a ``Host`` header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _arrived_at_loopback(transport: Any) -> bool:
    address = None if transport is None else transport.get_extra_info("sockname")
    # A Unix socket's address is its path.
    return not isinstance(address, tuple) or is_loopback(address[0].removeprefix("::ffff:"))
