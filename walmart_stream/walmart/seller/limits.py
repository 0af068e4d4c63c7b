"""The endpoints that are called on the seller side, with Walmart's limits (table of 2026)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from walmart_stream.walmart.seller.bucket import SellerBucket

MINUTE = 60.0
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of call; those with the same ``bucket`` share *calls* in *seconds*.

    ``repeatable`` calls change nothing more when made twice.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    bucket: str
    calls: int
    seconds: float
    repeatable: bool = True


# With query parameters; without any it would be 300 and 900 a minute.
ITEMS = Endpoint("GET", "items", 60, MINUTE)
ITEM = Endpoint("GET", "item", 60, MINUTE)
SEARCH = Endpoint("GET", "search", 200, MINUTE)
PRICE = Endpoint("PUT", "price", 100, HOUR)
SUBMIT_PRICES = Endpoint("POST", "price feeds", 10, HOUR, repeatable=False)
FEED = Endpoint("GET", "feeds", 5000, MINUTE)
# One row of the table for all of them: taken as shared, which is the smaller reading.
GET_INVENTORY = Endpoint("GET", "inventory", 200, MINUTE)
PUT_INVENTORY = Endpoint("PUT", "inventory", 200, MINUTE)
# The table has no limit for asking; that for the status is assumed.
REQUEST_REPORT = Endpoint("POST", "report requests", 20, HOUR, repeatable=False)
REPORT_STATUS = Endpoint("GET", "report status", 20, HOUR)
REPORT_LINK = Endpoint("GET", "report download", 20, HOUR)
PRICING_INSIGHTS = Endpoint("POST", "pricing insights", 2, MINUTE)
LISTING_SCORE = Endpoint("GET", "listing score", 10, HOUR)
LISTING_QUALITY = Endpoint("POST", "listing quality", 1, MINUTE)
EVENT_TYPES = Endpoint("GET", "webhook event types", 5, MINUTE)
SUBSCRIPTIONS = Endpoint("GET", "webhooks", 50, MINUTE)
SUBSCRIBE = Endpoint("POST", "webhook creation", 200, MINUTE, repeatable=False)
UNSUBSCRIBE = Endpoint("DELETE", "webhook deletion", 10, MINUTE)
TEST_WEBHOOK = Endpoint("POST", "webhook test", 10, MINUTE)


class SellerLimits:
    """The buckets, made when first used. *speed* multiplies every limit, for a sandbox.

    *clock* gives seconds and should be monotonic; *sleep* waits for seconds.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        speed: float = 1.0,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._speed = speed
        self._buckets: dict[str, SellerBucket] = {}

    def bucket(self, endpoint: Endpoint) -> SellerBucket:
        """The bucket that *endpoint* draws from."""
        found = self._buckets.get(endpoint.bucket)
        if found is None:
            found = self._buckets[endpoint.bucket] = SellerBucket(
                endpoint.calls,
                endpoint.seconds / self._speed,
                clock=self._clock,
                sleep=self._sleep,
            )
        return found
