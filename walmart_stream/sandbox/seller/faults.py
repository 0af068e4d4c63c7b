"""Faults of the seller side, beside those that it shares with the affiliate side."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from walmart_stream.sandbox.faults import (
    Fault,
    HtmlPage,
    Latency,
    ServerError,
    TooManyRequests,
    Truncated,
)


class ExpiredToken(Fault):
    """The token of the call has expired before its time, for all later calls too."""

    kind: Literal["expired_token"]


class XmlError(Fault):
    """A server error as XML although JSON was asked for."""

    kind: Literal["xml"]
    status: int = Field(500, ge=500, le=599)


class Locked(Fault):
    """423: somebody else is changing the same thing."""

    kind: Literal["locked"]


class Forbidden(Fault):
    """403: the token's scope does not reach so far, or the seller is not enrolled."""

    kind: Literal["forbidden"]


class Missing(Fault):
    """404 for an endpoint that some sellers do not have."""

    kind: Literal["missing"]


class ExpiredCursor(Fault):
    """The paging session has ended before its time."""

    kind: Literal["expired_cursor"]


class StuckFeed(Fault):
    """The feed stays INPROGRESS longer, in market seconds; its changes come then too."""

    kind: Literal["stuck_feed"]
    seconds: float = Field(86_400, ge=0)


class FailedFeedItems(Fault):
    """Each item of the feed fails with ``share``, for no reason of its own."""

    kind: Literal["failed_feed_items"]
    status: Literal["SYSTEM_ERROR", "TIMEOUT_ERROR"] = "SYSTEM_ERROR"
    share: float = Field(0.5, ge=0, le=1)


class FailedReport(Fault):
    """The report ends with ERROR."""

    kind: Literal["failed_report"]


class Duplicate(Fault):
    """A webhook is sent ``copies`` times more, with the same event id."""

    kind: Literal["duplicate"]
    copies: int = Field(1, ge=1, le=100)


class Reorder(Fault):
    """A webhook is sent later, by up to this number of market seconds, after younger ones."""

    kind: Literal["reorder"]
    seconds: float = Field(600, gt=0)


class BadSignature(Fault):
    """Beside the real webhook comes a forged one, with an event id of its own."""

    kind: Literal["bad_signature"]


class OldTimestamp(Fault):
    """Beside the real webhook comes one with a signed timestamp of this age in seconds.

    Its signature is right and its event id its own: only its age speaks against it.
    """

    kind: Literal["old_timestamp"]
    seconds: float = Field(3600, gt=0)


class Oversized(Fault):
    """Beside the real webhook comes one of this size in bytes, properly signed."""

    kind: Literal["oversized"]
    bytes: int = Field(5_000_000, ge=1_000, le=50_000_000)


AnySellerFault = Annotated[
    Latency
    | TooManyRequests
    | ServerError
    | HtmlPage
    | Truncated
    | ExpiredToken
    | XmlError
    | Locked
    | Forbidden
    | Missing
    | ExpiredCursor
    | StuckFeed
    | FailedFeedItems
    | FailedReport
    | Duplicate
    | Reorder
    | BadSignature
    | OldTimestamp
    | Oversized,
    Field(discriminator="kind"),
]
SELLER_FAULT: TypeAdapter[AnySellerFault] = TypeAdapter(AnySellerFault)
