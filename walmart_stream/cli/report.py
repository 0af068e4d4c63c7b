"""``walmart-stream report``: one page with every item's chart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from walmart_stream.cli.params import check_span, examples, json_option, span_options
from walmart_stream.cli.progress import progress
from walmart_stream.cli.running import KAFKA, command_settings, run_async
from walmart_stream.commands.terminal import echo, echo_json

DEFAULT_SPAN = timedelta(days=7)


@click.command(
    epilog=examples(
        "report --out week.html",
        "report --from 2026-11-01 --to 2026-12-01 --tag toys --out november.html",
    )
)
@span_options
@click.option("--tag", help="Only items with this tag; default: all.")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File to write; an existing one is replaced when the new one is complete.",
)
@json_option
def report(
    since: datetime | None, until: datetime | None, tag: str | None, out: Path, as_json: bool
) -> None:
    """Write a report: summary, biggest moves, buy boxes, and each item's chart.

    FILE is one HTML page that opens without a network and prints well. By default it covers the
    last seven days.
    """
    from walmart_stream.commands import report as command

    now = datetime.now(UTC)
    end = min(until or now, now)
    begin = since or end - DEFAULT_SPAN
    check_span(begin, end)
    settings = command_settings(KAFKA)
    try:
        with progress("drawing") as show:
            figures = run_async(command.report(settings, begin, end, tag, out, now, show))
    except (command.NothingToReport, command.NotAFile) as exc:
        raise click.ClickException(str(exc)) from None
    if as_json:
        echo_json(figures)
    else:
        items = "1 item" if figures["items"] == 1 else f"{figures['items']:,} items"
        if figures["left_out"]:
            echo(
                f"{figures['left_out']:,} more have too many changes: choose a shorter time",
                err=True,
            )
        echo(f"{items} in {out}; prices up: {figures['up']:,}, down: {figures['down']:,}")
