"""``walmart-stream state``: the state of an item at a time."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from walmart_stream.cli.params import Item, Time, examples, json_option
from walmart_stream.cli.progress import progress
from walmart_stream.cli.running import MONGODB, command_settings, run_async
from walmart_stream.commands.terminal import echo, echo_json

CANNOT_BE_TOLD = 3


@click.command(
    epilog=examples(
        "state 10450114",
        "state 10450114 --at 2026-11-22T18:00:00Z",
        "state https://www.walmart.com/ip/10450114 --at 2026-11-22 --json",
    )
)
@click.argument("item_id", type=Item(), metavar="ITEM")
@click.option("--at", type=Time(), metavar="TIME", help="ISO 8601, UTC; default: now.")
@json_option
def state(item_id: str, at: datetime | None, as_json: bool) -> None:
    """Show the state of an item at a time, and the records behind it.

    It is recomputed from the raw topic. Exit code 1: the item had not been observed. 3: its state
    cannot be told, since the topic no longer holds the observations.
    """
    from walmart_stream.commands import state as command

    settings = command_settings(MONGODB)
    try:
        with progress("reading the log") as show:
            found = run_async(command.state(settings, item_id, at or datetime.now(UTC), show))
    except command.NothingKnown as exc:
        raise click.ClickException(str(exc)) from None
    except command.CannotBeTold as exc:
        echo(f"walmart-stream: {exc}", err=True)
        sys.exit(CANNOT_BE_TOLD)
    if as_json:
        echo_json(found)
    else:
        for line in command.lines(found):
            echo(line)
    if not found["is_whole"]:
        echo("the log has lost its beginning, so other offers cannot be told", err=True)
