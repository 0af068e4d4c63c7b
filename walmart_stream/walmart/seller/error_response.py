"""From a response of the seller side to its JSON document, or to the error that it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from walmart_stream.walmart import errors
from walmart_stream.walmart.error_bodies import Said, find_error, read_error
from walmart_stream.walmart.error_response import parse_document, retry_after

NO_CONTENT = 204
PARTIAL = 206

# By the first part of codes such as UNAUTHORIZED.GMP_GATEWAY_API; the rest names the service.
_CODES: Mapping[str, type[errors.WalmartError]] = {
    "UNAUTHORIZED": errors.TokenRejected,
    "INVALID_TOKEN": errors.TokenRejected,
    "FORBIDDEN": errors.AccessDenied,
    "CONTENT_NOT_FOUND": errors.ContentNotFound,
    "URI_NOT_FOUND": errors.NotFound,
    "METHOD_NOT_ALLOWED": errors.NotFound,
    "REQUEST_THRESHOLD_VIOLATED": errors.RateLimited,
    "RESOURCE_IS_LOCKED": errors.ResourceLocked,
    "SYSTEM_ERROR": errors.ServerUnavailable,
    "INVALID_SYSTEM_STATE": errors.ServerUnavailable,
    "DOWNSTREAM_SYSTEM_TIME_OUT": errors.ServerUnavailable,
}

_STATUSES: Mapping[int, type[errors.WalmartError]] = {
    400: errors.BadRequest,
    401: errors.TokenRejected,
    403: errors.AccessDenied,
    404: errors.NotFound,
    # What some sellers have is withdrawn from others in this way, too.
    405: errors.NotFound,
    408: errors.RequestTimeout,
    410: errors.Gone,
    413: errors.BadRequest,
    414: errors.UriTooLong,
    423: errors.ResourceLocked,
    429: errors.RateLimited,
}

# What a person can do about it.
_ADVICE: Mapping[type[errors.WalmartError], str] = {
    errors.CredentialsRefused: "check WALMART_CLIENT_ID and WALMART_CLIENT_SECRET: both of the "
    "same key, not revoked, and of the environment of WALMART_SELLER_URL (production and sandbox "
    "have keys of their own)",
    errors.TokenRejected: "if it stays so, check that WALMART_SELLER_URL is of the environment "
    "that WALMART_CLIENT_ID belongs to",
    errors.AccessDenied: "check what this key may do in Walmart's developer portal, and that the "
    "seller takes part in the programme",
    errors.ContentNotFound: "nothing of this name or kind is there; a new item takes a while",
    errors.NotFound: "Walmart does not offer this to every seller; check WALMART_SELLER_URL, too",
    errors.Gone: "ask for a new link",
    errors.CursorExpired: "the list has to be read from its start",
    errors.UriTooLong: "ask for less at once",
    errors.RateLimited: "the limit is per seller, so another program may have used it up",
    errors.ResourceLocked: "another change of the same thing is under way",
    errors.UnexpectedStatus: "check WALMART_SELLER_URL, and that no proxy changes the headers",
}

# Blotting out what is shorter would leave nothing to read, and give it away by its gaps.
SHORTEST_SECRET = 4

# Walmart asks to wait 20 to 60 seconds for what is locked, but not in a header.
LOCKED = 20.0


def read_document(
    status: int, headers: Mapping[str, str], body: bytes, *, secrets: Iterable[str] = ()
) -> Any:
    """The JSON document of a successful answer; none, where the status says so, is ``{}``.

    *secrets* are blotted out of what the answer says, should it repeat what it was sent.

    Raises:
        WalmartError: the answer is an error, also one under HTTP 200, or no such document.
    """
    if status == NO_CONTENT:
        return {}
    if not 200 <= status < 300:
        raise as_error(status, headers, read_error(body), secrets)
    document = parse_document(status, body)
    if status != PARTIAL and isinstance(document, dict) and _is_an_error(document):
        raise as_error(status, headers, find_error(document) or Said(None, ""), secrets)
    return document


def as_error(
    status: int,
    headers: Mapping[str, str],
    said: Said,
    secrets: Iterable[str] = (),
    *,
    kind: type[errors.WalmartError] | None = None,
) -> errors.WalmartError:
    """The error of an answer that *said* this; of *kind*, if the caller knows better."""
    kind = kind or _kind(status, said)
    parts = [f"HTTP {status}"]
    if said.code is not None and said.code != status:
        parts.append(f" ({said.code})")
    parts.append(f": {said.text or 'no explanation given'}")
    if said.field and said.field not in said.text and said.field != _prefix(said.code):
        parts.append(f" (field {said.field})")
    message = "".join(parts)
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            message = message.replace(secret, "…")
    if kind in _ADVICE:
        message += f" – {_ADVICE[kind]}"
    pause = retry_after(headers)
    if pause is None and kind is errors.ResourceLocked:
        pause = LOCKED
    return kind(message, status=status, code=said.code, retry_after=pause)


def _is_an_error(document: Mapping[str, Any]) -> bool:
    """Whether it is nothing else: some answers carry a complaint, or an empty list of them."""
    if not any(document.get(key) for key in ("error", "errors")):
        return False
    others = (value for key, value in document.items() if key not in ("error", "errors"))
    return not any(value for value in others if isinstance(value, dict | list))


def _kind(status: int, said: Said) -> type[errors.WalmartError]:
    if 200 <= status < 300 and isinstance(said.code, int) and 400 <= said.code < 600:
        # An error document under a success: its code may be the status that was meant.
        status = said.code
    if status >= 500:
        return errors.ServerUnavailable
    found = _CODES.get(_prefix(said.code))
    # A 429 is one whatever its body says; and so is a token, which only these statuses refuse.
    if status in (423, 429) or (found is errors.TokenRejected and status not in (200, 400, 401)):
        found = None
    if found is not None:
        return found
    if status == 400 and "cursor" in said.text.lower():
        return errors.CursorExpired
    if status == 404 and isinstance(said.code, str):
        # The gateway knows the path, so it is a service that does not find something.
        return errors.ContentNotFound
    if 200 <= status < 300:
        return errors.MalformedResponse if said.code is None else errors.BadRequest
    return _STATUSES.get(status, errors.UnexpectedStatus)


def _prefix(code: int | str | None) -> str:
    """``500.SYSTEM_ERROR`` and ``SYSTEM_ERROR.GMP_ITEM_QUERY_API`` both begin with the error."""
    parts = re.sub(r"^[0-9]+\.", "", str(code)).split(".")
    return parts[0].upper()
