"""``walmart-stream quota``: how often items can be seen."""

from __future__ import annotations

import json

import click

from walmart_stream.cli.params import examples
from walmart_stream.cli.running import KAFKA, MONGODB, command_settings
from walmart_stream.commands.terminal import echo


@click.command(epilog=examples("quota", "quota --items 5000 --json"))
@click.option(
    "--items", type=click.IntRange(1), help="Size of the watchlist; default: several usual sizes."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def quota(items: int | None, as_json: bool) -> None:
    """Show how often items can be seen with the calls that Walmart grants."""
    from walmart_stream.commands import quota as command

    settings = command_settings(KAFKA, MONGODB)
    found = [command.sight(settings, number) for number in ([items] if items else command.USUAL)]
    if as_json:
        echo(json.dumps([one.fields() for one in found], indent=2))
        return
    for one in found:
        echo(command.words(one))
