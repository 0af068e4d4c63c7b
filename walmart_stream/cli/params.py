"""Types of arguments that several commands share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click


class Time(click.ParamType):
    """An ISO 8601 time; without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not an ISO 8601 time", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Item(click.ParamType):
    """An item id, or the address of its page."""

    name = "item"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        from walmart_stream.domain.item_id import RIGHT, item_id_in
        from walmart_stream.domain.watch import shown

        found = item_id_in(value)
        if found is None:
            self.fail(f"{shown(value)}: an item {RIGHT}", param, ctx)
        return found


class Price(click.ParamType):
    """US dollars such as 14.80, as cents."""

    name = "price"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        from walmart_stream.commands.seller import parse_price

        try:
            return value if isinstance(value, int) else parse_price(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)
