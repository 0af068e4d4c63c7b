"""Errors that views raise, and their answers: ``{"error": {"code", "message"}}``.

ApiError
├── BadRequest            400 bad_request
│   └── Ambiguous
├── Unauthorized          401 unauthorized
├── Forbidden             403 forbidden
├── NotFound              404 not_found
├── Conflict              409 conflict
├── Gone                  410 gone
├── UnsupportedMedia      415 unsupported_media_type
├── TooManyFailures       429 too_many_requests
└── NotReady              503 not_ready
    └── Crowded

aiohttp's own refusals (no such path, method not allowed, body too large) and what nobody expected
(500 internal) are answered in the same form.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from aiohttp import web
from aiokafka.errors import KafkaError
from faust.exceptions import NotReady as NotStarted
from faust.exceptions import ProducerSendError
from pymongo.errors import PyMongoError

from walmart_stream.storage.refusals import is_outage
from walmart_stream.storage.rows import to_json
from walmart_stream.web.frames import forget_frames

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Seconds: rebalances, elections and recoveries are a matter of a few.
RETRY_AFTER = "1"


class ApiError(Exception):
    """A refusal; ``message`` says what the caller can do about it."""

    status: ClassVar[int]
    code: ClassVar[str]
    headers: Mapping[str, str] = {}
    ends_connection: ClassVar[bool] = False

    def __init__(self, message: str, **beside: Any) -> None:
        super().__init__(message)
        self.message = message
        self.beside = beside


class BadRequest(ApiError):
    """The input is wrong; the message names the field."""

    status = 400
    code = "bad_request"


class Ambiguous(BadRequest):
    """Not everybody would read the request alike; its connection ends."""

    ends_connection = True


class Unauthorized(ApiError):
    """The bearer token is missing or wrong."""

    status = 401
    code = "unauthorized"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class Forbidden(ApiError):
    """Not from here, or not without a token."""

    status = 403
    code = "forbidden"


class NotFound(ApiError):
    """Nothing is known under this id."""

    status = 404
    code = "not_found"


class Conflict(ApiError):
    """Somebody else has changed it meanwhile; the message says what."""

    status = 409
    code = "conflict"


class Gone(ApiError):
    """It has been deleted, and cannot be told any more."""

    status = 410
    code = "gone"


class UnsupportedMedia(ApiError):
    """The body has a type that is not read here."""

    status = 415
    code = "unsupported_media_type"


class TooManyFailures(ApiError):
    """Too many requests of this address did not prove who sent them; the connection ends."""

    status = 429
    code = "too_many_requests"
    ends_connection = True

    def __init__(self, wait: float) -> None:
        super().__init__("a right token or signature is due, and too many were not")
        self.headers = {"Retry-After": str(math.ceil(wait))}


class NotReady(ApiError):
    """Something is being restored, moved or waited for; asking again helps."""

    status = 503
    code = "not_ready"
    headers: Mapping[str, str] = {"Retry-After": RETRY_AFTER}


class Crowded(NotReady):
    """There is no room for this caller now; the connection ends."""

    ends_connection = True


def json_response(
    payload: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """*payload* as JSON; times in it as ISO 8601."""
    return web.Response(
        body=to_json(payload), status=status, headers=headers, content_type="application/json"
    )


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what *handler* raises."""
    try:
        return await _answered(request, handler)
    except ConnectionError:
        # Not the one that was raised: it is kept where the body is read from, with all frames.
        raise ConnectionResetError("the caller has gone") from None
    finally:
        forget_frames(request.content.exception())


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as exc:
        return _answer(exc)
    except web.RequestPayloadError:
        return _answer(Ambiguous("the body is not what its headers say"))
    except web.HTTPException as exc:
        return _answer_of_aiohttp(exc)
    except PyMongoError as exc:
        if not is_outage(exc):
            return _internal(request)
        return _answer(NotReady(f"mongodb: the database is away ({type(exc).__name__})"))
    except (KafkaError, ProducerSendError, NotStarted, TimeoutError) as exc:
        logger.warning(
            "no acknowledgement of what %s needs (%s)", request.rel_url.raw_path, type(exc).__name__
        )
        return _answer(NotReady(f"kafka: the brokers did not answer ({type(exc).__name__})"))
    except ConnectionError:
        raise
    except Exception:
        return _internal(request)


def _answer(error: ApiError) -> web.Response:
    body = {"error": {"code": error.code, "message": error.message}, **error.beside}
    response = json_response(body, status=error.status, headers=error.headers)
    if error.ends_connection:
        response.force_close()
    return response


def _answer_of_aiohttp(error: web.HTTPException) -> web.StreamResponse:
    if error.status < 400:
        return error
    status = HTTPStatus(error.status)
    allow = error.headers.get("Allow")
    message = status.phrase.lower()
    if allow:
        message += f"; allowed: {allow}"
    return json_response(
        {"error": {"code": status.name.lower(), "message": message}},
        status=status,
        headers={"Allow": allow} if allow else None,
    )


def _internal(request: web.Request) -> web.Response:
    logger.exception("%s %s failed", request.method, request.rel_url.raw_path)
    body = {"error": {"code": "internal", "message": "unexpected; the log says more"}}
    return json_response(body, status=500)
