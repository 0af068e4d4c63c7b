"""``walmart-stream unlock``: items recomputed without observations from the future."""

from __future__ import annotations

import click

from walmart_stream.cli.params import Item, examples
from walmart_stream.cli.running import MONGODB, command_settings, run_async
from walmart_stream.commands.terminal import echo


@click.command(epilog=examples("unlock 10450114"))
@click.argument("item_ids", metavar="ITEM...", nargs=-1, required=True, type=Item())
def unlock(item_ids: tuple[str, ...]) -> None:
    """Make items anew from the raw topic, without observations from the future.

    For what releases before this one let in: their time kept everything newer out.
    """
    from walmart_stream.commands.unlock import unlock as command

    run_async(command(command_settings(MONGODB), item_ids))
    echo(f"{len(item_ids)} items are recomputed by the workers that own them")
