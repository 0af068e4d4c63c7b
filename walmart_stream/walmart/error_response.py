"""From an HTTP response to its JSON document, or to the error that it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from walmart_stream.domain.errors import MalformedJson
from walmart_stream.domain.reading.json_text import NotJson
from walmart_stream.walmart import errors
from walmart_stream.walmart.answer_json import read_answer
from walmart_stream.walmart.error_bodies import Said, find_error, is_html, read_error

# A slip on Walmart's side must not end polling for days.
LONGEST_RETRY_AFTER = 3600.0

INVALID_ITEM = 4002
NOTHING_FOUND = 4022

# The gateway has no codes, so its causes are known by their wording only; the first match
# counts, as a message about an expired timestamp also speaks of the signature.
_WORDINGS: tuple[tuple[re.Pattern[str], type[errors.WalmartError]], ...] = (
    (re.compile(r"timestamp\b.*\bexpired", re.I), errors.TimestampExpired),
    (re.compile(r"public key not found", re.I), errors.KeyNotFound),
    (re.compile(r"missing required security headers", re.I), errors.MissingHeaders),
    (re.compile(r"not subscribed", re.I), errors.NotSubscribed),
    (re.compile(r"account (is )?inactive", re.I), errors.AccountInactive),
    (re.compile(r"signature", re.I), errors.SignatureRejected),
)

_STATUSES: Mapping[int, type[errors.WalmartError]] = {
    400: errors.BadRequest,
    401: errors.AuthenticationError,
    403: errors.AccessDenied,
    404: errors.NotFound,
    408: errors.RequestTimeout,
    414: errors.UriTooLong,
    429: errors.RateLimited,
}

# What a person can do about it.
_ADVICE: Mapping[type[errors.WalmartError], str] = {
    errors.SignatureRejected: "check that WALMART_PRIVATE_KEY belongs to the public key uploaded "
    "to walmart.io under WALMART_KEY_VERSION",
    errors.TimestampExpired: "set this machine's clock (NTP)",
    errors.KeyNotFound: "check WALMART_KEY_VERSION; a newly uploaded key takes some minutes",
    errors.MissingHeaders: "a proxy on the way may have removed the WM_ headers",
    errors.AuthenticationError: "check WALMART_CONSUMER_ID, WALMART_KEY_VERSION and "
    "WALMART_PRIVATE_KEY",
    errors.NotSubscribed: "check WALMART_CONSUMER_ID, and that it is subscribed to the Affiliate "
    "API in production",
    errors.AccountInactive: "ask Walmart to reactivate the account",
    errors.AccessDenied: "check that this account may use the Affiliate API from here",
    errors.InvalidItem: "remove the item from the watchlist if it stays so",
    errors.NotFound: "check WALMART_AFFILIATE_URL",
    errors.UriTooLong: "ask for less at once",
    errors.RateLimited: "lower WALMART_AFFILIATE_CALLS_PER_SECOND if it stays so",
    errors.UnexpectedStatus: "check WALMART_AFFILIATE_URL",
}


def read_document(status: int, headers: Mapping[str, str], body: bytes) -> Any:
    """The JSON document of a successful answer: an object or a list.

    Raises:
        WalmartError: the answer is an error, also one under HTTP 200, or no such document.
    """
    if not 200 <= status < 300:
        raise _error(status, headers, read_error(body))
    document = parse_document(status, body)
    if isinstance(document, dict) and "items" not in document and _tells_of_an_error(document):
        raise _error(status, headers, find_error(document) or Said(None, ""))
    return document


def parse_document(status: int, body: bytes) -> Any:
    """The object or list in the *body* of a success, whatever it tells of; see ``read_answer``.

    Raises:
        MalformedResponse: there is none.
    """
    if is_html(body):
        raise errors.MalformedResponse(
            f"HTTP {status} with {read_error(body).text} in place of JSON", status=status
        )
    try:
        document = read_answer(body)
    except (NotJson, MalformedJson) as exc:
        what = f"is not JSON: {exc}" if isinstance(exc, NotJson) else f"is {exc}"
        raise errors.MalformedResponse(
            f"HTTP {status}, but the body ({len(body)} bytes) {what if body else 'is empty'}",
            status=status,
        ) from None
    if not isinstance(document, dict | list):
        raise errors.MalformedResponse(
            f"HTTP {status}, but the body is a bare {type(document).__name__}", status=status
        )
    return document


def error_from_response(
    status: int, headers: Mapping[str, str], body: bytes
) -> errors.WalmartError | None:
    """The error that a response is, or ``None`` if it is a success. Never raises.

    *headers* must find names in any case.
    """
    try:
        read_document(status, headers, body)
    except errors.WalmartError as error:
        return error
    return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to stay away, of ``Retry-After``: a number, or a date against the ``Date`` header."""
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = float(text) if re.fullmatch(r"\d{1,9}(\.\d+)?", text) else _until(text, headers)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _until(text: str, headers: Mapping[str, str]) -> float:
    at = parsedate_to_datetime(text).timestamp()
    return at - parsedate_to_datetime(headers.get("Date", "")).timestamp()


def _tells_of_an_error(document: Mapping[str, Any]) -> bool:
    return any(document.get(key) for key in ("errors", "error", "details"))


def _error(status: int, headers: Mapping[str, str], said: Said) -> errors.WalmartError:
    kind = _kind(status, said)
    parts = [f"HTTP {status}"]
    if said.code is not None and said.code != status:
        parts.append(f" (code {said.code})")
    parts.append(f": {said.text or 'no explanation given'}")
    if kind in _ADVICE:
        parts.append(f" – {_ADVICE[kind]}")
    return kind("".join(parts), status=status, code=said.code, retry_after=retry_after(headers))


def _kind(status: int, said: Said) -> type[errors.WalmartError]:
    if status < 500 and said.code == INVALID_ITEM:
        return errors.InvalidItem
    if status < 500 and said.code == NOTHING_FOUND:
        return errors.NothingFound
    if 200 <= status < 300:
        # An error document under a success: its code may be the status that was meant.
        if isinstance(said.code, int) and 4000 <= said.code < 5000:
            return errors.BadRequest
        if not isinstance(said.code, int) or not 400 <= said.code < 600:
            return errors.MalformedResponse
        status = said.code
    if status in (400, 401, 403):
        for wording, kind in _WORDINGS:
            if wording.search(said.text):
                return kind
    if status >= 500:
        return errors.ServerUnavailable
    return _STATUSES.get(status, errors.UnexpectedStatus)
