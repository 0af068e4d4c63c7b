"""Item ids by SKU or GTIN: keys and values in the topic of news and in the table of own items."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from walmart_stream.domain.errors import MalformedJson, WrongShape
from walmart_stream.domain.reading.observation import ITEM_ID

# What keys of the news and of the table begin with.
SKU, GTIN, EVENT = b"sku:", b"gtin:", b"event:"


class Known(NamedTuple):
    """The item id of a SKU or GTIN.

    ``told``: Walmart named both together. Else they were joined by a product code, which is
    weaker. Without an item id, several items share the GTIN.
    """

    item_id: str | None
    told: bool
    at: int


def sku_key(sku: str) -> bytes:
    return SKU + sku.encode("utf-8", "surrogatepass")


def gtin_key(code: Any) -> bytes | None:
    """The key of a GTIN, UPC or EAN in any length; ``None`` for what is none."""
    digits = str(code).strip() if isinstance(code, str | int) else ""
    if not digits.isascii() or not digits.isdigit() or not digits.strip("0"):
        return None
    return GTIN + digits.lstrip("0").zfill(14).encode() if len(digits) <= 14 else None


def encode_known(known: Known) -> bytes:
    return orjson.dumps([*known])


def decode_known(value: bytes) -> Known:
    """Raises: BadInput: it is none."""
    try:
        item_id, told, at = orjson.loads(value)
    except orjson.JSONDecodeError as exc:
        raise MalformedJson(f"not JSON: {str(exc)[:100]}") from None
    except (ValueError, TypeError):
        raise WrongShape("must be [item id, told, time]") from None
    good = item_id is None or (isinstance(item_id, str) and ITEM_ID.fullmatch(item_id))
    if not good or not isinstance(told, bool) or not isinstance(at, int):
        raise WrongShape("must be [item id, told, time]")
    return Known(item_id, told, at)


def better(old: Known | None, new: Known, *, is_code: bool) -> Known | None:
    """The value to keep in place of *old*, if any."""
    if old is None:
        return new
    if is_code:
        # Two items under one GTIN: it no longer tells them apart.
        both = old.item_id is not None and old.item_id != new.item_id
        return Known(None, False, new.at) if both else None
    if old.item_id == new.item_id:
        return new if new.told and not old.told else None
    if old.told and (not new.told or new.at < old.at):
        return None
    return new
