"""The gateway of the seller side: tokens, headers and the shapes of its errors."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.sandbox.seller_caller import code


async def test_a_token_is_given_for_the_credentials_and_works(open_seller):
    """Client credentials by Basic authentication; the token has a documented life."""
    seller = await open_seller()

    given = await seller.ask_for_token(seller.config.client_id, seller.config.client_secret)
    token = given.json()
    seller.token = token["access_token"]
    detail = (await seller.get("/v3/token/detail")).json()

    assert given.status == 200
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 900)
    assert token["access_token"].startswith("eyJ")
    assert detail["is_valid"] is True
    assert int(detail["expire_at"]) - int(detail["issued_at"]) == 900_000
    assert int(detail["issued_at"]) == int(seller.clock() * 1000)


async def test_who_does_not_ask_for_json_gets_the_token_as_xml(open_seller):
    """An ``OAuthTokenDTO`` with names of its own."""
    seller = await open_seller()

    reply = await seller.ask_for_token(
        seller.config.client_id, seller.config.client_secret, Accept=None
    )

    root = ElementTree.fromstring(reply.body)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/xml")
    assert root.tag == "OAuthTokenDTO"
    assert [child.tag for child in root] == ["accessToken", "tokenType", "expiresIn"]


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, "invalid_client"), (401, "UNAUTHORIZED.GMP_GATEWAY_API")],
)
async def test_bad_credentials_are_refused_in_either_way(open_seller, status, body):
    """400 with an OAuth error, or 401 with Walmart's own; both were seen."""
    seller = await open_seller(bad_credentials_status=status)

    wrong_secret = await seller.ask_for_token(seller.config.client_id, "guess")
    wrong_id = await seller.ask_for_token("guess", seller.config.client_secret)

    assert wrong_secret.status == wrong_id.status == status
    assert body.encode() in wrong_secret.body
    assert (await seller.stats())["tokens"] == {"issued": 1, "refused": 2}


@pytest.mark.parametrize(
    ("configured", "status", "expected"),
    [(401, 401, "UNAUTHORIZED"), (400, 400, "INVALID_TOKEN")],
)
async def test_a_token_ends_after_its_life(open_seller, configured, status, expected):
    """Good until then, refused from then on; others go on working."""
    seller = await open_seller(expired_token_status=configured)

    seller.clock.now += 899
    before = await seller.get("/v3/items")
    seller.clock.now += 1
    after = await seller.get("/v3/items")
    await seller.log_in()
    renewed = await seller.get("/v3/items")

    assert (before.status, after.status, renewed.status) == (200, status, 200)
    assert code(after) == expected


async def test_a_token_lives_shorter_where_time_runs_faster_but_never_too_short(open_seller):
    """900 s are scaled by the speed down to 20 s; a given lifetime is taken as it is."""
    scaled = await open_seller(sandbox={"speed": 9.0})
    fast = await open_seller(sandbox={"speed": 1000.0})
    given = await open_seller(token_seconds=5)

    lives = [
        (await s.ask_for_token(s.config.client_id, s.config.client_secret)).json()["expires_in"]
        for s in (scaled, fast, given)
    ]

    assert lives == [100, 20, 5]


async def test_an_invented_token_is_401_with_the_documented_body(open_seller):
    """Verbatim: code, field, description, severity, category and empty lists."""
    seller = await open_seller()

    reply = await seller.get("/v3/items", **{"WM_SEC.ACCESS_TOKEN": "eyJnonsense"})

    [error] = reply.json()["error"]
    assert reply.status == 401
    assert error.pop("info").startswith("Unauthorized token or incorrect authorization header.")
    assert error == {
        "code": "UNAUTHORIZED.GMP_GATEWAY_API",
        "field": "UNAUTHORIZED",
        "description": "Unauthorized",
        "severity": "ERROR",
        "category": "DATA",
        "causes": [],
        "errorIdentifiers": {},
    }


@pytest.mark.parametrize("name", ["WM_QOS.CORRELATION_ID", "WM_SVC.NAME"])
@pytest.mark.parametrize(
    ("value", "expected"), [(None, "MISSING_REQUEST_HEADER"), (" ", "INVALID_REQUEST_HEADER")]
)
async def test_a_header_that_is_missing_or_blank_is_named(open_seller, name, value, expected):
    """400 comes before the token is looked at."""
    seller = await open_seller()

    reply = await seller.get("/v3/items", **{name: value, "WM_SEC.ACCESS_TOKEN": "none"})

    assert (reply.status, code(reply)) == (400, expected)
    assert reply.json()["error"][0]["field"] == name


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "expected"),
    [
        ("GET", "/v3/nowhere", {}, 404, "URI_NOT_FOUND"),
        ("DELETE", "/v3/price", {}, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v3/insights/items/listingQuality/items", {}, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v3/items", {"WM_SEC.ACCESS_TOKEN": None}, 401, "UNAUTHORIZED"),
        ("GET", "/v3/items", {"WM_MARKET": "mx"}, 403, "FORBIDDEN"),
        ("GET", "/v3/items", {"Accept": "image/png"}, 406, "INVALID_ACCEPT_TYPE"),
        ("GET", "/v3/items", {"Content-Type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("PUT", "/v3/price", {"Content-Type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
async def test_what_the_gateway_refuses_has_its_code(
    open_seller, method, path, headers, status, expected
):
    """Each refusal has Walmart's status and code."""
    seller = await open_seller(strict_types=method == "GET")

    reply = await seller.call(method, path, headers)

    assert (reply.status, code(reply)) == (status, expected)


@pytest.mark.parametrize("sent", ["application/x-www-form-urlencoded", "text/plain", ""])
async def test_the_type_of_a_body_that_is_not_there_is_a_trap_and_no_rule(open_seller, sent):
    """The session of a client that is known to have worked sends one with every call."""
    seller = await open_seller()

    reply = await seller.get("/v3/items", **{"Content-Type": sent})

    assert reply.status == 200


@pytest.mark.parametrize("accept", [None, "*/*", "application/xml"])
async def test_who_does_not_ask_for_json_gets_xml(open_seller, accept):
    """Data and errors alike."""
    seller = await open_seller()

    data = await seller.get("/v3/items", Accept=accept)
    error = await seller.get("/v3/items/none", Accept=accept)

    items = ElementTree.fromstring(data.body).findall("ItemResponse")
    codes = ElementTree.fromstring(error.body).findall(".//{http://walmart.com/}code")
    assert len(items) == 20
    assert [element.text for element in codes] == ["CONTENT_NOT_FOUND.GMP_ITEM_QUERY_API"]


@pytest.mark.parametrize(
    ("shape", "entry"),
    [
        ("error", lambda body: body["error"][0]["description"]),
        ("errors", lambda body: body["errors"][0]["message"]),
        ("single", lambda body: body["error"]["description"]),
    ],
)
async def test_errors_come_in_the_shape_configured(open_seller, shape, entry):
    """A list under ``error``, one under ``errors`` with a message, or a single object."""
    seller = await open_seller(error_shape=shape)

    reply = await seller.get("/v3/items/none")

    assert entry(reply.json()) == "No item found"


async def test_credentials_do_not_show(open_seller):
    """Neither in the configuration's text nor in an answer."""
    seller = await open_seller()

    refused = await seller.ask_for_token(seller.config.client_id, "guess")
    stats = await seller.control("GET", "stats")

    secret = seller.config.client_secret
    assert secret not in repr(seller.config)
    assert secret.encode() not in refused.body + stats.body
