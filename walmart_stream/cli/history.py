"""``walmart-stream history``: the price and shipping history of an item."""

from __future__ import annotations

from datetime import datetime

import click

from walmart_stream.cli.params import Item, Time, check_span
from walmart_stream.cli.running import KAFKA, command_settings, run_async
from walmart_stream.commands.terminal import echo


@click.command()
@click.argument("item_id", type=Item())
@click.option("--from", "since", type=Time(), help="ISO 8601; default: everything.")
@click.option("--to", "until", type=Time())
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
)
def history(item_id: str, since: datetime | None, until: datetime | None, form: str) -> None:
    """Show the price and shipping history of an item."""
    from walmart_stream.commands.history import UnknownItem
    from walmart_stream.commands.history import history as lines

    check_span(since, until)
    settings = command_settings(KAFKA)

    async def show() -> None:
        async for line in lines(settings, item_id, since, until, form):
            echo(line)

    try:
        run_async(show())
    except UnknownItem as exc:
        raise click.ClickException(str(exc)) from None
