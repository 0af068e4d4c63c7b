"""Signing in, forms of our own pages and of foreign ones, and signing out; over a real server."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from walmart_stream.domain.watch import WatchEntry
from walmart_stream.web.failures import BURST
from walmart_stream.web.page_routes import PAGES
from walmart_stream.web.sessions import LIFETIME, Sessions

TOKEN = "the-right-token-of-this-site"
HTML = {"Accept": "text/html,application/xhtml+xml"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def post(site, path: str, fields: dict[str, str], status: int, **headers: str):
    """The answer to a form that one of our own pages sends, unless *headers* say otherwise."""
    sent = {"Origin": site.url, **HTML, **{k.replace("_", "-"): v for k, v in headers.items()}}
    sent = {name: value for name, value in sent.items() if value}
    async with site.client.post(path, data=fields, headers=sent, allow_redirects=False) as response:
        text = await response.text()
        assert response.status == status, text
        return response, text


async def sign_in(site) -> str:
    """The cookie, as a browser sends it back."""
    response, _ = await post(site, "/login", {"token": TOKEN}, 303)
    site.client.session.cookie_jar.clear()
    return response.headers["Set-Cookie"].partition(";")[0]


async def get(site, path: str, status: int, **headers: str) -> str:
    sent = {**HTML, **headers}
    async with site.client.get(path, headers=sent, allow_redirects=False) as response:
        assert response.status == status, await response.text()
        return response.headers.get("Location", "") or await response.text()


@pytest.mark.parametrize("path", ["/watchlist", "/system", "/docs", "/", "/nowhere"])
async def test_a_person_is_led_to_the_form_and_back(open_site, path) -> None:
    """Whether the page exists or not; a program is refused in its own form."""
    site = await open_site(web_token=TOKEN)

    location = await get(site, path, 303)

    assert location == ("/login" if path == "/" else f"/login?next={path}")
    await site.json(path, 401)
    assert 'name="token"' in await get(site, location, 200)


async def test_the_cookie_opens_every_page_and_is_not_the_token(open_site) -> None:
    """It cannot be read by scripts, nor sent along by foreign pages."""
    site = await open_site(web_token=TOKEN)

    response, _ = await post(site, "/login", {"token": TOKEN, "next": "/system"}, 303)

    assert response.headers["Location"] == "/system"
    value, _, attributes = response.headers["Set-Cookie"].partition(";")
    assert TOKEN not in value
    assert {part.strip() for part in attributes.split(";")} >= {
        "HttpOnly",
        "SameSite=Strict",
        "Path=/",
        f"Max-Age={LIFETIME}",
    }
    await get(site, "/system", 200, Cookie=value)
    await site.json("/system.json", headers={"Cookie": value})


async def test_behind_tls_the_cookie_belongs_to_this_host_alone(open_site) -> None:
    """``__Host-``: no neighbour under the same domain can set it."""
    site = await open_site(web_token=TOKEN, web_trust_proxy=True)
    origin = site.url.replace("http:", "https:")

    response, _ = await post(site, "/login", {"token": TOKEN}, 303, Origin=origin)

    assert response.headers["Set-Cookie"].startswith("__Host-walmart-stream=")
    assert "Secure" in response.headers["Set-Cookie"]
    await post(site, "/login", {"token": TOKEN}, 403)


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example/", "/a\r\nb: c", "x", ""]
)
async def test_nobody_is_led_to_another_host(open_site, target) -> None:
    """Neither by the address of the form nor by the form."""
    site = await open_site(web_token=TOKEN)

    response, _ = await post(site, "/login", {"token": TOKEN, "next": target}, 303)

    assert response.headers["Location"] == "/"
    page = await get(site, f"/login?next={quote(target)}", 200)
    assert re.search(r'name="next" value="/"', page)


async def test_a_wrong_token_is_said_in_the_form_and_slowed(open_site) -> None:
    """As failures of the API are; the right one passes whatever came before."""
    clock = Clock()
    site = await open_site(web_token=TOKEN, monotonic=clock)

    for _ in range(BURST):
        _, text = await post(site, "/login", {"token": "wrong"}, 401)
        assert "that is not the token" in text
        assert "wrong" not in text
    response, text = await post(site, "/login", {"token": "wrong"}, 429)
    assert int(response.headers["Retry-After"]) > 0
    assert response.headers["Connection"] == "close"
    assert 'name="token"' in text
    await post(site, "/login", {"token": TOKEN}, 303)


FOREIGN = ["https://evil.example", "null", "http://127.0.0.1", "http://localhost:1", ""]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/login", {"token": TOKEN}),
        ("/logout", {"": ""}),
        ("/watchlist", {"action": "remove", "item_id": "42"}),
        ("/watchlist/import", {"text": "43", "take": "yes"}),
        ("/system/replay", {"fault": "MalformedJson"}),
        ("/alerts", {"alert": "a:42:own:1"}),
        ("/alerts/rules", {"action": "remove", "name": "a"}),
        ("/alerts/mutes", {"action": "mute", "rule": "a", "until": "8h"}),
        ("/alerts/channels", {"channel": "ops"}),
    ],
)
async def test_a_foreign_pages_form_is_refused(open_site, origin, path, fields) -> None:
    """Whoever is signed in; and nothing has changed."""
    site = await open_site(web_token=TOKEN)
    site.live.watchlist["42"] = WatchEntry(item_id="42")
    site.live.letters["t:0:7"] = "MalformedJson"
    cookie = await sign_in(site)

    response, text = await post(site, path, fields, 403, Origin=origin, Cookie=cookie)

    assert "Origin" in text
    assert "Set-Cookie" not in response.headers
    assert list(site.live.watchlist) == ["42"]
    assert site.live.letters
    assert site.live.tried == []
    assert site.live.book.mutes == {}
    await get(site, "/watchlist", 200, Cookie=cookie)


@pytest.mark.parametrize("origin", FOREIGN)
async def test_without_a_token_a_foreign_pages_form_is_refused_too(site, origin) -> None:
    """A browser on this machine has pages of others open."""
    site.live.watchlist["42"] = WatchEntry(item_id="42")
    fields = {"action": "remove", "item_id": "42"}

    await post(site, "/watchlist", fields, 403, Origin=origin)
    assert list(site.live.watchlist) == ["42"]
    await post(site, "/watchlist", fields, 303)
    assert list(site.live.watchlist) == []


async def test_the_cookie_writes_to_the_api_from_our_own_pages_only(open_site) -> None:
    """A bearer token needs no origin: no browser sends one by itself."""
    site = await open_site(web_token=TOKEN)
    cookie = await sign_in(site)
    item = {"method": "POST", "json": {"item_id": "43"}}

    await site.json("/api/watchlist", 403, headers={"Cookie": cookie}, **item)
    await site.json("/api/watchlist", headers={"Cookie": cookie, "Origin": site.url}, **item)
    await site.json("/api/watchlist", headers={"Authorization": f"Bearer {TOKEN}"}, **item)


async def test_signing_out_ends_the_session(open_site) -> None:
    """The browser forgets the cookie, and a copy of it is refused."""
    site = await open_site(web_token=TOKEN)
    cookie, other = await sign_in(site), await sign_in(site)

    response, _ = await post(site, "/logout", {}, 303, Cookie=cookie, **FORM)

    assert response.headers["Location"] == "/login"
    assert "Max-Age=0" in response.headers["Set-Cookie"]
    await get(site, "/watchlist", 303, Cookie=cookie)
    await get(site, "/watchlist", 200, Cookie=other)


async def test_a_session_is_good_at_every_worker_with_the_token(open_site) -> None:
    """And at none with another one: changing WEB_TOKEN ends all sessions."""
    first, second = await open_site(web_token=TOKEN), await open_site(web_token=TOKEN)
    changed = await open_site(web_token=f"{TOKEN}-changed")

    cookie = await sign_in(first)

    await get(second, "/watchlist", 200, Cookie=cookie)
    await get(changed, "/watchlist", 303, Cookie=cookie)


async def test_a_signed_in_browser_gets_what_another_worker_knows(open_site) -> None:
    """The worker that was asked speaks for it; without a session nobody does."""
    first, owner = await open_site(web_token=TOKEN), await open_site(web_token=TOKEN)
    first.app.router.urls = {"42": owner.url}
    cookie = await sign_in(first)

    said = await first.error("/api/items/42", 404, headers={"Cookie": cookie})

    assert "has not been observed" in said
    await first.json("/api/items/42", 401)


async def test_where_no_token_is_set_there_is_nothing_to_sign_in_to(site) -> None:
    """The page says so."""
    assert "No token is set" in await get(site, "/login", 200)
    await post(site, "/login", {"token": TOKEN}, 404)


class _Response:
    """Where a session's cookie is set."""

    def __init__(self) -> None:
        self.value = ""

    def set_cookie(self, name: str, value: str, **_: object) -> None:
        self.value = value


class _Request:
    """A request with one cookie."""

    def __init__(self, name: str, value: str) -> None:
        self.cookies = {name: value}


def test_a_session_ends_by_itself() -> None:
    """After twelve hours to the second; forged ends, names and signatures are refused."""
    clock = Clock()
    sessions = Sessions(TOKEN, clock, secure=False, name=lambda: "A" * 22)
    response = _Response()
    sessions.begin(response)  # type: ignore[arg-type]

    def is_in(value: str) -> bool:
        return sessions.is_signed_in(_Request(sessions.cookie, value))  # type: ignore[arg-type]

    end, name, mac = response.value.split(".")
    assert is_in(response.value)
    assert not is_in(f"{int(end) + 1}.{name}.{mac}")
    assert not is_in(f"{end}.{'B' * 22}.{mac}")
    assert not is_in(f"{end}.{name}.{'0' * 64}")
    assert not any(
        map(is_in, ("", ".", TOKEN, f"{end}.{name}", f"{response.value}.", "\u0661" * 5))
    )
    clock.now += LIFETIME - 1
    assert is_in(response.value)
    clock.now += 1
    assert not is_in(response.value)


def test_every_form_is_asked_about_here() -> None:
    """A form that is added is tried with foreign origins, too."""
    forms = {route.path for route in PAGES if "POST" in route.operations}
    tried = {"/login", "/logout", "/watchlist", "/watchlist/import", "/system/replay", "/alerts"}
    tried |= {"/alerts/rules", "/alerts/mutes", "/alerts/channels"}

    assert forms == tried
