"""``walmart-stream seller``: changes to the seller's own items, shown before they are made."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable
from typing import Any, NamedTuple

from walmart_stream.bootstrap import seller_client
from walmart_stream.domain.reading.amounts import MAX_CENTS
from walmart_stream.settings import Settings, SettingsError

_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2}))?", re.ASCII)


def parse_price(text: str) -> int:
    """US dollars such as ``14.8`` or ``14.80`` in cents.

    Raises:
        ValueError: it is not a price that can be set; nothing is rounded.
    """
    match = _AMOUNT.fullmatch(text.strip().removeprefix("$"))
    if match is None:
        raise ValueError(f"{text!r} is not a price: it must be dollars with at most two decimals")
    cents = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if not 0 < cents <= MAX_CENTS:
        raise ValueError(f"{text!r} is not a price that can be set")
    return cents


class Told(NamedTuple):
    """A line for people, and the JSON fields that it tells."""

    line: str
    fields: dict[str, Any]


async def change_price(
    settings: Settings,
    sku: str,
    price_cents: int,
    *,
    apply: bool,
    agreed: Callable[[str], bool],
) -> AsyncGenerator[Told, None]:
    """The item, its price now and then, and what was done; all fields together once it ends.

    Nothing is changed unless *apply*; where the price moves by more than half, *agreed* is asked
    before.

    Raises:
        SettingsError: the credentials of the seller side are missing.
        ContentNotFound: the seller has no item with this *sku*.
        WalmartError: a call failed.
    """
    if not settings.selling:
        names = ("WALMART_CLIENT_ID", "WALMART_CLIENT_SECRET")
        raise SettingsError([f"{name}: needed for the seller side" for name in names])
    client = seller_client(settings)
    try:
        # Also shows that the SKU is the one that was meant.
        item = await client.items.get(sku)
        yield Told(f"{item.sku}  {item.name or '(no name)'}", {"sku": item.sku, "name": item.name})
        yield Told(f"  now   {_dollars(item.price_cents)}", {"now_cents": item.price_cents})
        shown = f"  then  {_dollars(price_cents)}{_difference(item.price_cents, price_cents)}"
        yield Told(shown, {"then_cents": price_cents})
        nothing = {"changed": False, "receipt": None}
        if not apply:
            yield Told("the price is unchanged; --apply changes it", nothing)
            return
        if _is_large(item.price_cents, price_cents) and not agreed(
            "The price changes by more than half. Change it?"
        ):
            yield Told("the price is unchanged", nothing)
            return
        receipt = await client.prices.put(item.sku, price_cents)
        yield Told(
            f"changed; Walmart shows it within about five minutes. Walmart says: {receipt or '-'}",
            {"changed": True, "receipt": receipt},
        )
    finally:
        await client.close()


def _is_large(before: int | None, after: int) -> bool:
    """Whether a slip of the point is likely: less than half, or more than one and a half."""
    return bool(before) and abs(after - (before or 0)) * 2 > (before or 0)


def _dollars(cents: int | None) -> str:
    return "no price" if cents is None else f"{cents // 100}.{cents % 100:02} USD"


def _difference(before: int | None, after: int) -> str:
    if not before:
        return ""
    sign = "-" if after < before else "+"
    return f"  ({sign}{_dollars(abs(after - before))}, {(after - before) / before:+.1%})"
