"""The reading of Walmart's pricing insights: each row becomes an observation of its item."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from walmart_stream.agents.known_ids import sku_key
from walmart_stream.agents.own_items import OwnItems
from walmart_stream.domain.reading.sent import Unreadable
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.outbox import Outbox
from walmart_stream.metrics import Metrics
from walmart_stream.walmart.errors import AccessDenied, NotFound
from walmart_stream.walmart.seller.client import SellerClient
from walmart_stream.walmart.seller.insights import PricingInsights

logger = logging.getLogger(__name__)

INSIGHTS = "insights"


class Add(Protocol):
    """Adds an observation to the outbox; whether it fits a record of the raw topic."""

    def __call__(
        self,
        outbox: Outbox,
        source: str,
        item_id: str,
        at: int,
        request_id: str,
        payload: bytes,
        original: bytes | None = None,
    ) -> bool: ...


class InsightReader:
    """Reads all pages, those of the most seen items first. *clock* gives epoch milliseconds.

    *add* and *refuse* put observations, and rows that cannot be read, into an outbox. A reading
    that was cut off begins anew: the order of the pages moves with the traffic.
    """

    def __init__(
        self,
        app: StreamApp,
        own: OwnItems,
        metrics: Metrics,
        clock: Callable[[], int],
        add: Add,
        refuse: Callable[[Outbox, Unreadable, int], None],
    ) -> None:
        self._app = app
        self._own = own
        self._metrics = metrics
        self._clock = clock
        self._add = add
        self._refuse = refuse

    async def read(self, client: SellerClient) -> dict[str, Any]:
        """One reading; what it came to, for the stats.

        Raises:
            WalmartError: a call failed; the pages before it are recorded.
        """
        made = unknown = 0
        try:
            async for page in client.insights.prices():
                recorded = await self._record(page)
                made += recorded
                unknown += len(page.insights) - recorded
        except (AccessDenied, NotFound) as error:
            # Not every seller has them: asked again at the next interval, and no failure.
            logger.info("seller side: Walmart gives no pricing insights: %s", error)
            return {"done": self._clock(), "offered": False}
        return {"rows": made, "without_id": unknown, "done": self._clock(), "offered": True}

    async def _record(self, page: PricingInsights) -> int:
        """The rows of a page whose item is known into the raw topic; how many these are."""
        outbox = self._app.outbox()
        at = int(page.observed_at * 1000)
        seen: Counter[str] = Counter()
        made = 0
        for entry in page.unreadable:
            self._refuse(outbox, entry, at)
        for row in page.insights:
            known = self._own.item_of(sku_key(row.sku))
            if known is None or known.item_id is None:
                continue
            item_id = known.item_id
            # SKUs of one item get times a millisecond apart, like those of the list.
            moment = at + seen[item_id]
            seen[item_id] += 1
            payload = b'{"insight":%b}' % row.payload
            original = None if row.original is None else b'{"insight":%b}' % row.original
            made += self._add(outbox, INSIGHTS, item_id, moment, page.request_id, payload, original)
        await outbox.flush()
        self._metrics.seller_observations.labels(INSIGHTS).inc(made)
        return made
