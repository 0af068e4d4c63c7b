"""Every shape of an error answer becomes the right class, with a message to act on."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from walmart_stream.walmart import errors
from walmart_stream.walmart.error_response import error_from_response

REJECTED = (
    "Could not authenticate in-request, auth signature :  "
    "Signature verification failed: affil-product, version: 2.0.0, env: prod"
)
LENGTH = "IAM-1000: Signature length not correct: got 258 but was expecting 256"
EXPIRED = "The timestamp 1795348800 passed for the signature has expired"
HEADERS = (
    "Request is missing required security headers, please read documentation for security headers"
)
NOT_SUBSCRIBED = "Consumer 3c1f is not subscribed to the service name affil-product"
PAGE = b"<!DOCTYPE html><html><head><title>We'll be right back</title></head></html>"


def gateway(text):
    return {"details": {"Description": text, "wm_svc.name": "affil-product"}}


def application(code, message):
    return {"errors": [{"code": code, "message": message}]}


def error_of(status, document, **headers):
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_from_response(status, CIMultiDict(named), body)


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        (401, gateway(REJECTED), errors.SignatureRejected),
        (401, gateway(LENGTH), errors.SignatureRejected),
        (401, gateway(EXPIRED), errors.TimestampExpired),
        (401, gateway("Public Key not found"), errors.KeyNotFound),
        (403, gateway(HEADERS), errors.MissingHeaders),
        (403, gateway(NOT_SUBSCRIBED), errors.NotSubscribed),
        (403, application(403, "Account Inactive"), errors.AccountInactive),
        (401, gateway("something new"), errors.AuthenticationError),
        (401, {"details": EXPIRED}, errors.TimestampExpired),
        (401, {"details": [{"Description": EXPIRED}]}, errors.TimestampExpired),
        (401, {"code": "401.05", "Description": EXPIRED}, errors.TimestampExpired),
        (401, {}, errors.AuthenticationError),
        (401, {"details": None}, errors.AuthenticationError),
        (401, b"", errors.AuthenticationError),
        (401, EXPIRED.encode(), errors.TimestampExpired),
        (403, PAGE, errors.AccessDenied),
        (400, application(4002, "Invalid itemId"), errors.InvalidItem),
        (400, application("4002", "Invalid itemId"), errors.InvalidItem),
        (404, application(4002, "Invalid itemId"), errors.InvalidItem),
        (400, {"errors": {"code": 4002, "message": "Invalid itemId"}}, errors.InvalidItem),
        (400, {"errors": {"error": [{"code": 4002}]}}, errors.InvalidItem),
        (400, {"error": {"code": 4002}}, errors.InvalidItem),
        (400, application(4003, "?"), errors.BadRequest),
        (400, {"errors": "no"}, errors.BadRequest),
        (400, {"errors": []}, errors.BadRequest),
        (200, application(4022, "No recommendations found"), errors.NothingFound),
        (200, application(4002, "Invalid itemId"), errors.InvalidItem),
        (200, application(4711, "?"), errors.BadRequest),
        (200, application(504, "Gateway Timeout"), errors.ServerUnavailable),
        (200, application(403, "Account Inactive"), errors.AccountInactive),
        (200, gateway("?"), errors.MalformedResponse),
        (200, {"errors": "?"}, errors.MalformedResponse),
        (504, application(504, "Gateway Timeout"), errors.ServerUnavailable),
        (503, PAGE, errors.ServerUnavailable),
        (502, b"", errors.ServerUnavailable),
        (500, b"\xff\xfe\x00", errors.ServerUnavailable),
        (521, b"[1, 2", errors.ServerUnavailable),
        (404, b"", errors.NotFound),
        (408, b"", errors.RequestTimeout),
        (414, application(414, "URI Too Long"), errors.UriTooLong),
        (429, gateway("quota"), errors.RateLimited),
        (429, PAGE, errors.RateLimited),
        (302, b"", errors.UnexpectedStatus),
        (418, {}, errors.UnexpectedStatus),
        (200, PAGE, errors.MalformedResponse),
        (200, b"", errors.MalformedResponse),
        (200, b'{"items":[{"itemId":1},{"it', errors.MalformedResponse),
        (200, b'"text"', errors.MalformedResponse),
        (200, b"\x1f\x8b\x08junk", errors.MalformedResponse),
    ],
)
def test_each_answer_becomes_its_class(status, document, kind):
    """The code decides where there is one, then the gateway's wording, then the status."""
    error = error_of(status, document)

    assert type(error) is kind
    assert error.status == status


@pytest.mark.parametrize(
    "document", [{"items": []}, {}, [], {"items": [{}], "errors": [{"code": 4002}]}]
)
def test_a_success_is_no_error(document):
    """Data counts, even with a complaint beside it."""
    assert error_of(200, document) is None


def test_what_is_retriable_is_a_property_of_the_error():
    """Exactly the failures that time alone can heal."""
    retriable = {
        kind.__name__
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.WalmartError) and kind.retriable
    }

    assert retriable == {
        "ConnectionLost",
        "RequestTimeout",
        "RateLimited",
        "ServerUnavailable",
        "MalformedResponse",
        "ResourceLocked",
        "NotReady",
    }


def test_the_tree_drawn_in_the_docstring_is_the_tree():
    """Each class is drawn once, marked if and only if it is retriable."""
    drawn = {}
    for line in errors.__doc__.splitlines():
        name, _, rest = line.lstrip(" │├└─").partition(" ")
        if line and line[0] in "│├└ " and "──" in line:
            drawn[name] = rest.startswith("* ")

    kinds = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.WalmartError)
    }
    assert drawn == {
        name: kind.retriable for name, kind in kinds.items() if kind is not errors.WalmartError
    }


@pytest.mark.parametrize(
    ("status", "document", "named"),
    [
        (401, gateway(REJECTED), "WALMART_PRIVATE_KEY"),
        (401, gateway(EXPIRED), "clock"),
        (401, gateway("Public Key not found"), "WALMART_KEY_VERSION"),
        (403, gateway(NOT_SUBSCRIBED), "WALMART_CONSUMER_ID"),
        (404, b"", "WALMART_AFFILIATE_URL"),
        (400, application(4002, "Invalid itemId"), "code 4002"),
        (503, PAGE, "We'll be right back"),
        (200, PAGE, "web page"),
    ],
)
def test_the_message_says_what_a_person_can_do(status, document, named):
    """It names the setting or the thing to look at, on one line."""
    message = str(error_of(status, document))

    assert named in message
    assert "\n" not in message


def test_a_signature_that_the_server_echoes_is_not_repeated():
    """Text that could be a signature never gets into a message."""
    signature = "A1b+" * 86

    error = error_of(401, gateway(f"signature {signature} is wrong"))

    assert "A1b+" not in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("2.5", 2.5),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("99999999", 3600.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(header, seconds):
    """Seconds, or a date against the answer's own Date; nonsense is none, excess is bounded."""
    error = error_of(429, b"", Retry_After=header, Date="Sun, 22 Nov 2026 12:00:00 GMT")

    assert error.retry_after == seconds


def test_a_date_to_retry_after_needs_the_servers_own_date():
    """Against our clock it would be as wrong as our clock."""
    error = error_of(503, b"", Retry_After="Sun, 22 Nov 2026 12:00:30 GMT")

    assert error.retry_after is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["errors", "error", "details", "code", "message", "Description", "items"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    status=st.integers(100, 999),
    body=st.binary(max_size=80) | JSON.map(orjson.dumps),
    retry_after=st.text(max_size=30),
    date=st.text(max_size=30),
)
def test_no_answer_whatsoever_crashes_the_reading(status, body, retry_after, date):
    """Any status and body gives an error of the tree, or none for a success."""
    headers = CIMultiDict({"Retry-After": retry_after, "Date": date})

    error = error_from_response(status, headers, body)

    assert error is None or isinstance(error, errors.WalmartError)
    assert error is not None or 200 <= status < 300


@pytest.mark.parametrize(
    "body",
    [
        b"<!---->" * 60 + b"x",
        b"<!-- -->" * 60 + b"<htm",
        b"<!--" * 250,
        b"<title" * 800,
        b"<error><a:" + b"a" * 15_000,
        b"<error><message>&#" + b"9" * 5_000 + b";</message></error>",
        b'{"error":{"code":"' + b"9" * 5_000 + b'"}}',
    ],
    ids=["comments", "half a page", "open comments", "titles", "a name", "a character", "a code"],
)
def test_no_error_answer_holds_the_worker(body) -> None:
    """Some hundred bytes took a pattern longer than anybody waits, with the whole worker held."""
    error = error_of(500, body)

    assert error.retriable


def test_a_page_behind_comments_is_a_page() -> None:
    """As many of them as there are."""
    error = error_of(403, b" \n" + b"<!-- a\nb -->\n" * 20 + PAGE)

    assert "We'll be right back" in str(error)
