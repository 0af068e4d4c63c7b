"""All endpoints of the seller side, in the order of Walmart's documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from walmart_stream.sandbox.seller.calls import Call, LimitName, Route, SellerAnswer
from walmart_stream.sandbox.seller.feeds import Feeds, feed_limit
from walmart_stream.sandbox.seller.insights import Insights
from walmart_stream.sandbox.seller.inventory import Inventory
from walmart_stream.sandbox.seller.item_search import ItemSearch
from walmart_stream.sandbox.seller.items import Items
from walmart_stream.sandbox.seller.prices import Prices
from walmart_stream.sandbox.seller.reports import Reports
from walmart_stream.sandbox.seller.shipping import ShippingTemplates
from walmart_stream.sandbox.seller.subscriptions import Subscriptions
from walmart_stream.sandbox.seller.tokens import Tokens

FORM = ("application/x-www-form-urlencoded",)
FILE = ("application/json", "multipart/form-data")
INSIGHTS = "/v3/insights/items"
WEBHOOKS = "/v3/webhooks"


@dataclass(frozen=True, slots=True)
class Authentication:
    """The token endpoints."""

    tokens: Tokens

    async def token(self, call: Call) -> SellerAnswer:
        """Gives a token for the client's id and secret."""
        form = await call.request.post()
        authorization = call.request.headers.get("Authorization", "")
        answer = self.tokens.issue(authorization, str(form.get("grant_type", "")))
        if "json" in call.request.headers.get("Accept", ""):
            return SellerAnswer(answer)
        # The XML form has names of its own.
        names = ("accessToken", "tokenType", "expiresIn")
        return SellerAnswer(dict(zip(names, answer.values(), strict=True)), root="OAuthTokenDTO")

    async def detail(self, call: Call) -> SellerAnswer:
        """The scopes of this call's token, and its end."""
        return SellerAnswer(self.tokens.detail(self.tokens.check(call.request.headers)))


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Everything that answers calls."""

    authentication: Authentication
    items: Items
    search: ItemSearch
    prices: Prices
    feeds: Feeds
    inventory: Inventory
    reports: Reports
    insights: Insights
    shipping: ShippingTemplates
    subscriptions: Subscriptions

    def routes(self) -> Sequence[Route]:
        """The table of routes; a fixed path comes before one with a variable part."""
        return (
            Route(
                "POST",
                "/v3/token",
                "token",
                self.authentication.token,
                types=FORM,
                authenticated=False,
            ),
            Route("GET", "/v3/token/detail", "token_detail", self.authentication.detail),
            Route("GET", "/v3/utilities/apiStatus", "api_status", _api_status),
            Route("GET", "/v3/items", "items", self.items.page, _by_parameters("items")),
            Route("GET", "/v3/items/count", "item_count", self.items.count, "item_count"),
            Route(
                "GET", "/v3/items/walmart/search", "item_search", self.search.search, "item_search"
            ),
            Route("GET", "/v3/items/{id}", "item", self.items.one, _by_parameters("item")),
            Route("PUT", "/v3/price", "price", self.prices.put, "price"),
            Route(
                "POST",
                "/v3/price/getPricingInsights",
                "pricing_insights",
                self.insights.pricing,
                "pricing_insights",
            ),
            Route("POST", "/v3/feeds", "feeds", self.feeds.submit, feed_limit, types=FILE),
            Route("GET", "/v3/feeds", "feed_list", self.feeds.page, "feeds"),
            Route("GET", "/v3/feeds/{id}", "feed_status", self.feeds.status, "feeds"),
            Route("GET", "/v3/inventory", "inventory", self.inventory.get, "inventory"),
            Route("PUT", "/v3/inventory", "inventory_put", self.inventory.put, "inventory_put"),
            Route("GET", "/v3/inventories", "inventories", self.inventory.page, "inventories"),
            Route("POST", "/v3/reports/reportRequests", "report_create", self.reports.create),
            Route(
                "GET",
                "/v3/reports/reportRequests",
                "report_list",
                self.reports.page,
                "report_list",
            ),
            Route(
                "GET",
                "/v3/reports/reportRequests/{id}",
                "report_status",
                self.reports.status,
                "report_status",
            ),
            Route(
                "GET",
                "/v3/reports/downloadReport",
                "report_download",
                self.reports.link,
                "report_download",
            ),
            Route(
                "GET",
                f"{INSIGHTS}/listingQuality/score",
                "listing_quality_score",
                self.insights.quality_score,
                "listing_quality_score",
            ),
            Route(
                "POST",
                f"{INSIGHTS}/listingQuality/items",
                "listing_quality_items",
                self.insights.quality_items,
                "listing_quality_items",
            ),
            Route(
                "GET",
                f"{INSIGHTS}/unpublished/items",
                "unpublished_items",
                self.insights.unpublished,
                "unpublished_items",
            ),
            Route(
                "GET",
                "/v3/settings/shipping/templates",
                "shipping_templates",
                self.shipping.page,
                "shipping_templates",
            ),
            Route(
                "GET",
                "/v3/settings/shipping/templates/{id}",
                "shipping_template",
                self.shipping.one,
                "shipping_template",
            ),
            Route(
                "GET",
                f"{WEBHOOKS}/eventTypes",
                "webhook_event_types",
                self.subscriptions.event_types,
                "webhook_event_types",
            ),
            Route(
                "POST", f"{WEBHOOKS}/test", "webhook_test", self.subscriptions.test, "webhook_test"
            ),
            Route(
                "GET",
                f"{WEBHOOKS}/subscriptions",
                "webhook_list",
                self.subscriptions.page,
                "webhook_list",
            ),
            Route(
                "POST",
                f"{WEBHOOKS}/subscriptions",
                "webhook_create",
                self.subscriptions.create,
                "webhook_create",
            ),
            Route(
                "PATCH",
                f"{WEBHOOKS}/subscriptions/{{id}}",
                "webhook_patch",
                self.subscriptions.patch,
                "webhook_patch",
            ),
            Route(
                "DELETE",
                f"{WEBHOOKS}/subscriptions/{{id}}",
                "webhook_delete",
                self.subscriptions.delete,
                "webhook_delete",
            ),
        )


async def _api_status(call: Call) -> SellerAnswer:
    return SellerAnswer({"apiStatuses": [{"apiName": "all", "status": "UP"}]})


def _by_parameters(name: str) -> LimitName:
    """The stricter limit for calls with query parameters."""

    def limit(request: web.Request) -> str:
        return f"{name}?" if request.query_string else name

    return limit
