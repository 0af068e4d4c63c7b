"""``walmart-stream sandbox``: the sandbox Walmart alone."""

from __future__ import annotations

import click

from walmart_stream.cli.params import examples
from walmart_stream.cli.running import run_async
from walmart_stream.commands.terminal import note


@click.command(epilog=examples("sandbox", "sandbox --port 8080 --items 1000 --speed 60"))
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option("--items", type=click.IntRange(1, 100_000), default=200, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--speed", type=click.FloatRange(0, min_open=True), default=1, show_default=True)
@click.option(
    "--skus",
    type=click.IntRange(0, 100_000),
    default=300,
    show_default=True,
    help="Number of items that the sandbox's seller offers too; at most all.",
)
@click.option(
    "--seller-traps",
    is_flag=True,
    help="Answer in every form in which the seller API was seen to answer.",
)
def sandbox(port: int, items: int, seed: int, speed: float, skus: int, seller_traps: bool) -> None:
    """Run the sandbox Walmart alone.

    The seller's credentials are WALMART_CLIENT_ID and WALMART_CLIENT_SECRET, or made up.
    """
    from walmart_stream.commands.sandbox import run

    note.is_off = True
    run_async(run(port, items, seed, speed, skus, seller_traps))
