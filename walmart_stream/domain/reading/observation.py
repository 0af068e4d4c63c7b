"""Observations: the envelope of the raw topic, and what one says about an item's offers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from walmart_stream.domain.errors import (
    BadInput,
    BadTime,
    EmptyValue,
    KeyFault,
    MalformedJson,
    WrongShape,
)
from walmart_stream.domain.money import Doubtful
from walmart_stream.domain.offers import FEATURED, MARKETPLACE, Offer
from walmart_stream.domain.reading.affiliate_offers import affiliate_offers, item_name
from walmart_stream.domain.reading.fast_path import Reader
from walmart_stream.domain.reading.seller_observation import Sight, seller_sight, webhook_sight
from walmart_stream.domain.time import parse_iso, to_iso

SCHEMA = 1
AFFILIATE = "affiliate"
SELLER = "seller"
SOURCES = (AFFILIATE, SELLER, "webhook")
ITEM_ID = re.compile(r"[1-9][0-9]{0,19}")
# The exact parser is recursive. Items are four levels deep.
DEEPEST = 200


class Observation(Struct, frozen=True, gc=False):
    """One look at one item, read. ``observed_at`` in epoch milliseconds.

    ``offers`` are those that it names, ``sight`` what the seller side says besides.
    """

    item_id: str
    observed_at: int
    source: str
    name: str | None
    offers: Mapping[str, Offer | None]
    sight: Sight | None = None


def encode(
    *, source: str, item_id: str, observed_at: int, request_id: str, payload: bytes
) -> bytes:
    """The raw topic's value for a *payload* (the item's JSON text), which stays untouched."""
    head = orjson.dumps(
        {
            "schema": SCHEMA,
            "source": source,
            "item_id": item_id,
            "observed_at": to_iso(observed_at),
            "request_id": request_id,
        }
    )
    return b'%s,"payload":%s}' % (head[:-1], payload)


def decode(key: bytes | None, value: bytes | None) -> Observation:
    """Read a record of the raw topic.

    Raises:
        BadInput: the record is not a valid observation; the class and message say why.
    """
    if not value:
        raise EmptyValue("an observation is due, the value is empty")
    usual = _read_usual(value)
    if usual is not None:
        envelope, (name, featured, marketplace, _) = usual
        try:
            at = _time(envelope.observed_at)
            _check_key(key, envelope.item_id)
        except BadInput:
            pass  # what is wrong is said below
        else:
            offers = {FEATURED: featured, MARKETPLACE: marketplace}
            return Observation(envelope.item_id, at, AFFILIATE, name, offers)
    return _decode_any(key, value)


def _decode_any(key: bytes | None, value: bytes) -> Observation:
    try:
        envelope = orjson.loads(value)
    except orjson.JSONDecodeError as exc:
        envelope = _with_large_numbers(value)
        if envelope is None:
            raise MalformedJson(f"not JSON: {str(exc)[:100]}") from None
    item_id, observed_at, source = _check_envelope(envelope)
    _check_key(key, item_id)
    payload = envelope["payload"]
    if source != AFFILIATE:
        try:
            return _of_seller_side(item_id, observed_at, source, payload)
        except Doubtful:
            return _of_seller_side(item_id, observed_at, source, _exactly(value, payload))
    try:
        offers = affiliate_offers(payload)
    except Doubtful:
        offers = affiliate_offers(_exactly(value, payload))
    return Observation(item_id, observed_at, source, item_name(payload), offers)


def _of_seller_side(
    item_id: str, observed_at: int, source: str, payload: dict[str, Any]
) -> Observation:
    offers: Mapping[str, Offer | None] = {}
    if source == SELLER:
        sight = seller_sight(payload, item_id)
    else:
        sight, offers = webhook_sight(payload, item_id)
    return Observation(item_id, observed_at, source, sight.name, offers, sight)


def _with_large_numbers(value: bytes) -> Any:
    """*value* if all that is wrong with it are numbers beyond doubles: most fields are not read."""
    try:
        return _decode_decimals(value)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _exactly(value: bytes, payload: Any) -> Any:
    """The payload in *value* with decimals instead of doubles."""
    if _is_deeper(payload, DEEPEST):
        raise WrongShape(f"payload: nested in more than {DEEPEST} levels")
    return json.loads(value, parse_float=_exact)["payload"]


def _check_envelope(envelope: Any) -> tuple[str, int, str]:
    if envelope.__class__ is not dict:
        raise WrongShape("an object is due")
    get = envelope.get
    schema = get("schema")
    if schema.__class__ is not int or schema != SCHEMA:
        raise WrongShape("schema: 1 is due")
    item_id = get("item_id")
    if item_id.__class__ is not str or not ITEM_ID.fullmatch(item_id):
        raise WrongShape("item_id: a number of up to 20 digits, as text, is due")
    source = get("source")
    if source not in SOURCES:
        raise WrongShape(f"source: one of {', '.join(SOURCES)} is due")
    request_id = get("request_id")
    if request_id is not None and request_id.__class__ is not str:
        raise WrongShape("request_id: text is due")
    observed_at = get("observed_at")
    if observed_at.__class__ is not str:
        raise WrongShape("observed_at: an ISO 8601 time is due")
    at = _time(observed_at)
    payload = get("payload")
    if payload.__class__ is not dict:
        raise WrongShape("payload: an object is due")
    if source != AFFILIATE:
        return item_id, at, source
    named = payload.get("itemId")
    if (str(named) if named.__class__ is int else _item_id_text(named)) != item_id:
        raise WrongShape(f"payload.itemId: {item_id} is due, as in item_id")
    return item_id, at, source


def _time(text: str) -> int:
    try:
        return parse_iso(text)
    except ValueError as exc:
        raise BadTime(f"observed_at: {str(exc)[:100]}") from None


def _check_key(key: bytes | None, item_id: str) -> None:
    if key is None:
        raise KeyFault("the key is missing; it must be the item id")
    if key != item_id.encode():
        raise KeyFault(f"the key {key[:40]!r} is not the item id {item_id!r}")


def _item_id_text(value: Any) -> str | None:
    if value.__class__ is str:
        return str(value.strip())
    if value.__class__ is float and value.is_integer():
        return str(int(value))
    return None


def _exact(text: str) -> Decimal | float:
    try:
        return Decimal(text)
    except InvalidOperation:
        return float(text)  # an exponent below -10^18: 0.0


# What it remembers saves time and changes no result.
_read_usual = Reader().read
_decode_decimals = Decoder(float_hook=_exact).decode


def _is_deeper(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [
            child
            for node in layer
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not layer:
            return False
    return True
