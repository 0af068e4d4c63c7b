"""``walmart-stream reseal``: private fields sealed with the newest key."""

from __future__ import annotations

import sys

import click

from walmart_stream.cli.running import command_settings, run_async
from walmart_stream.commands.terminal import echo


@click.command()
@click.option("--plain", is_flag=True, help="Unseal them instead.")
def reseal(plain: bool) -> None:
    """Seal what is private to the seller in MongoDB with the newest key; safe to repeat."""
    from walmart_stream.commands import reseal as command

    settings = command_settings()

    async def show() -> bool:
        complete = True
        async for collection, found in command.reseal(settings, plain=plain):
            echo(f"{collection}: {found}")
            for one in found.first_unreadable:
                echo(f"  unreadable: {one}")
            complete &= not found.unreadable
        return complete

    sys.exit(0 if run_async(show()) else 1)
