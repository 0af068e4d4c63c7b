"""Every shape of an error of the seller side becomes the right class, to act on."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from walmart_stream.walmart import errors
from walmart_stream.walmart.seller.error_response import LOCKED, read_document

AKAMAI = (
    b"<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>\n<H1>Access Denied</H1>"
    b"Reference #18.5f2e\n</BODY></HTML>"
)
XML = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<ns2:errors xmlns:ns2="http://w/">'
    b"<ns2:error><ns2:code>%s</ns2:code><ns2:field>f</ns2:field><ns2:description>It &amp; that"
    b"</ns2:description><ns2:info>i</ns2:info></ns2:error></ns2:errors>"
)


def entry(code, description="?", field=None):
    return {
        "code": code,
        "field": field or code,
        "description": description,
        "info": "For more information, see …",
        "severity": "ERROR",
        "errorIdentifiers": {"entry": []},
    }


def error_of(status, document, **headers):
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    named = CIMultiDict((name.replace("_", "-"), value) for name, value in headers.items())
    try:
        read_document(status, named, body)
    except errors.WalmartError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "UNAUTHORIZED.GMP_GATEWAY_API", errors.TokenRejected),
        (400, "INVALID_TOKEN.GMP_GATEWAY_API", errors.TokenRejected),
        (403, "FORBIDDEN.GMP_GATEWAY_API", errors.AccessDenied),
        (403, "UNAUTHORIZED.GMP_GATEWAY_API", errors.AccessDenied),
        (400, "INVALID_REQUEST_HEADER.GMP_ORDER_API", errors.BadRequest),
        (400, "MISSING_REQUEST_PARAM", errors.BadRequest),
        (404, "CONTENT_NOT_FOUND.GMP_ITEM_QUERY_API", errors.ContentNotFound),
        (404, "SOMETHING_NEW.GMP_PRICE_API", errors.ContentNotFound),
        (404, "URI_NOT_FOUND", errors.NotFound),
        (405, "METHOD_NOT_ALLOWED", errors.NotFound),
        (406, "INVALID_ACCEPT_TYPE", errors.UnexpectedStatus),
        (413, "PAYLOAD_TOO_LARGE", errors.BadRequest),
        (423, "RESOURCE_IS_LOCKED.GMP_RECEIVER_API", errors.ResourceLocked),
        (429, "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API", errors.RateLimited),
        (429, "UNAUTHORIZED.GMP_GATEWAY_API", errors.RateLimited),
        (500, "500.SYSTEM_ERROR", errors.ServerUnavailable),
        (500, "UNAUTHORIZED.GMP_GATEWAY_API", errors.ServerUnavailable),
        (504, "DOWNSTREAM_SYSTEM_TIME_OUT", errors.ServerUnavailable),
        (200, "SYSTEM_ERROR.GMP_PRICE_API", errors.ServerUnavailable),
        (200, "INVALID_REQUEST_PARAM", errors.BadRequest),
    ],
)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda one: {"error": [one]},
        lambda one: {"errors": [one]},
        lambda one: {"error": one},
        lambda one: {"errors": {"error": [one]}},
        lambda one: {"errors": [{"code": one["code"], "message": one["description"]}]},
        lambda one: XML % one["code"].encode(),
    ],
    ids=["error", "errors", "single", "nested", "newer", "xml"],
)
def test_each_answer_becomes_its_class_in_every_shape(status, code, kind, wrap):
    """The beginning of the code decides, where the status leaves a doubt."""
    document = wrap(entry(code))
    if isinstance(document, bytes) and status == 200:
        # An error as XML has a status of its own; under a success it is no document at all.
        kind, code = errors.MalformedResponse, None

    error = error_of(status, document)

    assert type(error) is kind
    assert error.code == code


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"", errors.TokenRejected),
        (403, AKAMAI, errors.AccessDenied),
        (404, b"", errors.NotFound),
        (404, AKAMAI, errors.NotFound),
        (410, b"", errors.Gone),
        (429, AKAMAI, errors.RateLimited),
        (503, AKAMAI, errors.ServerUnavailable),
        (520, b"", errors.ServerUnavailable),
        (521, b"error code: 521", errors.ServerUnavailable),
        (200, AKAMAI, errors.MalformedResponse),
        (200, b"", errors.MalformedResponse),
        (200, XML % b"X", errors.MalformedResponse),
        (200, b'{"errors": "?"}', errors.MalformedResponse),
        (302, b"", errors.UnexpectedStatus),
    ],
)
def test_without_a_code_the_status_decides(status, body, kind):
    """A page or an empty answer does not come from Walmart's own program."""
    assert type(error_of(status, body)) is kind


@pytest.mark.parametrize("text", ["Invalid Cursor", "nextCursor is expired"])
def test_an_expired_cursor_is_told_from_other_faults_of_a_request(text):
    """By its words only."""
    error = error_of(400, {"error": [entry("INVALID_REQUEST_PARAM.GMP_ITEM_QUERY_API", text)]})

    assert type(error) is errors.CursorExpired


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (200, {"sku": "A", "message": "deleted", "errors": None}),
        (200, {"ItemResponse": [{}], "errors": []}),
        (200, {"ItemResponse": [{}], "errors": [entry("X")]}),
        (206, {"errors": [entry("SOME_CONTENT_NOT_FOUND")]}),
        (200, []),
    ],
)
def test_data_with_a_complaint_beside_it_is_a_success(status, document):
    """The rest of the data is kept."""
    assert error_of(status, document) is None


def test_an_answer_that_needs_no_body_has_none():
    """204 after a deletion."""
    assert read_document(204, {}, b"") == {}


def test_the_message_says_what_is_wrong_where():
    """Code, text and field of Walmart's, and what to do."""
    error = error_of(
        400,
        {"error": [entry("INVALID_REQUEST_HEADER.GMP_ORDER_API", "set blank", "WM_SVC.ENV")]},
    )

    assert str(error) == (
        "HTTP 400 (INVALID_REQUEST_HEADER.GMP_ORDER_API): set blank (field WM_SVC.ENV)"
    )


def test_xml_is_read_like_json():
    """With its entities; but not with declarations that would blow it up."""
    error = error_of(500, XML % b"500.SYSTEM_ERROR")

    assert str(error) == "HTTP 500 (500.SYSTEM_ERROR): It & that (field f)"


def test_a_lock_is_waited_for():
    """Walmart's documentation says for how long, its answer does not."""
    assert error_of(423, b"").retry_after == LOCKED
    assert error_of(423, b"", Retry_After="3").retry_after == 3


@given(st.integers(200, 599), st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_answer_is_too_odd(status, body):
    """Whatever arrives is a document or one of our errors."""
    error = error_of(status, body)

    assert error is None or 0 < len(str(error)) < 700


@given(
    st.integers(200, 599),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "errors", "code", "description", "field", "message"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
)
def test_no_document_is_too_odd(status, document):
    """Also where it is JSON of another shape."""
    error_of(status, document)
