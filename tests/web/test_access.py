"""Every path that is served or might be, by every method, with every kind of credential."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.web.paths import filled
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.settings import SettingsError
from walmart_stream.web import outputs
from walmart_stream.web.views import all_routes, middlewares

TOKEN = "tökén-of-the-web-views"
SECRET = "secret-of-webhooks"
NOTE = "a note of the seller"

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "SEARCH", "TRACE")
READS = {"GET", "HEAD", "OPTIONS"}

# The rules that are kept here, apart from the code that keeps them.
OPEN = {"/livez", "/readyz"}
WEBHOOKS = {"/webhooks/walmart", "/webhooks/walmart/token"}

# What a browser needs to sign in: the form, and files that hold no data.
SIGN_IN = {"/login"}
STATIC = {route.path for route in all_routes() if route.path.startswith("/static/")}
# Forms of our pages: they are sent by our own pages only, which test_login.py asks about.
FORMS = {"/login", "/logout", "/watchlist", "/watchlist/import", "/system/replay", "/alerts"}
FORMS |= {"/alerts/rules", "/alerts/mutes", "/alerts/channels"}

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "walmart-stream",
    "X-Content-Type-Options": "nosniff",
}

PAGE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}

# What is added to the routes is covered without a change here.
OPERATIONS = {filled(route.path): route.operations for route in all_routes()}
# Faust has pages of its own; the rest is what one would try.
STRANGE = (
    "/table/",
    "/table",
    "/table/offers/",
    "/table/offers/42/",
    "/router/",
    "/router",
    "/router/offers/42/",
    "/stats",
    "/graph",
    "/graph/",
    "/nowhere",
    "/api",
    "/livez/",
    "/LIVEZ",
    "/livez/api/stats",
    "/livez%2Fapi%2Fstats",
    "/webhooks/walmart/",
    "/webhooks/walmart%2Ftoken",
)

# Name -> headers, query.
CREDENTIALS: dict[str, tuple[dict[str, str], str]] = {
    "none": ({}, ""),
    "right": ({"Authorization": f"Bearer {TOKEN}"}, ""),
    "scheme in lower case": ({"Authorization": f"bearer {TOKEN}"}, ""),
    "wrong": ({"Authorization": "Bearer wrong"}, ""),
    "a beginning": ({"Authorization": f"Bearer {TOKEN[:-1]}"}, ""),
    "other case": ({"Authorization": f"Bearer {TOKEN.upper()}"}, ""),
    "no scheme": ({"Authorization": TOKEN}, ""),
    "wrong scheme": ({"Authorization": f"Token {TOKEN}"}, ""),
    "basic": (
        {"Authorization": "Basic " + base64.b64encode(f":{TOKEN}".encode()).decode()},
        "",
    ),
    "empty": ({"Authorization": ""}, ""),
    "empty token": ({"Authorization": "Bearer "}, ""),
    "very long": ({"Authorization": f"Bearer {TOKEN * 300}"}, ""),
    "no ASCII": ({"Authorization": "Bearer \x80\xff\u2603"}, ""),
    "in the query": ({}, f"?token={TOKEN}&access_token={TOKEN}&WEB_TOKEN={TOKEN}"),
    "in a cookie": ({"Cookie": f"token={TOKEN}; Authorization=Bearer {TOKEN}"}, ""),
    "of a proxy": ({"Proxy-Authorization": f"Bearer {TOKEN}"}, ""),
    "in our cookie": ({"Cookie": f"walmart-stream={TOKEN}; __Host-walmart-stream={TOKEN}"}, ""),
    "rewritten": ({"X-Forwarded-For": "127.0.0.1", "X-Original-URL": "/livez"}, ""),
}
RIGHT = {"right", "scheme in lower case"}
SOME = ("none", "right", "wrong")
# Where no token is set, a worker looks at no credentials.
WITHOUT_A_TOKEN = {*SOME, "of a proxy", "rewritten"}

# Everything of what is there, and of the rest what may differ.
CASES = sorted(
    {
        case
        for path in (*OPERATIONS, *STRANGE)
        for case in (
            *itertools.product([path], OPERATIONS.get(path, ("GET",)), CREDENTIALS),
            *itertools.product([path], METHODS, SOME),
        )
    }
)


@dataclass(frozen=True)
class Mode:
    """How a worker is set up."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    def lets_in(self, path: str, method: str, credential: str) -> bool:
        """Whether the request gets past who asks to what is asked."""
        is_route = path in OPERATIONS and method in {"HEAD", *OPERATIONS[path]}
        if is_route and path in OPEN | WEBHOOKS:
            return True
        if "web_token" in self.settings:
            return credential in RIGHT or (is_route and path in SIGN_IN | STATIC)
        return method in READS or self.name == "loopback"

    @property
    def cases(self) -> list[tuple[str, str, str]]:
        """Its requests: path, method, credential."""
        if "web_token" in self.settings:
            return CASES
        return [case for case in CASES if case[2] in WITHOUT_A_TOKEN]


MODES = (
    Mode("loopback"),
    Mode("behind a proxy of this machine", {"web_trust_proxy": True}),
    Mode("behind a proxy", {"web_host": "0.0.0.0", "web_trust_proxy": True}),
    Mode("loopback with a token", {"web_token": TOKEN}),
    Mode("beyond with a token", {"web_host": "0.0.0.0", "web_token": TOKEN}),
    Mode("behind a proxy with a token", {"web_trust_proxy": True, "web_token": TOKEN}),
)


@pytest.fixture
async def open_mode(open_site, mongod, mongodb_database):
    """Starts a site in a mode, with an item in its watchlist."""

    async def start(mode: Mode):
        site = await open_site(
            mongodb_uri=mongod.uri,
            mongodb_database=mongodb_database,
            walmart_webhook_secret=SECRET,
            # Hours between any two failures: how often one may fail is told elsewhere.
            monotonic=itertools.count(0.0, 3600.0).__next__,
            **mode.settings,
        )
        site.live.watchlist["42"] = WatchEntry(item_id="42", note=NOTE)
        return site

    return start


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
async def test_exactly_what_may_be_let_in_is_let_in(open_mode, mode) -> None:
    """By path, method and credential; what is refused has changed nothing and tells nothing."""
    site = await open_mode(mode)

    for path, method, credential in mode.cases:
        site.live.watchlist = {"42": WatchEntry(item_id="42", note=NOTE)}
        answer = await ask(site, method, path, credential)
        case = (method, path, credential, answer)
        if mode.lets_in(path, method, credential):
            assert answer.status in due_inside(path, method), case
        else:
            assert answer.status == (401 if "web_token" in mode.settings else 403), case
            assert list(site.live.watchlist) == ["42"], case
            check_refusal(answer, method, case)
        assert site.live.events == [], case
        check_headers(answer, case)


@dataclass(frozen=True)
class Answer:
    """An answer."""

    status: int
    headers: Any
    body: bytes


async def ask(site, method: str, path: str, credential: str) -> Answer:
    headers, query = CREDENTIALS[credential]
    options = {} if method in READS else {"json": {"item_id": "43"}}
    async with site.client.request(
        method, f"{path}{query}", headers=headers, allow_redirects=False, **options
    ) as response:
        return Answer(response.status, response.headers, await response.read())


def due_inside(path: str, method: str) -> set[int]:
    """The statuses that what is asked may answer with."""
    operations = OPERATIONS.get(path)
    if operations is None:
        return {404}
    operation = operations.get("GET" if method == "HEAD" else method)
    if operation is None:
        return {405}
    if path in WEBHOOKS:
        # Nothing here proves a sender of webhooks, the token of the views least of all.
        return {401}
    if path in FORMS and method not in READS:
        # What is sent here is not a form.
        return {415}
    # 400 is what a token in the query is to most operations.
    done = 303 if operation.leads_on else 200
    return {done, 400, *operation.errors} - {401, 403, 503}


def check_refusal(answer: Answer, method: str, case: Any) -> None:
    """It is the same for all that is asked: neither what there is nor what was wrong is told."""
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer", case
    assert answer.headers["Content-Type"] == "application/json", case
    assert "Allow" not in answer.headers, case
    if method == "HEAD":
        assert answer.body == b"", case
        return
    error = outputs.Error.model_validate_json(answer.body)
    assert (error.error.code, error.error.message) in {
        ("unauthorized", "a bearer token is needed: Authorization: Bearer …"),
        ("forbidden", "WEB_TOKEN must be set to allow writes"),
    }, case
    assert (error.failing, error.rejected) == (None, None), case


def check_headers(answer: Answer, case: Any) -> None:
    """Whoever is answered, and whatever: no browser is to make more of it than data."""
    is_page = answer.headers.get("Content-Type", "").startswith("text/html")
    due = PAGE_HEADERS if is_page else HEADERS
    assert {name: answer.headers.get(name) for name in due} == due, case
    told = {name.lower() for name in answer.headers}
    assert not {"set-cookie", "x-powered-by"} & told, case
    assert ("location" in told) is (answer.status == 303), case
    assert not any(name.startswith("access-control-") for name in told), case
    said = str(dict(answer.headers)).encode() + answer.body
    assert TOKEN.encode() not in said, case
    assert SECRET.encode() not in said, case


async def test_all_that_aiohttp_serves_is_asked_above(open_site) -> None:
    """Faust and its plug-ins can add pages that no list of ours names."""
    site = await open_site()

    served = {
        (route.method, filled(route.resource.canonical))
        for route in site.app.web.web_app.router.routes()
    }

    assert served == {
        (method, path)
        for path, operations in OPERATIONS.items()
        for method in [*operations, "HEAD"]
    }
    assert {method for method, _ in served} <= set(METHODS)


def test_probes_and_webhooks_are_all_that_is_asked_without_the_token() -> None:
    """Besides what a browser needs to sign in. A path that joins them does so here, too."""
    routes = all_routes()

    assert {route.path for route in routes if route.is_public} == OPEN | SIGN_IN | STATIC
    assert {r.path for r in routes if r.is_page and set(r.operations) - {"GET"}} == FORMS
    assert {route.path for route in routes if route.is_open} == OPEN
    assert {route.path for route in routes if route.is_webhook} == WEBHOOKS


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "prices.example"])
def test_beyond_loopback_nothing_is_served_without_a_token(make_unreachable_settings, host) -> None:
    """Nor with an empty one."""
    for token in (None, ""):
        with pytest.raises(SettingsError, match="WEB_TOKEN"):
            middlewares(make_unreachable_settings(web_host=host, web_token=token))
