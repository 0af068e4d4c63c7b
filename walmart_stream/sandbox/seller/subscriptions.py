"""Webhook subscriptions: made, listed, changed, tried and ended through the API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from walmart_stream.sandbox.seller.calls import Call, SellerAnswer
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.events import RESOURCES, VERSION, Events
from walmart_stream.sandbox.seller.refusals import (
    WEBHOOK,
    SellerRefusal,
    invalid_content,
    not_found,
)
from walmart_stream.sandbox.seller.shop import Shop
from walmart_stream.sandbox.seller.webhook_auth import METHODS, NEEDED
from walmart_stream.sandbox.seller.webhooks import Delivery, Subscription, WebhookSender

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_SUBSCRIPTIONS = 1_000


class Subscriptions:
    """``/v3/webhooks``."""

    def __init__(
        self, config: SellerConfig, shop: Shop, events: Events, sender: WebhookSender
    ) -> None:
        self._config = config
        self._shop = shop
        self._events = events
        self._sender = sender
        self._known: dict[str, Subscription] = {}

    @property
    def active(self) -> list[Subscription]:
        """Those that events are sent to."""
        return [subscription for subscription in self._known.values() if subscription.active]

    async def event_types(self, call: Call) -> SellerAnswer:
        """The event types that a seller can subscribe to."""
        events = [
            {
                "resourceName": resource,
                "eventType": event_type,
                "eventVersion": VERSION,
                "description": event_type.replace("_", " ").capitalize(),
            }
            for event_type, resource in RESOURCES.items()
        ]
        return SellerAnswer({"events": events})

    async def create(self, call: Call) -> SellerAnswer:
        """Subscribes to each of the body's ``events``.

        Raises:
            SellerRefusal: 400 for an unknown event type or an address that may not be used.
        """
        events = call.json(WEBHOOK).get("events")
        if not isinstance(events, list) or not events:
            raise invalid_content("events", "events is missing", WEBHOOK)
        if len(self._known) + len(events) > MOST_SUBSCRIPTIONS:
            raise invalid_content("events", "There are too many subscriptions", WEBHOOK)
        made = [self._read(event) for event in events]
        self._known |= {subscription.subscription_id: subscription for subscription in made}
        return SellerAnswer({"events": [self._brief(subscription) for subscription in made]})

    async def page(self, call: Call) -> SellerAnswer:
        """All subscriptions with their passwords, which Walmart shows, too."""
        wanted = call.query.get("subscriptionId")
        chosen = [s for s in self._known.values() if wanted in (None, s.subscription_id)]
        return SellerAnswer({"events": [self._whole(subscription) for subscription in chosen]})

    async def patch(self, call: Call) -> SellerAnswer:
        """Changes address, authentication, headers or status of one subscription.

        Raises:
            SellerRefusal: 404 for an unknown one, 400 for a change that makes no sense.
        """
        before = self._one(call)
        body = call.json(WEBHOOK)
        events = body.get("events")
        changes = events[0] if isinstance(events, list) and events else body
        if not isinstance(changes, dict):
            raise invalid_content("events", "events is invalid", WEBHOOK)
        after = self._read({**self._whole(before), **changes})
        after = replace(after, subscription_id=before.subscription_id)
        self._known[before.subscription_id] = after
        return SellerAnswer({"events": [self._brief(after)]})

    async def delete(self, call: Call) -> SellerAnswer:
        """Ends one subscription; what still waits for it is not sent any more.

        Raises:
            SellerRefusal: 404, it is unknown.
        """
        subscription_id = self._one(call).subscription_id
        del self._known[subscription_id]
        self._sender.drop(subscription_id)
        message = "Successfully deleted subscription"
        return SellerAnswer({"subscriptionId": subscription_id, "message": message})

    async def test(self, call: Call) -> SellerAnswer:
        """Sends one event to the address in the body.

        Raises:
            SellerRefusal: 400, the address did not answer 2xx.
        """
        body = call.json(WEBHOOK)
        events = body.get("events")
        subscription = self._read(events[0] if isinstance(events, list) and events else body)
        item = next(iter(self._shop.items.by_sku.values()), None)
        if item is None:
            raise not_found("The seller has no items", WEBHOOK)
        event = self._events.make(subscription.event_type, item, call.at)
        delivery = Delivery(subscription, event, orjson.dumps(event.document))
        timeout = aiohttp.ClientTimeout(total=self._config.webhook_timeout)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            status = await self._sender.send(http, delivery)
        if status is None or not 200 <= status < 300:
            raise SellerRefusal(
                400,
                "INVALID_REQUEST",
                "Eventurl could not be validated",
                field="eventUrl",
                service=WEBHOOK,
            )
        return SellerAnswer({"message": "Eventurl successfully validated"})

    def _one(self, call: Call) -> Subscription:
        subscription = self._known.get(call.path["id"])
        if subscription is None:
            raise not_found("No such subscription", WEBHOOK)
        return subscription

    def _read(self, event: Any) -> Subscription:
        event_type = event.get("eventType") if isinstance(event, Mapping) else None
        if not isinstance(event_type, str) or event_type not in RESOURCES:
            raise invalid_content("eventType", "eventType is invalid", WEBHOOK)
        auth = event.get("authDetails") or {}
        if not isinstance(auth, dict):
            raise invalid_content("authDetails", "authDetails is invalid", WEBHOOK)
        method = auth.get("authMethod")
        if auth and method not in METHODS:
            raise invalid_content("authMethod", "authMethod is invalid", WEBHOOK)
        for name in NEEDED.get(str(method), ()):
            if not isinstance(auth.get(name), str) or not auth[name]:
                raise invalid_content(name, f"{name} is missing", WEBHOOK)
        headers = event.get("headers") or {}
        if not isinstance(headers, dict):
            raise invalid_content("headers", "headers is invalid", WEBHOOK)
        url = self._address("eventUrl", event.get("eventUrl"))
        if method == "OAUTH":
            self._address("authUrl", auth["authUrl"])
        return Subscription(
            subscription_id=str(uuid.uuid4()),
            event_type=event_type,
            event_version=str(event.get("eventVersion", VERSION)),
            resource=RESOURCES[event_type],
            url=url,
            auth=dict(auth),
            headers={str(name): str(value) for name, value in headers.items()},
            active=event.get("status", "ACTIVE") == "ACTIVE",
        )

    def _address(self, name: str, url: Any) -> str:
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        loopback = parts.hostname in LOOPBACK
        # Walmart wants https; on this machine there is nothing to eavesdrop on.
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            raise invalid_content(name, f"{name} is no https address", WEBHOOK)
        if self._config.webhooks_to_loopback_only and not loopback:
            raise invalid_content(name, f"{name} leaves this machine", WEBHOOK)
        return str(url)

    def _brief(self, subscription: Subscription) -> dict[str, Any]:
        return {
            "eventType": subscription.event_type,
            "subscriptionId": subscription.subscription_id,
            "partnerId": self._config.partner_id,
            "eventVersion": subscription.event_version,
            "resourceName": subscription.resource,
            "status": "ACTIVE" if subscription.active else "INACTIVE",
        }

    def _whole(self, subscription: Subscription) -> dict[str, Any]:
        return self._brief(subscription) | {
            "eventUrl": subscription.url,
            "authDetails": subscription.auth,
            "headers": subscription.headers,
        }
