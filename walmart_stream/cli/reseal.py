"""``walmart-stream reseal``: private fields encrypted with the newest key."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from walmart_stream.cli.params import examples, json_option
from walmart_stream.cli.running import command_settings, run_async
from walmart_stream.commands.terminal import echo, echo_json


@click.command(epilog=examples("reseal", "reseal --plain"))
@click.option("--plain", is_flag=True, help="Decrypt them instead.")
@json_option
def reseal(plain: bool, as_json: bool) -> None:
    """Encrypt the fields private to the seller in MongoDB with the newest key; safe to repeat."""
    from walmart_stream.commands import reseal as command

    settings = command_settings()

    async def show() -> bool:
        complete = True
        counts = {}
        async for collection, found in command.reseal(settings, plain=plain):
            complete &= not found.unreadable
            counts[collection] = asdict(found)
            if as_json:
                continue
            echo(f"{collection}: {found}")
            for one in found.first_unreadable:
                echo(f"  unreadable: {one}")
        if as_json:
            echo_json(counts)
        return complete

    sys.exit(0 if run_async(show()) else 1)
