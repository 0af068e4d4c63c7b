"""``walmart-stream watch``: the watchlist."""

from __future__ import annotations

import sys
from typing import BinaryIO

import click
from pydantic import ValidationError

from walmart_stream.cli.params import Item, Suggesting, examples, json_option
from walmart_stream.cli.running import MONGODB, command_settings, run_async
from walmart_stream.commands.terminal import echo, echo_json
from walmart_stream.settings import Settings


@click.group(cls=Suggesting, epilog=examples("watch add 10450114", "watch list"))
def watch() -> None:
    """The watchlist: which items are polled."""


@watch.command(
    "add",
    epilog=examples(
        "watch add 10450114 12417832 --note 'kettles'",
        "watch add https://www.walmart.com/ip/10450114",
    ),
)
@click.argument("item_ids", nargs=-1, required=True, type=Item())
@click.option("--note", help="Reason for watching these items.")
@click.option("--tag", "tags", multiple=True, help="Word that groups these items; repeatable.")
def watch_add(item_ids: tuple[str, ...], note: str | None, tags: tuple[str, ...]) -> None:
    """Watch items, by their ids or the addresses of their pages.

    Note and tags replace the former ones; without these options they are removed.
    """
    from walmart_stream.domain.watch import WatchEntry, reason
    from walmart_stream.kafka import watchlist as commands

    settings = command_settings(MONGODB)
    try:
        entries = [WatchEntry(item_id=item_id, note=note, tags=tags) for item_id in item_ids]
    except ValidationError as exc:
        raise click.UsageError(reason(exc)) from None
    run_async(commands.add(settings, entries))
    echo(f"watching {len(entries)} item(s)")


@watch.command("remove", epilog=examples("watch remove 10450114"))
@click.argument("item_ids", nargs=-1, required=True, type=Item())
def watch_remove(item_ids: tuple[str, ...]) -> None:
    """Stop watching items; exit code 1 if an item was not watched."""
    from walmart_stream.kafka import watchlist as commands

    async def remove(settings: Settings) -> list[str]:
        watched = await commands.watched(settings)
        await commands.remove(settings, [item_id for item_id in item_ids if item_id in watched])
        return [item_id for item_id in item_ids if item_id not in watched]

    absent = run_async(remove(command_settings(MONGODB)))
    echo(f"no longer watching {len(item_ids) - len(absent)} item(s)")
    if absent:
        raise click.ClickException(f"not watched: {', '.join(absent)}")


@watch.command("list", epilog=examples("watch list", "watch list --json"))
@json_option
def watch_list(as_json: bool) -> None:
    """List the watched items."""
    from walmart_stream.kafka import watchlist as commands

    entries = run_async(commands.watched(command_settings(MONGODB))).entries()
    if as_json:
        echo_json({"items": [entry.fields() for entry in entries]})
        return
    for entry in entries:
        echo(f"{entry.item_id}\t{entry.note or ''}\t{', '.join(entry.tags)}".rstrip())


@watch.command(
    "import", epilog=examples("watch import items.csv", "watch import items.csv --check")
)
@click.argument("file", type=click.File("rb"))
@click.option("--check", is_flag=True, help="Show what would be watched; change nothing.")
def watch_import(file: BinaryIO, check: bool) -> None:
    """Watch the items of a CSV file; - reads standard input.

    The first row names the columns: item_id (or Item ID, as in Walmart's own files) and optionally
    note and tags (several tags in a cell with ; between them). Any separator and encoding that
    spreadsheets write is read, and the address of a walmart.com/ip/ page counts as its item id.
    A wrong line is shown with what would be right; the other lines are imported.
    """
    from walmart_stream.kafka import watchlist as commands

    settings = None if check else command_settings(MONGODB)
    name = getattr(file, "name", "standard input")
    try:
        entries, faults = commands.read_file(file)
    except (OSError, ValueError) as exc:
        raise click.ClickException(f"{name}: {exc}") from None
    if settings is None:
        for entry in entries:
            echo(f"{entry.item_id}\t{entry.note or ''}\t{', '.join(entry.tags)}".rstrip())
    elif entries:
        run_async(commands.add(settings, entries))
    for fault in faults:
        echo(f"{name}: {fault}", err=True)
    if not entries and not faults:
        raise click.ClickException(
            f"{name}: contains no items; write one item id a line, or columns under the names "
            "item_id and note"
        )
    echo(f"{'would watch' if check else 'watching'} {len(entries)} item(s)", err=check)
    if faults:
        sys.exit(1)
