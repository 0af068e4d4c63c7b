"""The checks of every field of a record of the raw topic, once its JSON has been read."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from walmart_stream.domain.errors import BadTime, KeyFault, WrongShape
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.absence import absent_offers
from walmart_stream.domain.reading.affiliate_offers import affiliate_answer
from walmart_stream.domain.reading.observation import (
    AFFILIATE,
    ITEM_ID,
    POLL,
    SCHEMA,
    SELLER,
    SOURCES,
    UNLOCK,
    Observation,
)
from walmart_stream.domain.reading.seller_observation import Sight, seller_sight, webhook_sight
from walmart_stream.domain.time import parse_iso

# Characters of a time: ISO 8601 to the microsecond with its zone has 32.
LONGEST_TIME = 64


def interpret(key: bytes | None, envelope: Any) -> Observation:
    """The observation that a record with *key* and the JSON value *envelope* is.

    Raises:
        BadInput: it is none; the class and message say why.
        Doubtful: see :func:`walmart_stream.domain.reading.amounts.cents`.
    """
    item_id, observed_at, source = _check_envelope(envelope)
    check_key(key, item_id)
    payload = envelope["payload"]
    offers: Mapping[str, Offer | None]
    if source == POLL:
        return Observation(item_id, observed_at, source, None, absent_offers(payload))
    if source == UNLOCK:
        return Observation(item_id, observed_at, source, None, {}, Sight())
    if source == AFFILIATE:
        name, offers, odd = affiliate_answer(payload)
        return Observation(item_id, observed_at, source, name, offers, odd=odd)
    if source == SELLER:
        sight, offers = seller_sight(payload, item_id), {}
    else:
        sight, offers = webhook_sight(payload, item_id)
    return Observation(item_id, observed_at, source, sight.name, offers, sight, sight.odd)


def time_of(text: str) -> int:
    """Epoch milliseconds of ``observed_at``.

    Raises:
        BadTime: it is none, or none with a time zone.
    """
    if len(text) > LONGEST_TIME:
        raise BadTime(f"observed_at: {text[:40]!r}… is longer than any ISO 8601 time")
    try:
        return parse_iso(text)
    except ValueError as exc:
        raise BadTime(f"observed_at: {str(exc)[:100]}") from None


def check_key(key: bytes | None, item_id: str) -> None:
    """Raises: KeyFault: the *key* of a record is not its item id."""
    if key is None:
        raise KeyFault("the key is missing; it must be the item id")
    if key != item_id.encode():
        raise KeyFault(f"the key {key[:40]!r} is not the item id {item_id!r}")


def _check_envelope(envelope: Any) -> tuple[str, int, str]:
    if envelope.__class__ is not dict:
        raise WrongShape("must be an object")
    get = envelope.get
    schema = get("schema")
    if schema.__class__ is not int or schema != SCHEMA:
        raise WrongShape("schema: must be 1")
    item_id = get("item_id")
    if item_id.__class__ is not str or not ITEM_ID.fullmatch(item_id):
        raise WrongShape("item_id: must be 1–20 digits without a leading zero, as text")
    source = get("source")
    if source not in SOURCES:
        raise WrongShape(f"source: must be one of {', '.join(SOURCES)}")
    request_id = get("request_id")
    if request_id is not None and request_id.__class__ is not str:
        raise WrongShape("request_id: must be text")
    observed_at = get("observed_at")
    if observed_at.__class__ is not str:
        raise WrongShape("observed_at: must be an ISO 8601 time")
    at = time_of(observed_at)
    payload = get("payload")
    if payload.__class__ is not dict:
        raise WrongShape("payload: must be an object")
    if source == AFFILIATE and _item_id_text(payload.get("itemId")) != item_id:
        raise WrongShape(f"payload.itemId: must be {item_id}, as in item_id")
    return item_id, at, source


def _item_id_text(value: Any) -> str | None:
    if value.__class__ is int:
        return str(value)
    if value.__class__ is str:
        return str(value.strip())
    if value.__class__ is float and value.is_integer():
        return str(int(value))
    # Item ids have up to 20 digits; writing out a number of any size could take for ever.
    if value.__class__ is Decimal and value.adjusted() < 20 and value == value.to_integral_value():
        return str(int(value))
    return None
