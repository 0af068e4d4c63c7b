"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


EXAMPLE_OF_A_TIME = "2026-11-29 or 2026-11-29T18:00:00Z"


class Suggesting(click.Group):
    """A group that suggests the nearest command for a mistyped one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as exc:
            if near := get_close_matches(args[0], self.list_commands(ctx), 1):
                exc.message += f" Did you mean {near[0]!r}?"
            raise


class Time(click.ParamType):
    """An ISO 8601 time; without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not an ISO 8601 time such as {EXAMPLE_OF_A_TIME}", param, ctx)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        from walmart_stream.domain.time import to_ms

        try:
            to_ms(moment)
        except (ValueError, OverflowError) as exc:
            self.fail(f"{value!r}: {exc}", param, ctx)
        return moment


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


def examples(*lines: str) -> str:
    """The examples in a command's help, one for the arguments in each of *lines*."""
    # \b keeps click from filling the lines.
    return "\b\nExamples:\n" + "\n".join(f"  walmart-stream {line}" for line in lines)


def json_option(command: F) -> F:
    """``--json`` as the argument ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def span_options(command: F) -> F:
    """``--from`` and ``--to`` as the arguments ``since`` and ``until``."""
    command = click.option("--to", "until", type=Time(), help="Before this time.")(command)
    return click.option("--from", "since", type=Time(), help="From this time on (ISO 8601, UTC).")(
        command
    )


def check_span(since: datetime | None, until: datetime | None) -> None:
    """Raises UsageError unless *since* is before *until*."""
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--from must be earlier than --to")
