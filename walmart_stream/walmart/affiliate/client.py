"""The Affiliate API: lookups of items, search, the taxonomy and the catalogue page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.walmart.affiliate.answers import (
    Answer,
    Category,
    Lookup,
    SearchResult,
    named_in,
    read_items,
    read_page,
    read_search,
    read_taxonomy,
)
from walmart_stream.walmart.affiliate.budget import DailyBudget
from walmart_stream.walmart.affiliate.calls import SignedCalls
from walmart_stream.walmart.affiliate.signing import Signer
from walmart_stream.walmart.bucket import TokenBucket
from walmart_stream.walmart.errors import (
    BadRequest,
    InvalidItem,
    MalformedResponse,
    WalmartError,
)
from walmart_stream.walmart.retry import RetryPolicy
from walmart_stream.walmart.transport import Transport

__all__ = ["AffiliateClient", "Answer", "Category", "Lookup", "SearchResult"]

# Walmart's own limits.
MOST_IDS = 20
MOST_HITS = 25
DEEPEST_HIT = 1000

# Answers of 20 items take a second or two; a gateway that hangs gives up itself after 30.
TIMEOUT = 30.0


class AffiliateClient:
    """Walmart's affiliate side. One instance serves many tasks at once.

    *base_url* has no trailing slash by convention (``…/affil/product/v2``). *publisher_id* makes
    Walmart fill it into tracking links. *clock* gives epoch seconds, *new_request_id* a fresh
    correlation id for every request. *timeout* is seconds for one request.
    """

    def __init__(
        self,
        transport: Transport,
        signer: Signer,
        *,
        base_url: str,
        publisher_id: str | None = None,
        bucket: TokenBucket,
        budget: DailyBudget | None = None,
        retry: RetryPolicy,
        clock: Callable[[], float],
        new_request_id: Callable[[], str],
        timeout: float = TIMEOUT,
    ) -> None:
        self._calls = SignedCalls(
            transport,
            signer,
            bucket=bucket,
            budget=budget,
            retry=retry,
            clock=clock,
            new_request_id=new_request_id,
            timeout=timeout,
        )
        self._base = base_url.rstrip("/")
        self._publisher = {} if publisher_id is None else {"publisherId": publisher_id}
        self._refused: set[str] = set()

    def set_limits(self, calls_per_second: float, calls_left: int) -> None:
        """This worker's share: calls a second, and calls in all until it is set again.

        Requests wait for the first and fail by the second (``DailyBudgetExhausted``).
        """
        self._calls.set_limits(calls_per_second, calls_left)

    @property
    def clock_offset(self) -> float:
        """Seconds that Walmart's clock was ahead in the last answers; 0 before there was one."""
        return self._calls.clock_offset

    async def close(self) -> None:
        """Closes the connections."""
        await self._calls.close()

    async def items(self, item_ids: Sequence[str], *, halve: bool = True) -> Lookup:
        """The items with these ids, any number of them; each is asked for once.

        A request that is refused for one of its ids is repeated in halves; without *halve* its
        ids are ``spoiled``, for a caller that has to pace these requests, too. Never raises for
        what Walmart or the network do: the result says what became of each id.
        """
        lookup = Lookup()
        wanted = list(dict.fromkeys(item_ids))
        asked = [item_id for item_id in wanted if ITEM_ID.fullmatch(item_id)]
        for item_id in set(wanted).difference(asked):
            lookup.invalid[item_id] = InvalidItem(
                f"{item_id[:40]!r} is no Walmart item id, which is a number of up to 20 digits"
            )
        # An id refused before would be again: alone it costs one call, in a chunk some ten.
        good = [item_id for item_id in asked if item_id not in self._refused]
        chunks = [good[at : at + MOST_IDS] for at in range(0, len(good), MOST_IDS)]
        chunks += [[item_id] for item_id in asked if item_id in self._refused]
        for chunk in chunks:
            await self._look_up(chunk, lookup, halve)
        return lookup

    async def items_by_upc(self, upc: str) -> Answer:
        """The items with this UPC; there may be several.

        Raises:
            InvalidItem: there is none.
            WalmartError: the call failed.
        """
        return await self._items({"upc": upc})

    async def items_by_gtin(self, gtin: str) -> Answer:
        """The items with this GTIN; raises as ``items_by_upc``."""
        return await self._items({"gtin": gtin})

    async def search(
        self,
        query: str,
        *,
        start: int = 1,
        count: int = 25,
        category_id: str | None = None,
        sort: str | None = None,
        order: str | None = None,
    ) -> SearchResult:
        """Hits number *start* (from 1) to *start* + *count* - 1.

        *sort* is relevance, price, title, bestseller, customerRating or new; *order* is
        ascending or descending, for price.

        Raises:
            ValueError: Walmart gives at most 25 hits at once and only the first 1,000.
            WalmartError: the call failed.
        """
        if not 1 <= count <= MOST_HITS:
            raise ValueError(f"count is {count}; 1 to {MOST_HITS} hits can be asked for")
        if start < 1 or start + count > DEEPEST_HIT:
            raise ValueError(f"only hits 1 to {DEEPEST_HIT} can be asked for")
        params = _given(
            query=query,
            start=str(start),
            numItems=str(count),
            categoryId=category_id,
            sort=sort,
            order=order,
        )
        return await self._calls.get(
            f"{self._base}/search",
            params | self._publisher,
            lambda document, request_id, at: read_search(document, request_id, at, start),
        )

    async def taxonomy(self, category_id: str | None = None) -> list[Category]:
        """All categories as trees, or the tree under *category_id*.

        Raises:
            WalmartError: the call failed.
        """
        return await self._calls.get(
            f"{self._base}/taxonomy",
            _given(categoryId=category_id),
            lambda document, request_id, at: read_taxonomy(document),
        )

    async def paginated_items(
        self,
        *,
        category: str | None = None,
        brand: str | None = None,
        special_offer: str | None = None,
        sold_by_walmart: bool | None = None,
        available: bool | None = None,
        count: int | None = None,
    ) -> AsyncIterator[Answer]:
        """The catalogue by ascending item id, page by page; pages without items are left out.

        *special_offer* is rollback, clearance or specialBuy.

        Raises:
            MalformedResponse: a page links to another host, or back to an earlier page.
            WalmartError: a call failed; the pages before it have been yielded.
        """
        params: dict[str, str] | None = self._publisher | _given(
            category=category,
            brand=brand,
            specialOffer=special_offer,
            soldByWmt=_flag(sold_by_walmart),
            available=_flag(available),
            count=None if count is None else str(count),
        )
        url = f"{self._base}/paginated/items"
        seen = set()
        while True:
            answer, link = await self._calls.get(url, params, read_page)
            if answer.items:
                yield answer
            if link is None:
                return
            # The link has all parameters in it.
            url, params = self._same_host(link), None
            if url in seen:
                raise MalformedResponse(f"the pages go round in circles: {link[:200]}")
            seen.add(url)

    async def _items(
        self, params: dict[str, str], on_call: Callable[[], None] = lambda: None
    ) -> Answer:
        url = f"{self._base}/items"
        return await self._calls.get(url, params | self._publisher, read_items, on_call)

    async def _look_up(self, item_ids: list[str], lookup: Lookup, halve: bool) -> None:
        """Puts what becomes of *item_ids* into *lookup*; with *halve*, in halves if one spoils the
        request."""

        def on_call() -> None:
            lookup.calls += 1

        try:
            answer = await self._items({"ids": ",".join(item_ids)}, on_call)
        except BadRequest as error:
            if len(item_ids) == 1:
                lookup.invalid[item_ids[0]] = error
                self._refused.update(item_ids)
                return
            if not halve:
                lookup.spoiled |= set(item_ids)
                return
            middle = len(item_ids) // 2
            await self._look_up(item_ids[:middle], lookup, halve)
            await self._look_up(item_ids[middle:], lookup, halve)
        except WalmartError as error:
            lookup.failed.update(dict.fromkeys(item_ids, error))
        else:
            asked = {key: answer.items[key] for key in item_ids if key in answer.items}
            lookup.answers.append(replace(answer, items=asked))
            lookup.malformed += answer.malformed + len(answer.items) - len(asked)
            self._account(set(item_ids) - asked.keys(), answer, lookup)
            self._refused.difference_update(item_ids)

    def _account(self, left: set[str], answer: Answer, lookup: Lookup) -> None:
        """Puts the items that are *left* over by an *answer* into *lookup*."""
        unnamed = []
        for entry in answer.unreadable:
            item_id = named_in(entry)
            if item_id in left:
                left.remove(item_id)
                lookup.unreadable[item_id] = entry
            else:
                unnamed.append(entry)
        if len(unnamed) == len(left) == 1:
            # Nobody else is left whose it could be.
            lookup.unreadable[left.pop()] = unnamed.pop()
        if unnamed:
            error = MalformedResponse(f"an entry of the answer is not JSON: {unnamed[0].reason}")
            lookup.unnamed += unnamed
            lookup.failed.update(dict.fromkeys(left, error))
        else:
            lookup.missing |= left

    def _same_host(self, link: str) -> str:
        """The absolute URL of a *link* that must not lead away: signed headers go with it."""
        base = urlsplit(self._base)
        origin = f"{base.scheme}://{base.netloc}"
        if link.startswith(f"{origin}/"):
            return link
        # Two slashes, or one that some parsers take for one, begin a host.
        if link.startswith("/") and link[1:2] not in ("/", "\\"):
            return origin + link
        raise MalformedResponse(f"the next page is not on {origin}: {link[:200]}")


def _given(**params: str | None) -> dict[str, str]:
    return {name: value for name, value in params.items() if value is not None}


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()
