"""``walmart-stream replay``: results recomputed from the raw topic."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime

import click

from walmart_stream.cli.params import Time, examples, json_option
from walmart_stream.cli.progress import progress
from walmart_stream.cli.running import command_settings, run_async
from walmart_stream.commands.terminal import echo, echo_json


@click.command(
    epilog=examples("replay", "replay --into rebuilt --from 2026-11-01", "replay --items")
)
@click.option(
    "--from", "since", type=Time(), help="Store no results from before this time (ISO 8601)."
)
@click.option("--into", metavar="DATABASE", help="Database to write to. Default: MONGODB_DATABASE.")
@click.option("--items", is_flag=True, help="Only `items`, from stored offers and changes.")
@json_option
def replay(since: datetime | None, into: str | None, items: bool, as_json: bool) -> None:
    """Recompute the results from the raw topic while workers run.

    Refused for the live database once retention has deleted the beginning of the topic. --items
    does not need the topic: it rebuilds the collection `items` from the other collections.

    Exit code 3: batches of the topic cannot be read, and their results are missing.
    """
    from walmart_stream.audit.report import unreadable_lines
    from walmart_stream.commands import remake
    from walmart_stream.commands import replay as command

    settings = command_settings()
    if items:
        if since is not None:
            raise click.UsageError("--items builds complete documents: leave out --from")
        with progress("building items") as show:
            made = run_async(remake.remake(settings, into=into, progress=show))
        if as_json:
            echo_json(made._asdict())
        else:
            echo(f"{made.items} items recreated in {made.seconds:.1f} s")
        return
    with progress("replaying") as show:
        done = run_async(command.replay(settings, since=since, into=into, progress=show))
    code = 3 if done.unreadable else 0
    if as_json:
        echo_json(asdict(done))
        sys.exit(code)
    rate = done.observations / done.seconds
    echo(
        f"{done.observations} observations ({done.skipped} skipped) in {done.seconds:.1f} s, "
        f"{rate:,.0f}/s: {done.changes} changes and {done.windows} closed windows"
    )
    if done.begins is not None:
        begins = datetime.fromtimestamp(done.begins / 1000, UTC)
        echo(
            f"the raw topic begins at {begins:%Y-%m-%d %H:%M:%S} UTC: offers known before count as "
            "first seen there, and nothing is known of earlier times"
        )
    for line in unreadable_lines(done.unreadable):
        echo(line)
    sys.exit(code)
