"""The Marketplace Seller API: everything that a seller may see and change, by what it is about."""

from __future__ import annotations

from collections.abc import Callable, Collection

from walmart_stream.walmart.retry import RetryPolicy
from walmart_stream.walmart.seller.buy_box import BuyBox
from walmart_stream.walmart.seller.calls import SellerCalls
from walmart_stream.walmart.seller.feeds import SellerFeeds
from walmart_stream.walmart.seller.insights import SellerInsights
from walmart_stream.walmart.seller.inventory import SellerInventory
from walmart_stream.walmart.seller.items import SellerItems
from walmart_stream.walmart.seller.limits import SellerLimits
from walmart_stream.walmart.seller.prices import SellerPrices
from walmart_stream.walmart.seller.reports import SellerReports
from walmart_stream.walmart.seller.search import SellerSearch
from walmart_stream.walmart.seller.token import SellerToken
from walmart_stream.walmart.seller.webhooks import SellerWebhooks
from walmart_stream.walmart.transport import Transport

# Answers of hundreds of items take seconds; the gateway gives up itself after 30 or so.
TIMEOUT = 60.0


class SellerClient:
    """Walmart's seller side. One instance serves many tasks at once.

    *base_url* is that of the environment (``https://marketplace.walmartapis.com``). *clock*
    gives epoch seconds; the *retry* policy's clock is used for tokens and should be monotonic.
    *new_request_id* gives a fresh correlation id for every request, and *timeout* is seconds for
    one request. No secret is in any message, and none in any ``repr``.
    """

    def __init__(
        self,
        transport: Transport,
        client_id: str,
        client_secret: str,
        *,
        base_url: str,
        limits: SellerLimits,
        retry: RetryPolicy,
        clock: Callable[[], float],
        new_request_id: Callable[[], str],
        timeout: float = TIMEOUT,
        download_hosts: Collection[str] = (),
    ) -> None:
        base_url = base_url.rstrip("/")
        token = SellerToken(
            transport,
            client_id,
            client_secret,
            base_url=base_url,
            clock=retry.clock,
            new_request_id=new_request_id,
            timeout=timeout,
        )
        self._calls = SellerCalls(
            transport,
            token,
            base_url=base_url,
            limits=limits,
            retry=retry,
            clock=clock,
            new_request_id=new_request_id,
            timeout=timeout,
            download_hosts=download_hosts,
        )
        self.items = SellerItems(self._calls)
        self.search = SellerSearch(self._calls)
        self.feeds = SellerFeeds(self._calls)
        self.prices = SellerPrices(self._calls, self.feeds)
        self.inventory = SellerInventory(self._calls)
        self.reports = SellerReports(self._calls)
        self.buy_box = BuyBox(self.reports)
        self.insights = SellerInsights(self._calls)
        self.webhooks = SellerWebhooks(self._calls)

    async def close(self) -> None:
        """Closes the connections."""
        await self._calls.close()
