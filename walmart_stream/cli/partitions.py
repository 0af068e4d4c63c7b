"""``walmart-stream partitions``: parked and added partitions, and what to do with them."""

from __future__ import annotations

import json
import time

import click

from walmart_stream.cli.params import Suggesting, examples
from walmart_stream.cli.progress import progress
from walmart_stream.cli.running import command_settings, run_async
from walmart_stream.commands.terminal import echo


@click.group(cls=Suggesting, epilog=examples("partitions list", "partitions resume"))
def partitions() -> None:
    """Parked partitions, and partitions that somebody added."""


@partitions.command("list", epilog=examples("partitions list", "partitions list --json"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def partitions_list(as_json: bool) -> None:
    """List the parked partitions."""
    from walmart_stream.commands import partitions as command

    found = run_async(command.parked(command_settings()))
    if as_json:
        echo(json.dumps({"parked": [one.fields() for one in found]}, indent=2))
        return
    for one in found:
        echo(one)
    if not found:
        echo("no partition is parked")


@partitions.command(
    "resume",
    epilog=examples(
        "partitions resume", "partitions resume walmart-competitor-data:3 --skip-bad-until 1042"
    ),
)
@click.argument("names", nargs=-1, metavar="[TOPIC:PARTITION]...")
@click.option(
    "--skip-bad-until",
    type=click.IntRange(min=1),
    metavar="OFFSET",
    help="Skip bad input before OFFSET, without dead letters and without counting it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def partitions_resume(names: tuple[str, ...], skip_bad_until: int | None, as_json: bool) -> None:
    """Resume parked partitions: the named ones, or else all."""
    from walmart_stream.commands import partitions as command

    settings = command_settings()
    try:
        resumed = run_async(
            command.resume(
                settings,
                names,
                skip_bad_until=skip_bad_until,
                clock=lambda: time.time_ns() // 1_000_000,
            )
        )
    except command.BadOffset as exc:
        raise click.UsageError(str(exc)) from None
    except command.NotParked as exc:
        raise click.ClickException(str(exc)) from None
    if as_json:
        places = [
            {"topic": one.topic, "partition": one.partition, "offset": one.offset}
            for one in resumed
        ]
        echo(json.dumps({"resumed": places}, indent=2))
        return
    for one in resumed:
        echo(f"{one.topic}:{one.partition} continues at offset {one.offset}")


@partitions.command("move", epilog=examples("partitions move", "partitions move --json"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def partitions_move(as_json: bool) -> None:
    """Move records out of partitions that somebody added.

    Workers read the first KAFKA_PARTITIONS partitions of each topic. Records in the others are
    copied to where their keys belong, once, however often this is run.
    """
    from walmart_stream.commands.move import NotMovable, move

    settings = command_settings()
    try:
        with progress("moving") as show:
            done = run_async(
                move(settings, clock=lambda: time.time_ns() // 1_000_000, progress=show)
            )
    except NotMovable as exc:
        raise click.ClickException(str(exc)) from None
    if as_json:
        echo(json.dumps({"moved": [one.fields() for one in done]}, indent=2))
        return
    for one in done:
        echo(one)
    if not done:
        echo("no topic has more partitions than KAFKA_PARTITIONS")
