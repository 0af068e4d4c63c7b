"""``walmart-stream history``: the price and shipping history of an item."""

from __future__ import annotations

from datetime import datetime

import click

from walmart_stream.cli.params import Item, Time, check_span, examples, json_option
from walmart_stream.cli.running import KAFKA, command_settings, run_async
from walmart_stream.commands.terminal import echo


@click.command(
    epilog=examples(
        "history 10450114",
        "history 10450114 --from 2026-11-01 --to 2026-12-01 --format csv",
        "history 10450114 --json",
    )
)
@click.argument("item_id", type=Item())
@click.option(
    "--from", "since", type=Time(), help="From this time on (ISO 8601, UTC); default: everything."
)
@click.option("--to", "until", type=Time())
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
)
@json_option
def history(
    item_id: str, since: datetime | None, until: datetime | None, form: str, as_json: bool
) -> None:
    """Show the price and shipping history of an item."""
    from walmart_stream.commands.history import UnknownItem
    from walmart_stream.commands.history import history as lines

    check_span(since, until)
    settings = command_settings(KAFKA)

    async def show() -> None:
        async for line in lines(settings, item_id, since, until, "json" if as_json else form):
            echo(line)

    try:
        run_async(show())
    except UnknownItem as exc:
        raise click.ClickException(str(exc)) from None
