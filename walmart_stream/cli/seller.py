"""``walmart-stream seller``: the seller's own items."""

from __future__ import annotations

import click

from walmart_stream.cli.params import Price, Suggesting, examples, json_option
from walmart_stream.cli.running import KAFKA, MONGODB, command_settings, run_async
from walmart_stream.commands.terminal import echo, echo_json, note


@click.group(cls=Suggesting, epilog=examples("seller price SKU-1 14.80"))
def seller() -> None:
    """The seller's own items."""


@seller.command(
    "price", epilog=examples("seller price SKU-1 14.80", "seller price SKU-1 14.80 --apply")
)
@click.argument("sku")
@click.argument("amount", type=Price())
@click.option("--apply", is_flag=True, help="Change the price; otherwise it is only shown.")
@click.option(
    "--yes",
    is_flag=True,
    help="Do not ask for confirmation if the price changes by more than half.",
)
@json_option
def seller_price(sku: str, amount: int, apply: bool, yes: bool, as_json: bool) -> None:
    """Change the price of an item to AMOUNT US dollars, without shipping."""
    from walmart_stream.commands import seller as command

    settings = command_settings(KAFKA, MONGODB)

    def agreed(question: str) -> bool:
        note.clear()
        # Not among the data.
        return yes or click.confirm(question, default=False, err=as_json)

    async def change() -> None:
        fields: dict[str, object] = {}
        async for told in command.change_price(settings, sku, amount, apply=apply, agreed=agreed):
            fields |= told.fields
            if not as_json:
                echo(told.line)
        if as_json:
            echo_json(fields)

    run_async(change())
