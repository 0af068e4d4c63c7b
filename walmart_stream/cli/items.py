"""``walmart-stream items``: the list of items."""

from __future__ import annotations

import click

from walmart_stream.cli.params import examples, json_option
from walmart_stream.cli.running import KAFKA, command_settings, run_async
from walmart_stream.commands.terminal import echo, echo_json

# As in the registries, whose modules are imported late; a test compares them.
STATES = ("winning", "competitive", "lost", "suppressed", "unknown")
SORTS = (
    "item_id",
    "name",
    "changed_at",
    "own",
    "best_rival",
    "featured",
    "marketplace",
    "gap_cents",
    "gap_pct",
    "state",
    "holder",
)


@click.command(
    epilog=examples(
        "items",
        "items --state lost --sort gap_cents --descending",
        "items --tag toys --search kettle --json",
    )
)
@click.option("--tag", help="Only items with this tag.")
@click.option(
    "--state", type=click.Choice(STATES), help="Only items whose own offer is in this state."
)
@click.option("--search", "q", metavar="WORDS", help="Words of the name, or their beginnings.")
@click.option("--sort", type=click.Choice(SORTS), default="item_id", show_default=True)
@click.option("--descending", is_flag=True, help="Sort the largest first.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@json_option
def items(
    tag: str | None,
    state: str | None,
    q: str | None,
    sort: str,
    descending: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List items with their landed prices; items without the value sorted by come last."""
    from walmart_stream.commands import items as command

    asked = {
        "tag": tag,
        "state": state,
        "q": q,
        "sort": sort,
        "order": "desc" if descending else "asc",
    }
    try:
        found = run_async(command.items(command_settings(KAFKA), asked, limit))
    except command.CannotBeListed as exc:
        raise click.UsageError(str(exc)) from None
    if as_json:
        echo_json(found)
    else:
        for line in command.lines(found):
            echo(line)
