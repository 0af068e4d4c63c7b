"""``walmart-stream unlock``: items recomputed without observations from the future."""

from __future__ import annotations

import click

from walmart_stream.cli.params import Item, examples
from walmart_stream.cli.progress import progress
from walmart_stream.cli.running import MONGODB, command_settings, run_async
from walmart_stream.commands.terminal import echo
from walmart_stream.settings import Settings


@click.command(epilog=examples("unlock 10450114"))
@click.argument("item_ids", metavar="ITEM...", nargs=-1, required=True, type=Item())
def unlock(item_ids: tuple[str, ...]) -> None:
    """Recompute items from the raw topic, without observations from the future.

    Older releases accepted such observations, which then kept out everything earlier. Exit code
    1: an item was never observed.
    """
    from walmart_stream.commands.unlock import unlock as command
    from walmart_stream.kafka.item_log import never_observed

    async def recompute(settings: Settings) -> list[str]:
        with progress("reading the log") as show:
            absent = await never_observed(settings, item_ids, show)
        if observed := [item_id for item_id in item_ids if item_id not in absent]:
            await command(settings, observed)
            echo(f"{len(observed)} item(s) are recomputed by the workers that own them")
        return absent

    absent = run_async(recompute(command_settings(MONGODB)))
    if absent:
        raise click.ClickException(f"never observed: {', '.join(absent)}")
