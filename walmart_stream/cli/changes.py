"""``walmart-stream changes``: the price changes of all items."""

from __future__ import annotations

from contextlib import aclosing, suppress
from datetime import datetime

import click

from walmart_stream.cli.params import Time, examples, json_option
from walmart_stream.cli.running import KAFKA, MONGODB, command_settings, run_async
from walmart_stream.commands.terminal import echo, echo_json, echo_json_line, note


@click.command(
    epilog=examples(
        "changes",
        "changes --since 2026-11-22T18:00:00Z --limit 1000 --json",
        "changes --follow",
    )
)
@click.option(
    "--since", type=Time(), metavar="TIME", help="First time of observation (ISO 8601, UTC)."
)
@click.option("--follow", is_flag=True, help="Continue with new changes, until Ctrl-C.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="Number of newest changes, or of first ones with --since; not with --follow.",
)
@json_option
def changes(since: datetime | None, follow: bool, limit: int, as_json: bool) -> None:
    """Show the newest price changes of all items, or those since a time.

    With --follow, new changes are read from Kafka in the order in which they were computed, so
    late ones are included; with --json, one document a line.
    """
    from walmart_stream.commands import changes as command

    if not follow:
        found = run_async(command.changes(command_settings(KAFKA), since, limit))
        if as_json:
            echo_json({"changes": found})
        else:
            for line in command.lines(found):
                echo(line)
        return
    settings = command_settings(MONGODB)

    async def show() -> None:
        async with aclosing(command.follow(settings, since)) as found:
            async for change in found:
                if as_json:
                    echo_json_line(change)
                else:
                    echo(command.line(change))

    note.is_off = True
    with suppress(KeyboardInterrupt):
        run_async(show())
