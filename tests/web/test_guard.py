"""Tokens, and the refusals where there is none."""

from __future__ import annotations

import pytest
from yarl import URL

from tests.web.paths import filled
from walmart_stream.settings import SettingsError
from walmart_stream.web.guard import _arrived_at_loopback, check_exposure, is_loopback
from walmart_stream.web.views import all_routes, middlewares

TOKEN = "s3cret-tökén-long-enough"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATHS = [
    (method, filled(route.path))
    for route in all_routes()
    for method in route.operations
    if not route.is_public and not route.is_webhook
]


@pytest.mark.parametrize(("method", "path"), [*PATHS, ("GET", "/nowhere"), ("PUT", "/api/stats")])
async def test_with_a_token_nothing_is_answered_without_it(open_site, method, path) -> None:
    """Neither what is served nor whether a path exists."""
    site = await open_site(web_token=TOKEN)

    async with site.client.request(method, path) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert (await response.json())["error"]["code"] == "unauthorized"


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \x80\xff"],
)
async def test_a_wrong_token_is_none(open_site, header) -> None:
    """Also one of another scheme, or of bytes that are not text."""
    site = await open_site(web_token=TOKEN)

    await site.json("/api/stats", 401, headers={"Authorization": header})


async def test_the_right_token_reads_and_writes_from_everywhere(open_site) -> None:
    """Beyond loopback and under any name, as behind a load balancer."""
    site = await open_site(web_token=TOKEN, web_host="0.0.0.0")
    headers = {**BEARER, "Host": "prices.example"}

    await site.json("/api/stats", headers=headers)
    await site.json("/api/watchlist", method="POST", json={"item_id": "42"}, headers=headers)

    assert list(site.live.watchlist) == ["42"]


async def test_probes_need_no_token(open_site) -> None:
    """A prober has none, and learns no secrets."""
    site = await open_site(web_token=TOKEN)

    await site.json("/livez")
    await site.json("/readyz", 503)


def test_beyond_loopback_a_token_is_demanded_at_the_start(make_unreachable_settings) -> None:
    """By the name of the setting that is missing; the middlewares cannot be made without it."""
    settings = make_unreachable_settings(web_host="0.0.0.0")

    for start in (check_exposure, middlewares):
        with pytest.raises(SettingsError) as caught:
            start(settings)
        assert caught.value.faults[0].startswith("WEB_TOKEN:")


def test_beyond_loopback_a_token_that_can_be_guessed_is_refused(make_unreachable_settings) -> None:
    """Wrong tokens are not limited in number: only its length keeps a token safe."""
    settings = make_unreachable_settings(web_host="0.0.0.0", web_token="x" * 15)

    with pytest.raises(SettingsError) as caught:
        check_exposure(settings)
    assert caught.value.faults[0].startswith("WEB_TOKEN: shorter than 16")
    assert "xxx" not in str(caught.value)
    check_exposure(make_unreachable_settings(web_host="0.0.0.0", web_token="x" * 16))
    check_exposure(make_unreachable_settings(web_token="x" * 15))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"web_token": "a", "web_trust_proxy": True}, "WEB_TOKEN"),
        ({"walmart_webhook_secret": "a", "web_trust_proxy": True}, "WALMART_WEBHOOK_SECRET"),
        (
            {"walmart_webhook_secret": "a", "web_host": "0.0.0.0", "web_token": "x" * 16},
            "WALMART_WEBHOOK_SECRET",
        ),
    ],
)
def test_no_secret_that_others_may_guess_is_short(make_unreachable_settings, given, named) -> None:
    """Callers of a proxy come from anywhere, wherever the proxy is; so do those of webhooks."""
    with pytest.raises(SettingsError) as caught:
        check_exposure(make_unreachable_settings(**given))

    [fault] = caught.value.faults
    assert fault.startswith(f"{named}: shorter than 16")


def test_on_loopback_a_short_webhook_secret_will_do(make_unreachable_settings) -> None:
    """Nobody but this machine can try it."""
    check_exposure(make_unreachable_settings(walmart_webhook_secret="a"))


def test_behind_a_trusted_proxy_no_token_is_demanded(make_unreachable_settings) -> None:
    """The proxy is the one that asks for something."""
    check_exposure(make_unreachable_settings(web_host="0.0.0.0", web_trust_proxy=True))


@pytest.mark.parametrize("web_host", ["0.0.0.0", "127.0.0.1"])
async def test_behind_a_trusted_proxy_only_reads_need_no_token(open_site, web_host) -> None:
    """On this very machine, too: whoever asked the proxy comes from loopback then."""
    site = await open_site(web_host=web_host, web_trust_proxy=True)

    await site.json("/api/stats")
    for method, path in (("POST", "/api/watchlist"), ("DELETE", "/api/watchlist/42")):
        await site.error(path, 403, method, json={"item_id": "42"})

    assert site.live.watchlist == {}


async def test_behind_a_trusted_proxy_the_token_counts_where_there_is_one(open_site) -> None:
    """The proxy is trusted to name its callers, not to have let in the right ones."""
    site = await open_site(web_token=TOKEN, web_trust_proxy=True, web_host="0.0.0.0")

    await site.json("/api/stats", 401)
    await site.json("/api/watchlist", method="POST", json={"item_id": "42"}, headers=BEARER)

    assert list(site.live.watchlist) == ["42"]


async def test_behind_a_trusted_proxy_foreign_names_are_refused(open_site) -> None:
    """A page may reach the worker past the proxy; the proxy asks under the name of WEB_URL."""
    site = await open_site(
        web_host="0.0.0.0", web_trust_proxy=True, web_url="http://worker-1.internal:6066"
    )

    await site.json("/api/stats", headers={"Host": "worker-1.internal:6066"})
    await site.error("/api/stats", 403, headers={"Host": "evil.example"})


@pytest.mark.parametrize(
    "path", ["/webhooks%2Fwalmart", "/%2Flivez", "/livez%2F", "/%2e/livez", "/livez/"]
)
async def test_what_only_looks_like_an_open_path_is_not_open(open_site, path) -> None:
    """The route that answers counts, not how the path reads."""
    site = await open_site(web_token=TOKEN)

    async with site.client.get(URL(path, encoded=True)) as response:
        assert response.status == 401


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_loopback_needs_no_token(make_unreachable_settings, host) -> None:
    """In whatever way it is written."""
    check_exposure(make_unreachable_settings(web_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "prices.example", "", "127.0.0.1.x"])
def test_everything_else_is_not_loopback(host) -> None:
    """Wildcards included: they listen on every address."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:6066", "127.0.0.1.evil.example", "[2001:db8::1]"]
)
async def test_without_a_token_foreign_names_are_refused(site, host) -> None:
    """A page whose name was rebound to a loopback address asks under its own name."""
    assert (await site.error("/api/items", 403, headers={"Host": host})).startswith("forbidden:")


@pytest.mark.parametrize("host", ["localhost:6066", "127.0.0.1", "[::1]:80", "LOCALHOST"])
async def test_without_a_token_this_machines_names_are_served(site, host) -> None:
    """With any port: a tunnel has its own."""
    await site.json("/api/stats", headers={"Host": host})


async def test_the_name_of_web_url_is_served(open_site) -> None:
    """A worker is asked by the others under that name."""
    site = await open_site(web_url="http://worker-1.internal:6066")

    await site.json("/api/stats", headers={"Host": "worker-1.internal:6066"})


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_types_that_a_foreign_page_can_send_are_no_writes(site, content_type) -> None:
    """A form can post them across origins without being asked."""
    headers = {"Content-Type": content_type} if content_type else {}

    await site.error("/api/watchlist", 415, "POST", data=b'{"item_id":"42"}', headers=headers)

    assert site.live.watchlist == {}


async def test_preflights_are_never_granted(site) -> None:
    """So a browser does not let foreign pages send JSON or DELETE."""
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}

    async with site.client.options("/api/watchlist", headers=headers) as response:
        assert response.status == 405
        assert not any(name.startswith("Access-Control") for name in response.headers)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        (("127.0.0.1", 6066), True),
        (("::1", 6066, 0, 0), True),
        (("::ffff:127.0.0.1", 6066, 0, 0), True),
        ("/run/walmart.sock", True),
        (("192.0.2.7", 6066), False),
        (("2001:db8::1", 6066, 0, 0), False),
    ],
)
def test_where_a_request_arrives_tells_whom_it_is_from(address, inside) -> None:
    """Faust's own --web-bind can open more than WEB_HOST says; without a token that is refused."""

    class Transport:
        def get_extra_info(self, name):
            return {"sockname": address}[name]

    assert _arrived_at_loopback(Transport()) is inside


async def test_every_answer_forbids_what_data_does_not_need(site) -> None:
    """Refusals too."""
    for path in ("/livez", "/nowhere", "/readyz"):
        async with site.client.get(path) as response:
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["Server"] == "walmart-stream"
