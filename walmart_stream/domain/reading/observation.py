"""Observations: the envelope of the raw topic, and one look at an item."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

import orjson
from msgspec import Struct

from walmart_stream.domain.item_id import ITEM_ID as ITEM_ID
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.seller_observation import Sight
from walmart_stream.domain.time import to_iso

SCHEMA = 1
AFFILIATE = "affiliate"
SELLER = "seller"
WEBHOOK = "webhook"
# What the poll timer itself has to say: Walmart has not had the item for a while.
POLL = "poll"
# A person asks for the item's state to be recomputed; see walmart_stream.agents.unlock.
UNLOCK = "unlock"
SOURCES = (AFFILIATE, SELLER, WEBHOOK, POLL, UNLOCK)


class Observation(Struct, frozen=True, gc=False):
    """One look at one item, read. ``observed_at`` in epoch milliseconds.

    ``offers`` are those that it names, ``sight`` what the seller side says besides, ``odd`` the
    fields that could not be read and are unknown.
    """

    item_id: str
    observed_at: int
    source: str
    name: str | None
    offers: Mapping[str, Offer | None]
    sight: Sight | None = None
    odd: tuple[str, ...] = ()


def encode(
    *,
    source: str,
    item_id: str,
    observed_at: int,
    request_id: str | None,
    payload: bytes,
    original: bytes | None = None,
) -> bytes:
    """The raw topic's value for a *payload*, the JSON text of an item, which stays untouched.

    *original* are the bytes that Walmart sent where these are not JSON and *payload* is what they
    were mended to. They stand beside it in Base64, as ``sent``, so that the value is JSON anyway.
    """
    head = {
        "schema": SCHEMA,
        "source": source,
        "item_id": item_id,
        "observed_at": to_iso(observed_at),
        "request_id": request_id,
    }
    if original is not None:
        head["sent"] = b64encode(original).decode()
    return b'%s,"payload":%s}' % (orjson.dumps(head)[:-1], payload)
