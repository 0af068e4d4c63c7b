"""Notifications in the local stack: the sandbox posts its events to a worker, as Walmart would."""

from __future__ import annotations

import secrets

from walmart_stream.bootstrap import seller_client
from walmart_stream.local.processes import StartError
from walmart_stream.settings import Settings
from walmart_stream.walmart.errors import WalmartError
from walmart_stream.walmart.seller.webhooks import Authentication, EventType

PATH = "/webhooks/walmart"

# The events that the pipeline reads.
EVENTS = (
    EventType("BUY_BOX_CHANGED", "PRICE"),
    EventType("OFFER_PUBLISHED", "ITEM"),
    EventType("OFFER_UNPUBLISHED", "ITEM"),
    EventType("INVENTORY_OOS", "INVENTORY"),
)

# Settings that belong to another sender's subscriptions.
_OTHERS = (
    "WALMART_WEBHOOK_SECRET_FILE",
    "WALMART_WEBHOOK_USER",
    "WALMART_WEBHOOK_HEADER",
    "WALMART_WEBHOOK_SIGNED_TIME",
)


def webhook_settings(environment: dict[str, str]) -> None:
    """Have the workers of *environment* accept events signed with a secret of this run."""
    for name in _OTHERS:
        environment.pop(name, None)
    environment["WALMART_WEBHOOK_SECRET"] = secrets.token_urlsafe(24)
    environment["WALMART_WEBHOOK_AUTH"] = "HMAC"


async def subscribe(settings: Settings, url: str) -> None:
    """Have the sandbox post :data:`EVENTS` to the worker at *url*.

    The worker may still be starting: the sandbox tries again what was not taken.

    Raises:
        StartError: the sandbox refuses.
    """
    assert settings.walmart_webhook_secret is not None
    proof = Authentication("HMAC", settings.walmart_webhook_secret.get_secret_value())
    client = seller_client(settings)
    try:
        for event in EVENTS:
            await client.webhooks.create(event, f"{url}{PATH}", proof)
    except WalmartError as exc:
        raise StartError(f"the sandbox refuses the subscription to events: {exc}") from None
    finally:
        await client.close()
