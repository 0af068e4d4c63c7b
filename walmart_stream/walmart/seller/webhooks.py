"""Subscriptions to Walmart's notifications: what is sent to us, and how it proves who it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from walmart_stream.settings import LOOPBACK_HOSTS
from walmart_stream.walmart.errors import ContentNotFound, MalformedResponse
from walmart_stream.walmart.seller import fields as read
from walmart_stream.walmart.seller.calls import Reply, SellerCalls
from walmart_stream.walmart.seller.limits import (
    EVENT_TYPES,
    SUBSCRIBE,
    SUBSCRIPTIONS,
    TEST_WEBHOOK,
    UNSUBSCRIBE,
)

PATH = "/v3/webhooks"


@dataclass(frozen=True, slots=True)
class EventType:
    """Something that Walmart can notify of, such as BUY_BOX_CHANGED of PRICE, V1."""

    event: str
    resource: str
    version: str = "V1"
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Authentication:
    """How the sender is to prove itself, in the header *header*.

    BASIC_AUTH needs *user* and *secret* (the password), HMAC *secret*; OAUTH needs *user* (the
    client id), *secret* and *url*, where Walmart fetches its token from us.
    """

    method: Literal["BASIC_AUTH", "HMAC", "OAUTH"]
    secret: str = field(repr=False)
    user: str | None = None
    url: str | None = None
    header: str = "Authorization"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription. Walmart sends its password back, too, which is not kept here."""

    subscription_id: str
    event: str
    resource: str | None
    version: str | None
    status: str | None
    url: str | None


class SellerWebhooks:
    """Lists, makes, tests and ends subscriptions. Some sellers have to be let in first."""

    def __init__(self, calls: SellerCalls) -> None:
        self._calls = calls

    async def event_types(self) -> tuple[EventType, ...]:
        """The event types that a seller can subscribe to.

        Raises:
            NotFound: webhooks are not offered to this seller.
            WalmartError: the call failed.
        """
        return await self._calls.call(EVENT_TYPES, f"{PATH}/eventTypes", _read_types)

    async def all(self) -> tuple[Subscription, ...]:
        """The subscriptions that there are; raises as ``event_types``."""
        try:
            return await self._calls.call(SUBSCRIPTIONS, f"{PATH}/subscriptions", _read_all)
        except ContentNotFound:
            return ()

    async def create(
        self, event: EventType, url: str, authentication: Authentication
    ) -> Subscription:
        """Subscribes to *event*, which is then posted to *url*.

        Where no answer arrives, the subscription may exist anyway: look at ``all``
        before making it again, since two subscriptions send everything twice.

        Raises:
            ValueError: *url* is not one of https, or *authentication* is not complete.
            WalmartError: the call failed.
        """
        document = {"events": [_document(event, url, authentication) | {"status": "ACTIVE"}]}

        def created(reply: Reply) -> Subscription:
            found = _read_all(reply)
            if not found:
                raise MalformedResponse("the answer to the subscription has no subscriptionId")
            return found[0]

        return await self._calls.call(
            SUBSCRIBE,
            f"{PATH}/subscriptions",
            created,
            document=document,
            secrets=[authentication.secret],
        )

    async def delete(self, subscription_id: str) -> None:
        """Ends a subscription; an absent one is not an error.

        Raises:
            WalmartError: the call failed.
        """
        path = f"{PATH}/subscriptions/{quote(subscription_id, safe='')}"
        try:
            await self._calls.call(UNSUBSCRIBE, path, lambda reply: None)
        except ContentNotFound:
            # Also what a repeated call gets whose first answer was lost.
            return

    async def test(self, event: EventType, url: str, authentication: Authentication) -> str:
        """Has Walmart post a sample of *event* to *url*; what it says of that.

        Raises:
            ValueError: as ``create``.
            BadRequest: *url* did not answer as it should.
            WalmartError: the call failed.
        """
        return await self._calls.call(
            TEST_WEBHOOK,
            f"{PATH}/test",
            lambda reply: read.plain(read.fields(reply.document).get("message")) or "",
            document=_document(event, url, authentication),
            secrets=[authentication.secret],
        )


def _document(event: EventType, url: str, authentication: Authentication) -> dict[str, Any]:
    target = urlsplit(url)
    # A sandbox on this machine posts without TLS, too.
    if target.scheme != "https" and target.hostname not in LOOPBACK_HOSTS:
        raise ValueError("Walmart posts to addresses of https only")
    return {
        "eventType": event.event,
        "eventVersion": event.version,
        "resourceName": event.resource,
        "eventUrl": url,
        "authDetails": _details(authentication),
        "headers": {"content-type": "application/json"},
    }


def _details(authentication: Authentication) -> dict[str, str]:
    needed: Mapping[str, str | None]
    if authentication.method == "BASIC_AUTH":
        needed = {"userName": authentication.user, "password": authentication.secret}
    elif authentication.method == "HMAC":
        needed = {"clientSecret": authentication.secret}
    else:
        needed = {
            "clientId": authentication.user,
            "clientSecret": authentication.secret,
            "authUrl": authentication.url,
        }
    details = {"authMethod": authentication.method, "authHeaderName": authentication.header}
    for name, value in needed.items():
        if not value:
            raise ValueError(f"{authentication.method} needs {name}")
        details[name] = value
    return details


def _read_types(reply: Reply) -> tuple[EventType, ...]:
    found = []
    for entry in read.objects(read.document(reply.document, "event types").get("events"), "events"):
        values = read.fields(entry)
        event, resource = read.text(values.get("eventtype")), read.text(values.get("resourcename"))
        if event is not None and resource is not None:
            version = read.text(values.get("eventversion")) or "V1"
            found.append(EventType(event, resource, version, read.plain(values.get("description"))))
    return tuple(found)


def _read_all(reply: Reply) -> tuple[Subscription, ...]:
    found = []
    values = read.document(reply.document, "subscriptions")
    for entry in read.objects(values.get("events", values.get("subscriptions")), "events"):
        fields = read.fields(entry)
        subscription_id, event = read.text(fields.get("subscriptionid")), fields.get("eventtype")
        if subscription_id is not None and isinstance(event, str):
            found.append(
                Subscription(
                    subscription_id=subscription_id,
                    event=event,
                    resource=read.text(fields.get("resourcename")),
                    version=read.text(fields.get("eventversion")),
                    status=read.text(fields.get("status")),
                    url=read.text(fields.get("eventurl")),
                )
            )
    return tuple(found)
